"""A provider's own database of calls, real and of each kind, which the job reads."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from collector.domain.definition import SqlSource

PARIS = ZoneInfo("Europe/Paris")

COLUMNS = "call_id, started, duration_s, updated, visitor_id, status, call_center, project"
QUERY = f"SELECT {COLUMNS} FROM calls WHERE updated >= :since ORDER BY updated LIMIT :limit"
OF_PROJECT = QUERY.replace("ORDER", "AND project = :project_id ORDER")

_TABLE = (
    "CREATE TABLE calls (call_id text PRIMARY KEY, started {time}, duration_s text, "
    "updated {time}, visitor_id text, status text, call_center text, project bigint)"
)


class CallsDatabase:
    """One table of calls. Where times have no offset they are those of Paris.

    A ``time`` is a type of column: one with an offset, without one, or ``bigint`` for seconds.
    """

    def __init__(self, url: str, *, time: str | None = None) -> None:
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        self._time = time or ("text" if self.is_sqlite else "timestamptz")
        driver = url if self.is_sqlite else url.replace("postgresql:", "postgresql+psycopg:")
        self._engine = sa.create_engine(driver, poolclass=sa.pool.NullPool)
        self.execute(_TABLE.format(time=self._time))
        self.execute("CREATE INDEX calls_updated ON calls (updated)")

    def execute(self, statement: str, values: Any = None) -> None:
        with self._engine.begin() as connection:
            connection.execute(sa.text(statement), values)

    def rows(self, query: str) -> Sequence[Any]:
        with self._engine.connect() as connection:
            return connection.execute(sa.text(query)).all()

    def put(self, *rows: Mapping[str, Any]) -> None:
        """Rows as the provider writes them; one that is there already is written over."""
        standard = {
            "duration_s": "75",
            "visitor_id": None,
            "status": "completed",
            "call_center": "RENNES",
            "project": 162,
        }
        values = [{**standard, **row} for row in rows]
        for row in values:
            for name in ("started", "updated"):
                row[name] = self.moment(row.get(name, row["updated"]))
        names = COLUMNS.split(", ")
        marks = ", ".join(f":{name}" for name in names)
        changes = ", ".join(f"{name} = excluded.{name}" for name in names[1:])
        self.execute(
            f"INSERT INTO calls ({COLUMNS}) VALUES ({marks}) "
            f"ON CONFLICT (call_id) DO UPDATE SET {changes}",
            values,
        )

    def moment(self, when: datetime) -> datetime | str | int:
        """A time as the column holds it."""
        if self._time == "timestamptz":
            return when
        if self._time == "bigint":
            return int(when.timestamp())
        naive = when.astimezone(PARIS).replace(tzinfo=None)
        return naive.isoformat(sep=" ", timespec="microseconds") if self.is_sqlite else naive

    def source(self, query: str = QUERY, **changes: Any) -> SqlSource:
        return SqlSource(**{"query": query, "url": self.url, **changes})

    @contextmanager
    def locked(self) -> Iterator[None]:
        """A writer keeps everybody out, as one that hangs does. Of SQLite only."""
        connection = sqlite3.connect(self.url.removeprefix("sqlite:///"), isolation_level=None)
        connection.execute("BEGIN EXCLUSIVE")
        try:
            yield
        finally:
            connection.close()
