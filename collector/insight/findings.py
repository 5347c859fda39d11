"""What was refused of an installation's beacons, or left out, by what to do about it.

Pages that are not the customer's are refused every day: translated ones, archived ones, those of
strangers. What they send decides nothing here while the customer's own pages are heard. So each
refusal is told with its remedy, and a person is asked for only where something stays as it is
until somebody does something. (Who forges the customer's origin, as no browser does, is taken
for the customer.)
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.domain import remedies
from collector.domain.installation import Installation, is_web_origin
from collector.domain.outcomes import ACCEPTED, ORIGIN_NOT_ALLOWED, REMEDIES, Remedy
from collector.storage import beacon_counts
from collector.storage.beacon_counts import NO_PROJECT, UNNAMED, BeaconCount

#: A refusal asks for a person while its last beacon is not older than this.
RECENT = timedelta(hours=24)


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """Beacons that were refused for one reason, or stored without a key.

    ``of_project`` is false for those that were refused before they could be told to be the
    project's, but came from a page of the installation's origins. ``origins`` are the most
    frequent, beside ``more_origins`` that are not named. ``detail`` is what the last of them was
    answered.
    """

    outcome: str
    of_project: bool
    beacons: int
    last_at: datetime
    origins: tuple[str, ...]
    more_origins: int
    detail: str
    remedy: str
    needs_person: bool


def find(counts: list[BeaconCount], installation: Installation, now: datetime) -> list[Finding]:
    """What went wrong, by reason; origins that are not allowed by what to do about them."""
    is_heard = any(count.outcome == ACCEPTED and now - count.last_at <= RECENT for count in counts)
    by_origin: dict[tuple[str, bool, str | None], list[BeaconCount]] = defaultdict(list)
    for count in _of_interest(counts, installation):
        origin = count.origin if count.outcome == ORIGIN_NOT_ALLOWED else None
        by_origin[count.outcome, count.project_id != NO_PROJECT, origin].append(count)
    groups: dict[tuple[str, bool, str | None, Remedy], list[BeaconCount]] = defaultdict(list)
    for (outcome, of_project, origin), group in by_origin.items():
        is_recent = any(now - count.last_at <= RECENT for count in group)
        if origin is None:
            remedy = remedies.for_outcome(outcome, honours_gpc=installation.honour_gpc)
        else:
            needed = is_recent and not is_heard
            remedy = remedies.for_origin(origin, installation.origins, needed=needed)
        # The command of that remedy names one origin.
        apart = origin if remedy == REMEDIES[ORIGIN_NOT_ALLOWED] else None
        groups[outcome, of_project, apart, remedy] += group
    found = [_finding(group, remedy, installation, now) for (*_, remedy), group in groups.items()]
    return sorted(found, key=lambda item: (not item.needs_person, -item.beacons, item.outcome))


def _of_interest(
    counts: Iterable[BeaconCount], installation: Installation
) -> Iterator[BeaconCount]:
    for count in counts:
        is_its_own = count.project_id != NO_PROJECT or count.origin in installation.origins
        if is_its_own and count.outcome != ACCEPTED:
            yield count


def _finding(
    group: list[BeaconCount], remedy: Remedy, installation: Installation, now: datetime
) -> Finding:
    last = max(group, key=lambda count: count.last_at)
    origins: Counter[str] = Counter()
    for count in group:
        if count.origin != UNNAMED:
            origins[count.origin] += count.beacons
    named = tuple(origin for origin, _ in origins.most_common(beacon_counts.MAX_NAMED))
    page = last.origin if is_web_origin(last.origin) else first_origin(installation)
    return Finding(
        outcome=last.outcome,
        of_project=last.project_id != NO_PROJECT,
        beacons=sum(count.beacons for count in group),
        last_at=last.last_at,
        origins=named,
        more_origins=len(origins) - len(named),
        detail=last.detail,
        remedy=remedy.text.format(project_id=installation.project_id, origin=page),
        needs_person=remedy.needs_person and now - last.last_at <= RECENT,
    )


def first_origin(installation: Installation) -> str:
    """An origin of the customer, to look at; a pattern of one if there is none."""
    return next(iter(installation.origins), "https://...")
