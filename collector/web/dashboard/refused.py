"""What was refused, each with what to do about it: beacons, call records, calls, batches."""

from __future__ import annotations

import re
import shlex
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.domain import outcomes, remedies
from collector.domain.installation import is_web_origin
from collector.domain.outcomes import ORIGIN_NOT_ALLOWED, REMEDIES, UNKNOWN_PROJECT, Remedy
from collector.storage.beacon_counts import NO_PROJECT, UNNAMED
from collector.storage.reports import refusals
from collector.storage.reports.overview import Read
from collector.storage.reports.standing import Installed
from collector.storage.reports.traffic import Beacons
from collector.web.dashboard import counted, steps
from collector.web.dashboard.steps import Step

#: A refusal asks for a person while its last beacon is not older than this.
RECENT = timedelta(hours=24)

#: So many origins of one refusal are named, the most frequent.
MOST_ORIGINS = 5

_NUMBERED = re.compile(r"enrichment \d+, revision \d+, was refused by the API: ")

_BATCHES = {
    "rejected": "Its enrichments were sent again in parts until the culprits were alone: they are "
    "among the calls above.",
    "bad_version": "Contentsquare does not know the integration version. Have it registered, or go "
    "back: collector installation edit {project_id} --integration-version N",
    "later": "The API was not to be had, or asked to wait. Nothing to do: the next run sends them.",
}

_CALLS = {
    "rejected": "Compare the definition with the registered schema (collector integration check). "
    "When it is mended: collector retry --project-id {project_id} --reason {reason}",
    "invalid": "Mend the records and import them again, or mend the definition, then: "
    "collector retry --project-id {project_id} --reason {reason}",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class BeaconRefusal:
    """Beacons with one outcome and one remedy. ``project_id`` is None if nobody can tell."""

    project_id: int | None
    outcome: str
    beacons: int
    last_at: datetime
    origins: Sequence[tuple[str, int]]
    more_origins: int
    step: Step


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """Something else that was refused ``count`` times, lastly at ``last_at``; ``what`` says why.

    ``label`` is a code to group by; ``beside`` is the second number that belongs to it.
    """

    project_id: int
    label: str
    what: str
    count: int
    beside: int
    last_at: datetime
    step: Step


def beacons(read: Read) -> list[BeaconRefusal]:
    """What was refused of beacons, or left out; first what needs a person."""
    owners = {origin: one for one in read.chosen for origin in one.origins}
    by_id = {one.project_id: one for one in read.chosen}
    groups: dict[tuple[int | None, str, str | None, Remedy], list[Beacons]] = defaultdict(list)
    for one in counted.not_accepted(read):
        owner = by_id.get(one.project_id) or owners.get(one.origin)
        remedy = _remedy(one, owner, read.at)
        # The command of that remedy names one origin.
        apart = one.origin if remedy == REMEDIES[ORIGIN_NOT_ALLOWED] else None
        groups[owner.project_id if owner else None, one.outcome, apart, remedy].append(one)
    found = [
        _beacons(group, remedy, by_id.get(project_id or NO_PROJECT), read.at)
        for (project_id, _, _, remedy), group in groups.items()
    ]
    return sorted(found, key=lambda one: (not one.step.needs_person, -one.beacons, one.outcome))


def _remedy(one: Beacons, owner: Installed | None, now: datetime) -> Remedy:
    if owner is None:
        if one.outcome == UNKNOWN_PROJECT:
            return outcomes.OF_NOBODY
        return remedies.for_outcome(one.outcome, honours_gpc=True)
    if one.outcome != ORIGIN_NOT_ALLOWED:
        return remedies.for_outcome(one.outcome, honours_gpc=owner.honour_gpc)
    heard = owner.last_beacon_at is not None and now - owner.last_beacon_at <= RECENT
    is_recent = now - one.last_at <= RECENT
    return remedies.for_origin(one.origin, owner.origins, needed=is_recent and not heard)


def _beacons(
    group: Sequence[Beacons], remedy: Remedy, owner: Installed | None, now: datetime
) -> BeaconRefusal:
    last = max(group, key=lambda one: one.last_at)
    origins: Counter[str] = Counter()
    for one in group:
        if one.origin != UNNAMED:
            origins[one.origin] += one.beacons
    page = next(iter(owner.origins if owner else ()), "https://...")
    if is_web_origin(last.origin):
        page = last.origin
    text = remedy.text.format(project_id=owner.project_id if owner else "PROJECT", origin=page)
    return BeaconRefusal(
        project_id=owner.project_id if owner else None,
        outcome=last.outcome,
        beacons=sum(one.beacons for one in group),
        last_at=last.last_at,
        origins=origins.most_common(MOST_ORIGINS),
        more_origins=max(0, len(origins) - MOST_ORIGINS),
        step=steps.read(text, needs_person=remedy.needs_person and now - last.last_at <= RECENT),
    )


def records(found: Iterable[refusals.Records]) -> list[Refusal]:
    """Call records that could not be read, by code, with the command that shows them."""
    return [
        Refusal(
            project_id=one.project_id,
            label=one.code,
            what=one.message,
            count=one.records,
            beside=one.times,
            last_at=one.refused_at,
            step=Step(
                text="See them, mend them, and import them again:",
                command=f"collector calls refused --project-id {one.project_id} "
                f"--code {shlex.quote(one.code)}",
            ),
        )
        for one in found
    ]


def calls(found: Iterable[refusals.Calls]) -> list[Refusal]:
    """Calls that the API refused, or that could not be built, by what was said of them.

    Of an enrichment's number and revision nobody asks here.
    """
    groups: dict[tuple[int, str, str, str], list[refusals.Calls]] = defaultdict(list)
    for one in found:
        what = _NUMBERED.sub("", one.detail, count=1)
        groups[one.project_id, one.verdict, one.reason, what].append(one)
    told = [
        Refusal(
            project_id=project_id,
            label=verdict,
            what=what,
            count=sum(one.calls for one in group),
            beside=0,
            last_at=max(one.decided_at for one in group),
            step=steps.read(_CALLS[verdict].format(project_id=project_id, reason=reason)),
        )
        for (project_id, verdict, reason, what), group in groups.items()
    ]
    return sorted(told, key=lambda one: (-one.count, one.project_id, one.what))


def batches(found: Iterable[refusals.Batches]) -> list[Refusal]:
    """Batches that were not accepted, by answer."""
    return [
        Refusal(
            project_id=one.project_id,
            label=f"{one.outcome}, {one.status or 'no answer'}",
            what=one.message,
            count=one.batches,
            beside=one.enrichments,
            last_at=one.sent_at,
            step=steps.read(
                _BATCHES[one.outcome].format(project_id=one.project_id),
                needs_person=one.outcome == "bad_version",
            ),
        )
        for one in found
    ]
