"""Reads a view row by row, in one snapshot, with the same values from both databases."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from collector.storage.comments import Column, View
from collector.storage.database import Database
from collector.storage.tables import Json, UtcDateTime

#: So many rows are in memory at once.
HELD = 5000

_TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    "integer": sa.BigInteger(),
    "number": sa.Double(),
    "text": sa.Text(),
    "boolean": sa.Boolean(),
    "moment": UtcDateTime(),
    "day": sa.Date(),
    "json": Json,
}

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """Which columns of a view, of which rows. A span needs a view that has a column for it."""

    view: View
    columns: Sequence[Column]
    project_id: int | None
    since: datetime | None
    until: datetime | None


def rows(
    database: Database, wanted: Wanted, *, held: int = HELD
) -> Generator[Sequence[sa.Row[Any]]]:
    """The rows, at most ``held`` at a time, as they stood when the first were read.

    Moments are aware and UTC, days are dates, JSON is decoded.

    Raises:
        DatabaseUnavailableError, NotMigratedError
    """
    with database.snapshot() as connection:
        if not database.is_sqlite:
            # All of it is wanted, and not only the first rows soon.
            connection.execute(sa.text("SET LOCAL cursor_tuple_fraction = 1"))
        streaming = connection.execution_options(yield_per=held)
        with streaming.execute(_query(wanted)) as result:
            yield from result.partitions()


def _query(wanted: Wanted) -> sa.Select[Any]:
    query = sa.select(*(sa.column(one.name, _TYPES[one.type]) for one in wanted.columns))
    query = query.select_from(sa.table(wanted.view.name))
    if wanted.project_id is not None:
        query = query.where(sa.column("project_id", sa.BigInteger()) == wanted.project_id)
    if wanted.view.span is None:
        return query
    (kind,) = (one.type for one in wanted.view.columns if one.name == wanted.view.span)
    column = sa.column(wanted.view.span, _TYPES[kind])
    since, until = wanted.since, wanted.until
    if kind == "day":
        # A day is meant if any of it is.
        if since is not None:
            query = query.where(column >= since.date())
        if until is not None:
            query = query.where(column <= (until - _MICROSECOND).date())
        return query
    if since is not None:
        query = query.where(column >= since)
    return query if until is None else query.where(column < until)
