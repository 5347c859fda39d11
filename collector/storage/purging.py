"""Removes what is old, a page at a time, found by the indexes of project and time.

A page is what one transaction removes, so it is small: on SQLite beacons wait for it. On
PostgreSQL they do not, for whatever somebody else holds is left for the next time.

Of calls and sessions some have to stay, so the others are not simply the first ones. They are
gone through in the order of time, and how far is stored with each page (`purged`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from collector.domain.retention import DAY, Kind
from collector.domain.verdicts import Verdict
from collector.storage import daily_counts
from collector.storage.daily_counts import Gone
from collector.storage.tables import (
    BatchRow,
    BeaconCountRow,
    CallRow,
    EnrichmentRow,
    RefusedRecordRow,
    RunRow,
    SessionRow,
    SightingRow,
)
from collector.storage.tables_retention import CallCountRow, SessionCountRow

#: Of these all go that are old enough: by which column.
PLAIN: Mapping[Kind, Sequence[tuple[type[Any], str]]] = {
    Kind.SIGHTINGS: ((SightingRow, "last_seen"),),
    Kind.REFUSED: ((RefusedRecordRow, "refused_at"),),
    Kind.BATCHES: ((BatchRow, "sent_at"),),
    Kind.COUNTS: ((BeaconCountRow, "day"), (SessionCountRow, "day"), (CallCountRow, "day")),
}

_RANGED: Mapping[Kind, type[Any]] = {Kind.CALLS: CallRow, Kind.SESSIONS: SessionRow}
_MOMENT = {Kind.CALLS: "started_at", Kind.SESSIONS: "first_seen"}

_COUNTED = ("started_at", "source", "verdict", "reason", "rule", "value")

_PLACES = {"sqlite": "rowid", "postgresql": "ctid"}

_MICROSECOND = timedelta(microseconds=1)


def is_any(
    connection: sa.Connection, project_id: int, kind: Kind, since: datetime, until: datetime
) -> bool:
    """Whether there are any of these times; some may have to stay."""
    tables = PLAIN.get(kind) or ((_RANGED[kind], _MOMENT[kind]),)
    return any(
        connection.execute(
            sa.select(row.project_id)
            .where(
                row.project_id == project_id,
                getattr(row, column) >= fitting(column, since),
                getattr(row, column) < fitting(column, until),
            )
            # Asked for the first, PostgreSQL takes the index, however many it thinks there are.
            .order_by(getattr(row, column))
            .limit(1)
        ).first()
        for row, column in tables
    )


def drop_oldest(
    connection: sa.Connection, project_id: int, kind: Kind, before: datetime, most: int
) -> int:
    """Remove the oldest of a kind of which nothing has to stay; returns how many."""
    removed = 0
    for row, column in PLAIN[kind]:
        chosen = orm.aliased(row, name="chosen")
        when = getattr(chosen, column)
        query = (
            sa.select(place(connection, "chosen"))
            .where(chosen.project_id == project_id, when < fitting(column, before))
            .order_by(when)
            .limit(most - removed)
        )
        removed += connection.execute(delete(connection, row, query, chosen, project_id)).rowcount
    return removed


def drop_runs(connection: sa.Connection, before: datetime, most: int) -> int:
    """Remove the oldest runs, of all projects together; returns how many."""
    chosen = orm.aliased(RunRow, name="chosen")
    query = (
        sa.select(place(connection, "chosen"))
        .where(chosen.started_at < before)
        .order_by(chosen.started_at)
        .limit(most)
    )
    return connection.execute(delete(connection, RunRow, query, chosen)).rowcount


def count_runs(connection: sa.Connection, before: datetime) -> int:
    """How many runs would go."""
    query = sa.select(sa.func.count()).where(RunRow.started_at < before)
    return connection.execute(query).scalar_one()


def end_of_page(
    connection: sa.Connection,
    project_id: int,
    kind: Kind,
    since: datetime,
    until: datetime,
    most: int,
) -> datetime:
    """Where a page of calls or sessions ends that begins at ``since``: at ``until`` at most."""
    row = _RANGED[kind]
    when = getattr(row, _MOMENT[kind])
    found = connection.execute(
        sa.select(when)
        .where(row.project_id == project_id, when >= since, when < until)
        .order_by(when)
        .offset(most)
        .limit(1)
    ).scalar_one_or_none()
    # More of one moment than a page holds still are one.
    return until if found is None else max(found, since + _MICROSECOND)


def drop_between(
    connection: sa.Connection,
    project_id: int,
    kind: Kind,
    since: datetime,
    until: datetime,
    cut: datetime,
) -> int:
    """Remove the calls or sessions of a span that nothing needs, and count them by day."""
    if kind is Kind.CALLS:
        return _drop_calls(connection, project_id, since, until)
    return _drop_sessions(connection, project_id, since, until, cut)


def _drop_sessions(
    connection: sa.Connection, project_id: int, since: datetime, until: datetime, cut: datetime
) -> int:
    """Remove and count the sessions of this span that no call points to, with their sightings."""
    chosen = orm.aliased(SessionRow, name="chosen")
    query = sa.select(place(connection, "chosen")).where(
        chosen.project_id == project_id,
        chosen.first_seen >= since,
        chosen.first_seen < until,
        *_may_go(chosen, cut),
    )
    gone = connection.execute(
        delete(connection, SessionRow, query, chosen, project_id).returning(SessionRow.first_seen)
    ).scalars()
    began = list(gone)
    daily_counts.add_sessions(connection, project_id, began)
    return len(began)


def _drop_calls(
    connection: sa.Connection, project_id: int, since: datetime, until: datetime
) -> int:
    """Remove and count the final calls of this span, with their keys and enrichments."""
    chosen = orm.aliased(CallRow, name="chosen")
    query = sa.select(place(connection, "chosen")).where(
        chosen.project_id == project_id,
        chosen.started_at >= since,
        chosen.started_at < until,
        sa.not_(_is_open(chosen)),
    )
    rows = connection.execute(
        delete(connection, CallRow, query, chosen, project_id).returning(
            *(getattr(CallRow, name) for name in (*_COUNTED, "user_id"))
        )
    )
    gone = [
        Gone(is_matched=row.user_id is not None, **{name: getattr(row, name) for name in _COUNTED})
        for row in rows
    ]
    daily_counts.add_calls(connection, project_id, gone)
    return len(gone)


def count(
    connection: sa.Connection, project_id: int, cuts: Mapping[Kind, datetime]
) -> dict[Kind, int]:
    """How many of each kind would go, without an end in time."""
    found = {
        kind: sum(
            connection.execute(
                sa.select(sa.func.count()).where(
                    row.project_id == project_id,
                    getattr(row, column) < fitting(column, cuts[kind]),
                )
            ).scalar_one()
            for row, column in tables
        )
        for kind, tables in PLAIN.items()
    }
    session, call = orm.aliased(SessionRow, name="chosen"), orm.aliased(CallRow, name="chosen")
    for kind, conditions in (
        (
            Kind.SESSIONS,
            (
                session.project_id == project_id,
                session.first_seen < cuts[Kind.SESSIONS],
                *_may_go(session, cuts[Kind.SESSIONS], calls_cut=cuts[Kind.CALLS]),
            ),
        ),
        (
            Kind.CALLS,
            (
                call.project_id == project_id,
                call.started_at < cuts[Kind.CALLS],
                sa.not_(_is_open(call)),
            ),
        ),
    ):
        query = sa.select(sa.func.count()).where(*conditions)
        found[kind] = connection.execute(query).scalar_one()
    return {kind: found[kind] for kind in Kind}


def _may_go(
    session: Any, cut: datetime, *, calls_cut: datetime | None = None
) -> tuple[sa.ColumnElement[bool], ...]:
    """Whether nothing needs a session any more.

    Args:
        calls_cut: the calls before it are taken for removed already, if they may be.
    """
    stays: tuple[sa.ColumnElement[bool], ...] = ()
    if calls_cut is not None:
        stays = (sa.or_(CallRow.started_at >= calls_cut, _is_open(CallRow)),)
    held = has(EnrichmentRow, session)
    if stays:
        of_call = (
            CallRow.project_id == EnrichmentRow.project_id,
            CallRow.call_id == EnrichmentRow.call_id,
        )
        held = held.where(*of_call, *stays)
    # One that went on over midnight goes with the day on which it began.
    return (
        session.last_seen < cut + DAY,
        sa.not_(has(CallRow, session).where(*stays)),
        sa.not_(held),
    )


def has(row: Any, session: Any) -> sa.Exists:
    """Whether there is a row of this session."""
    names = ("project_id", "user_id", "session_number")
    return sa.exists().where(*(getattr(row, name) == getattr(session, name) for name in names))


def _is_open(call: Any) -> sa.ColumnElement[bool]:
    """Whether the job has still to do with a call, or something of it could still be sent."""
    return sa.or_(call.examine, call.verdict.in_([Verdict.WAITING, Verdict.PENDING]))


def fitting(column: str, moment: datetime) -> date | datetime:
    """A moment as the column has it."""
    return moment.date() if column == "day" else moment


def place(connection: sa.Connection, table: str) -> sa.ColumnClause[Any]:
    """Where a row stands, in the database's own words."""
    return sa.literal_column(f"{table}.{_PLACES[connection.dialect.name]}")


def delete(
    connection: sa.Connection,
    row: type[Any],
    chosen: sa.Select[Any],
    of: Any,
    project_id: int | None = None,
) -> sa.Delete:
    """Remove the rows whose places are chosen, of the alias ``of``.

    Args:
        project_id: whose rows they are, unless they are of none: said of what is removed, too, for
            a place means nothing on another machine of a cluster. SQLite would go through all rows
            of the project for it.
    """
    own = place(connection, row.__tablename__)
    if connection.dialect.name == "postgresql":
        theirs = () if project_id is None else (row.project_id == project_id,)
        # What a beacon holds has just been seen again; nobody waits for anybody.
        free = chosen.with_for_update(skip_locked=True, of=of)
        return sa.delete(row).where(*theirs, own == sa.any_(sa.func.array(free.scalar_subquery())))
    return sa.delete(row).where(own.in_(chosen))
