"""Keeps how many sessions and calls there were of each day, once their rows are removed.

The views of days add these to what is still stored. They are written in the transaction that
removes the rows, so that a sum is the same before and after it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from collector.storage.database import insert_for
from collector.storage.tables_retention import CallCountRow, SessionCountRow

_KEY = ("project_id", "day", "source", "verdict", "reason", "rule")


@dataclass(frozen=True, kw_only=True, slots=True)
class Gone:
    """What is counted of a call that is removed."""

    started_at: datetime
    source: str
    verdict: str
    reason: str
    rule: str | None
    is_matched: bool
    value: float | None


def add_sessions(connection: sa.Connection, project_id: int, began: Iterable[datetime]) -> None:
    """Count sessions that were removed, by the moments at which they began."""
    by_day = Counter(moment.date() for moment in began)
    if not by_day:
        return
    insert = insert_for(connection, SessionCountRow)
    connection.execute(
        insert.on_conflict_do_update(
            index_elements=["project_id", "day"],
            set_={"sessions": SessionCountRow.sessions + insert.excluded.sessions},
        ),
        [
            {"project_id": project_id, "day": day, "sessions": sessions}
            for day, sessions in sorted(by_day.items())
        ],
    )


def add_calls(connection: sa.Connection, project_id: int, gone: Sequence[Gone]) -> None:
    """Count calls that were removed."""
    if not gone:
        return
    rows: dict[tuple[date, str, str, str, str], tuple[int, int, float | None]] = {}
    for call in gone:
        key = (call.started_at.date(), call.source, call.verdict, call.reason, call.rule or "")
        calls, matched, value = rows.get(key, (0, 0, None))
        if call.value is not None:
            value = call.value + (value or 0)
        rows[key] = (calls + 1, matched + call.is_matched, value)
    insert = insert_for(connection, CallCountRow)
    known, more = CallCountRow.value, insert.excluded.value
    connection.execute(
        insert.on_conflict_do_update(
            index_elements=_KEY,
            set_={
                "calls": CallCountRow.calls + insert.excluded.calls,
                "matched": CallCountRow.matched + insert.excluded.matched,
                # Null only if no record told a value.
                "value": sa.case((known.is_(None), more), else_=known + sa.func.coalesce(more, 0)),
            },
        ),
        [
            dict(zip((*_KEY, "calls", "matched", "value"), (project_id, *key, *sums), strict=True))
            for key, sums in sorted(rows.items())
        ],
    )
