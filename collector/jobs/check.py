"""Whether an installation works, and if not, why, and what to do: credentials, beacons, keys.

What anybody can send decides nothing here by itself: pages that are not the customer's are
refused every day. So each refusal is told with its remedy, and a person is asked for only where
something stays as it is until somebody does something.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

from collector.contentsquare import Credentials, EnrichmentApi, Grant
from collector.domain import outcomes
from collector.domain.installation import Installation, is_web_origin
from collector.domain.outcomes import (
    ACCEPTED,
    OPTED_OUT,
    ORIGIN_NOT_ALLOWED,
    REMEDIES,
    Remedy,
)
from collector.errors import CollectorError, ContentsquareError, SecretError
from collector.storage import beacon_counts, installations, key_shares, sessions
from collector.storage.beacon_counts import NO_PROJECT, UNNAMED, BeaconCount
from collector.storage.database import Database
from collector.storage.key_shares import KeyShares
from collector.storage.secrets import SecretBox

#: Refusals of so many UTC days are told, today among them.
DAYS = 7

#: A refusal asks for a person while its last beacon is not older than this.
RECENT = timedelta(hours=24)

#: A site that was heard and then is not for so long has lost its snippet.
SILENCE = timedelta(hours=48)


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """Beacons that were refused for one reason, or stored without a key.

    ``of_project`` is false for those that named no known project but came from a page of the
    installation's origins. ``detail`` is what the last of them was answered.
    """

    outcome: str
    of_project: bool
    beacons: int
    last_at: datetime
    origins: tuple[str, ...]
    detail: str
    remedy: str
    needs_person: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """Everything about one installation, at one moment."""

    installation: Installation
    now: datetime
    endpoint: str | None
    credentials_error: CollectorError | None
    last_beacon: datetime | None
    beacons_today: int
    sessions_today: int
    keys: KeyShares | None
    findings: list[Finding]

    @property
    def first_page(self) -> str:
        """A page of the customer, to look at."""
        return next(iter(self.installation.origins), "https://...") + "/"

    @property
    def silence(self) -> str | None:
        """What to do when beacons came once and come no more."""
        if self.last_beacon is None or self.now - self.last_beacon <= SILENCE:
            return None
        return (
            f"No beacon has come for {(self.now - self.last_beacon).days} days. See what a page "
            f"does: collector verify {self.first_page}"
        )

    @property
    def needs_person(self) -> list[str]:
        """What a person has to look at, one sentence each."""
        error = self.credentials_error
        found = [None if error is None else str(error), self.installation.problem, self.silence]
        found += [item.remedy for item in self.findings if item.needs_person]
        return [sentence for sentence in found if sentence]

    def as_json(self) -> dict[str, Any]:
        problem = self.credentials_error
        return {
            "project_id": self.installation.project_id,
            "name": self.installation.name,
            "paused": self.installation.paused,
            "credentials": {
                "work": problem is None,
                "problem": None if problem is None else str(problem),
                "endpoint": self.endpoint,
            },
            "last_beacon": self.last_beacon,
            "today": {"beacons": self.beacons_today, "sessions": self.sessions_today},
            "keys": self.keys and asdict(self.keys),
            "findings": [asdict(item) for item in self.findings],
            "needs_person": self.needs_person,
        }


def check(
    database: Database, api: EnrichmentApi, box: SecretBox, project_id: int, now: datetime
) -> Check:
    """Ask for a token, and read what came of the installation's beacons.

    Credentials that do not work are part of the answer, not an error.

    Raises:
        NotFoundError: the project has no installation.
    """
    with database.read() as connection:
        installation = installations.get(connection, project_id)
        sealed = installations.sealed_secret(connection, project_id)
    grant, error = _authenticate(api, box, installation, sealed)
    today = now.date()
    with database.read() as connection:
        day = key_shares.last_day(connection, project_id)
        keys = None if day is None else key_shares.of_day(connection, project_id, day)
        counts = beacon_counts.since(
            connection, (NO_PROJECT, project_id), today - timedelta(days=DAYS - 1)
        )
        last_beacon = sessions.last_beacon(connection, project_id)
    return Check(
        installation=installation,
        now=now,
        endpoint=None if grant is None else grant.endpoint,
        credentials_error=error,
        last_beacon=last_beacon,
        beacons_today=_accepted(counts, project_id, today),
        sessions_today=keys.sessions if keys is not None and keys.day == today else 0,
        keys=keys,
        findings=_findings(counts, installation, now),
    )


def _authenticate(
    api: EnrichmentApi, box: SecretBox, installation: Installation, sealed: str
) -> tuple[Grant | None, CollectorError | None]:
    try:
        credentials = Credentials(
            project_id=installation.project_id,
            integration_id=installation.integration_id,
            client_id=installation.client_id,
            client_secret=box.open(sealed),
        )
        return api.authenticate(credentials), None
    except (ContentsquareError, SecretError) as error:
        return None, error


def _accepted(counts: Iterable[BeaconCount], project_id: int, day: date) -> int:
    return sum(
        count.beacons
        for count in counts
        if (count.project_id, count.outcome, count.day) == (project_id, ACCEPTED, day)
    )


def _findings(
    counts: Iterable[BeaconCount], installation: Installation, now: datetime
) -> list[Finding]:
    """What went wrong, by reason; an origin that is not allowed is a reason by itself."""
    groups: dict[tuple[str, bool, str | None], list[BeaconCount]] = defaultdict(list)
    for count in _of_interest(counts, installation):
        origin = count.origin if count.outcome == ORIGIN_NOT_ALLOWED else None
        groups[count.outcome, count.project_id != NO_PROJECT, origin].append(count)
    found = [
        _finding(group, _remedy(outcome, origin, installation), installation, now)
        for (outcome, _, origin), group in groups.items()
    ]
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
    return Finding(
        outcome=last.outcome,
        of_project=last.project_id != NO_PROJECT,
        beacons=sum(count.beacons for count in group),
        last_at=last.last_at,
        origins=tuple(origin for origin, _ in origins.most_common(beacon_counts.MAX_NAMED)),
        detail=last.detail,
        remedy=remedy.text.format(project_id=installation.project_id, origin=last.origin),
        needs_person=remedy.needs_person and now - last.last_at <= RECENT,
    )


def _remedy(outcome: str, origin: str | None, installation: Installation) -> Remedy:
    if outcome == OPTED_OUT and not installation.honour_gpc:
        return outcomes.IGNORED_SINCE
    if origin is None:
        return REMEDIES.get(outcome, outcomes.UNKNOWN)
    if origin in installation.origins:
        return outcomes.ADDED_SINCE
    if origin == UNNAMED:
        return outcomes.UNNAMED_ORIGINS
    return REMEDIES[outcome] if is_web_origin(origin) else outcomes.NO_WEB_ORIGIN
