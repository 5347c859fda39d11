"""Match keys that so many sessions had around calls that nobody can tell who of them called.

Told from those calls: to look for such keys among all sightings would take as long as the flood
that they are looked for in.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from collector.domain.matching import MOST_CANDIDATES
from collector.domain.verdicts import Reason, Verdict
from collector.storage.tables import CallKeyRow, CallRow, SightingRow, UtcDateTime

#: So many of the newest calls are looked at.
MOST_CALLS = 1000

#: So many sessions of a key are counted; there may be more.
MOST_COUNTED = 100_000

#: So many keys are told, those with the most calls.
MOST_KEYS = 3

#: What is counted reaches so far before the first call and beyond the last.
AROUND = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Flood:
    """A key of calls that are ambiguous since too many sessions had it around them.

    ``sessions`` are those seen with it from ``first_seen`` to ``last_seen``, `MOST_COUNTED` at
    most.
    """

    kind: str
    value: str
    calls: int
    last_call_at: datetime
    sessions: int
    first_seen: datetime
    last_seen: datetime


def since(connection: sa.Connection, project_id: int, moment: datetime) -> list[Flood]:
    """The keys that flooded calls which started since, those with the most calls first."""
    flooded = (
        sa.select(CallRow.call_id, CallRow.started_at)
        .where(
            CallRow.project_id == project_id,
            CallRow.started_at >= moment,
            CallRow.verdict == Verdict.AMBIGUOUS,
            CallRow.reason == Reason.KEY_FLOODED,
        )
        .order_by(CallRow.started_at.desc())
        .limit(MOST_CALLS)
        .subquery()
    )
    keys = connection.execute(
        sa.select(
            CallKeyRow.kind,
            CallKeyRow.value,
            sa.func.count().label("calls"),
            sa.func.min(flooded.c.started_at, type_=UtcDateTime()).label("first"),
            sa.func.max(flooded.c.started_at, type_=UtcDateTime()).label("last"),
        )
        .join(
            flooded,
            sa.and_(CallKeyRow.project_id == project_id, CallKeyRow.call_id == flooded.c.call_id),
        )
        .group_by(CallKeyRow.kind, CallKeyRow.value)
        .order_by(sa.func.count().desc(), CallKeyRow.kind, CallKeyRow.value)
        .limit(MOST_KEYS * 5)
    ).all()
    found: list[Flood] = []
    for kind, value, calls, first, last in keys:
        seen = _sighted(connection, project_id, (kind, value), first, last)
        # A call may carry other keys besides the one that was flooded.
        if seen[0] >= MOST_CANDIDATES and len(found) < MOST_KEYS:
            found.append(
                Flood(
                    kind=kind,
                    value=value,
                    calls=calls,
                    last_call_at=last,
                    sessions=seen[0],
                    first_seen=seen[1],
                    last_seen=seen[2],
                )
            )
    return found


def _sighted(
    connection: sa.Connection,
    project_id: int,
    key: tuple[str, str],
    first: datetime,
    last: datetime,
) -> tuple[int, datetime, datetime]:
    some = (
        sa.select(SightingRow.last_seen)
        .where(
            SightingRow.project_id == project_id,
            SightingRow.kind == key[0],
            SightingRow.value == key[1],
            SightingRow.last_seen >= first - AROUND,
            SightingRow.last_seen <= last + AROUND,
        )
        .limit(MOST_COUNTED)
        .subquery()
    )
    moment = UtcDateTime()
    row = connection.execute(
        sa.select(
            sa.func.count(),
            sa.func.min(some.c.last_seen, type_=moment),
            sa.func.max(some.c.last_seen, type_=moment),
        )
    ).one()
    return row[0], row[1], row[2]
