"""How long what is stored is kept, and how long it has to be, since it can still matter.

Rows go by whole UTC days: so a day is either there or counted, and the job finds nothing to remove
but once a day.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum

from collector.domain.definition import Matching
from collector.domain.limits import ENRICHABLE_FOR
from collector.domain.objections import REMEMBERED

DAY = timedelta(days=1)


class Kind(StrEnum):
    """What is removed by its age, in the order in which it is: sessions stay for their calls."""

    CALLS = "calls"
    SIGHTINGS = "sightings"
    SESSIONS = "sessions"
    REFUSED = "refused_records"
    BATCHES = "batches"
    COUNTS = "counts"


@dataclass(frozen=True, kw_only=True, slots=True)
class Retention:
    """How long each is kept: sessions with their sightings, batches with the runs."""

    sessions: timedelta
    calls: timedelta
    refused: timedelta
    runs: timedelta
    counts: timedelta

    def cuts(self, now: datetime) -> dict[Kind, datetime]:
        """Of each kind, the moment before which it goes."""
        return {
            Kind.CALLS: _day_of(now - self.calls),
            Kind.SIGHTINGS: _day_of(now - self.sessions),
            Kind.SESSIONS: _day_of(now - self.sessions),
            Kind.REFUSED: now - self.refused,
            Kind.BATCHES: _day_of(now - self.runs),
            Kind.COUNTS: _day_of(now - self.counts),
        }

    def runs_cut(self, now: datetime) -> datetime:
        """The moment before which runs go."""
        return _day_of(now - self.runs)


def _day_of(moment: datetime) -> datetime:
    return datetime.combine(moment.astimezone(UTC).date(), time(tzinfo=UTC))


def least_for_sessions(rules: Iterable[Matching]) -> int:
    """The days for which a session can still matter.

    A call can be delivered for seven days after its session began, and sees sessions that ended
    as long before it as a rule's window says. The day more is for sessions past midnight: one goes
    by the day on which it began.
    """
    reach = max(
        (rule.window + matching.skew for matching in rules for rule in matching.rules),
        default=timedelta(0),
    )
    return math.ceil((ENRICHABLE_FOR + reach) / DAY) + 1


def least_for_calls(rules: Iterable[Matching]) -> int:
    """The days for which a call can still matter: to itself, and as what its caller did before."""
    skew = max((matching.skew for matching in rules), default=timedelta(0))
    return math.ceil((ENRICHABLE_FOR + REMEMBERED + skew) / DAY)
