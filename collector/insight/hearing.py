"""What has come of an installation's beacons: when, with which keys, and what was refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any

from collector.domain.installation import Installation
from collector.domain.outcomes import ACCEPTED
from collector.insight import findings, flooding
from collector.insight.findings import Finding
from collector.storage import beacon_counts, floods, installations, key_shares, sessions
from collector.storage.beacon_counts import NO_PROJECT, BeaconCount
from collector.storage.database import Database
from collector.storage.floods import Flood
from collector.storage.key_shares import KeyShares

#: Refusals of so many UTC days are told, today among them.
DAYS = 7

#: A site that was heard and then is not for so long has lost its snippet.
SILENCE = timedelta(hours=48)

#: So many kinds of keys are told, the most frequent: a page can invent any number.
MAX_KINDS = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class Hearing:
    """What an installation's pages have told, at one moment."""

    installation: Installation
    now: datetime
    last_beacon: datetime | None
    beacons_today: int
    sessions_today: int
    keys: KeyShares | None
    findings: list[Finding]
    floods: list[Flood]

    @property
    def first_page(self) -> str:
        """A page of the customer, to look at."""
        return f"{findings.first_origin(self.installation)}/"

    @property
    def kinds(self) -> Mapping[str, int]:
        """The most frequent kinds of keys."""
        return {} if self.keys is None else dict(islice(self.keys.kinds.items(), MAX_KINDS))

    @property
    def more_kinds(self) -> int:
        """How many kinds there are besides."""
        return 0 if self.keys is None else len(self.keys.kinds) - len(self.kinds)

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
        told = [self.installation.problem, self.silence]
        told += [item.remedy for item in self.findings if item.needs_person]
        told += [
            f"{flooding.told(flood)}. {flooding.remedy(flood, self.installation)}"
            for flood in self.floods
            if self.now - flood.last_call_at <= findings.RECENT
        ]
        return [sentence for sentence in told if sentence]

    def as_json(self) -> dict[str, Any]:
        return {
            "project_id": self.installation.project_id,
            "name": self.installation.name,
            "paused": self.installation.paused,
            "last_beacon": self.last_beacon,
            "today": {"beacons": self.beacons_today, "sessions": self.sessions_today},
            "keys": self.keys
            and {**asdict(self.keys), "kinds": self.kinds, "more_kinds": self.more_kinds},
            "findings": [asdict(item) for item in self.findings],
            "floods": [asdict(item) for item in self.floods],
            "needs_person": self.needs_person,
        }


def hear(database: Database, project_id: int, now: datetime) -> Hearing:
    """Read what came of the installation's beacons.

    Raises:
        NotFoundError: the project has no installation.
    """
    today = now.date()
    with database.read() as connection:
        installation = installations.get(connection, project_id)
        day = key_shares.last_day(connection, project_id)
        keys = None if day is None else key_shares.of_day(connection, project_id, day)
        counts = beacon_counts.since(
            connection, (NO_PROJECT, project_id), today - timedelta(days=DAYS - 1)
        )
        # Of one that is heard, its counts tell; to ask all its sessions takes long.
        flooded = floods.since(connection, project_id, now - timedelta(days=DAYS))
        last_beacon = _last_accepted(counts, project_id) or sessions.last_beacon(
            connection, project_id
        )
    sessions_today = keys.sessions if keys is not None and keys.day == today else 0
    return Hearing(
        installation=installation,
        now=now,
        last_beacon=last_beacon,
        # Beacons are counted a moment after they are stored, and each new session came by one.
        beacons_today=max(_accepted(counts, project_id, today), sessions_today),
        sessions_today=sessions_today,
        keys=keys,
        findings=findings.find(counts, installation, now),
        floods=flooded,
    )


def _last_accepted(counts: Iterable[BeaconCount], project_id: int) -> datetime | None:
    found = (
        count.last_at
        for count in counts
        if (count.project_id, count.outcome) == (project_id, ACCEPTED)
    )
    return max(found, default=None)


def _accepted(counts: Iterable[BeaconCount], project_id: int, day: date) -> int:
    return sum(
        count.beacons
        for count in counts
        if (count.project_id, count.outcome, count.day) == (project_id, ACCEPTED, day)
    )
