"""A question to the views: SQL that both databases understand, asked here and shown to people.

The text that is shown is the one that was asked, with its values written into it, so that an
analyst who repeats it gets the same number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from textwrap import dedent
from typing import Any

import sqlalchemy as sa

from collector.storage.tables import UtcDateTime

_NAMED = re.compile(r"(?<!:):([a-z_]+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    """Whole UTC days of some projects, from ``first`` to ``last``, both included."""

    projects: tuple[int, ...]
    first: date
    last: date

    @property
    def since(self) -> datetime:
        return datetime.combine(self.first, time(tzinfo=UTC))

    @property
    def until(self) -> datetime:
        """The moment after the last day."""
        return datetime.combine(self.last + timedelta(days=1), time(tzinfo=UTC))

    @property
    def days(self) -> Sequence[date]:
        """All of them, those on which nothing happened too."""
        return [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]

    def values(self, **more: Any) -> dict[str, Any]:
        """What a question about this period may name."""
        return {
            "projects": self.projects,
            "since": self.since,
            "until": self.until,
            "first": self.first,
            "last": self.last,
            **more,
        }


@dataclass(frozen=True, slots=True)
class Question:
    """One query. ``types`` are those of the columns that SQLite would tell as text."""

    sql: str
    types: Mapping[str, Any] = field(default_factory=dict)

    def ask(self, connection: sa.Connection, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The rows."""
        named = {name: values[name] for name in self._names}
        query = sa.text(self.text).bindparams(*map(_parameter, named.items()))
        rows = connection.execute(query.columns(**self.types) if self.types else query)
        return [dict(row) for row in rows.mappings()]

    def shown(self, values: Mapping[str, Any]) -> str:
        """The query as it can be pasted into a client of either database."""
        return _NAMED.sub(lambda found: _literal(values[found[1]]), self.text)

    @property
    def text(self) -> str:
        """The query, with names for its values."""
        return dedent(self.sql).strip()

    @property
    def _names(self) -> set[str]:
        return set(_NAMED.findall(self.sql))


def one_moment(connection: sa.Connection) -> None:
    """Let all questions of this transaction be answered from one moment. Call it first.

    A reader of SQLite has that in any case.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))


def _parameter(named: tuple[str, Any]) -> sa.BindParameter[Any]:
    name, value = named
    if isinstance(value, tuple):
        return sa.bindparam(name, value, expanding=True)
    if isinstance(value, datetime):
        return sa.bindparam(name, value, type_=UtcDateTime())
    return sa.bindparam(name, value)


def _literal(value: Any) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(str, value))})"
    if isinstance(value, datetime):
        # PostgreSQL heeds the offset; SQLite compares text, in which it stands before a fraction.
        return f"'{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}+00'"
    if isinstance(value, int):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"
