"""How many sessions of a day carry a match key, and of which kind: without one no call finds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import sqlalchemy as sa

from collector.storage.tables import SessionRow, SightingRow


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyShares:
    """The sessions first seen on a UTC day: all, those with any key, and those with each kind."""

    day: date
    sessions: int
    with_a_key: int
    kinds: Mapping[str, int]


def last_day(connection: sa.Connection, project_id: int) -> date | None:
    """The last UTC day on which a session of the project was first seen; None if there is none."""
    last = connection.execute(
        sa.select(sa.func.max(SessionRow.first_seen, type_=SessionRow.first_seen.type)).where(
            SessionRow.project_id == project_id
        )
    ).scalar_one()
    return None if last is None else last.date()


def of_day(connection: sa.Connection, project_id: int, day: date) -> KeyShares:
    """What the sessions of one day carry."""
    begin = datetime.combine(day, time(tzinfo=UTC))
    of_it = (
        SessionRow.project_id == project_id,
        SessionRow.first_seen >= begin,
        SessionRow.first_seen < begin + timedelta(days=1),
    )
    its_sightings = sa.and_(
        SightingRow.project_id == SessionRow.project_id,
        SightingRow.user_id == SessionRow.user_id,
        SightingRow.session_number == SessionRow.session_number,
    )
    sessions, with_a_key = connection.execute(
        sa.select(
            sa.func.count(),
            sa.func.coalesce(
                sa.func.sum(sa.case((sa.exists().where(its_sightings), 1), else_=0)), 0
            ),
        )
        .select_from(SessionRow)
        .where(*of_it)
    ).one()
    carried = (
        sa.select(SightingRow.kind, SessionRow.user_id, SessionRow.session_number)
        .join(SessionRow, its_sightings)
        # Always so; but where all that is asked stands in the key, SQLite goes through the key of
        # the whole project for each session instead of looking its sightings up.
        .where(*of_it, SightingRow.first_seen.is_not(None))
        .distinct()
        .subquery()
    )
    kinds = connection.execute(
        sa.select(carried.c.kind, sa.func.count())
        .group_by(carried.c.kind)
        .order_by(sa.func.count().desc(), carried.c.kind)
    )
    return KeyShares(
        day=day,
        sessions=sessions,
        with_a_key=with_a_key,
        kinds={kind: number for kind, number in kinds},  # noqa: C416 - rows are no plain tuples
    )
