"""The plans of statements, as both databases tell them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from collector.storage.database import Database


@contextmanager
def explained(database: Database) -> Iterator[list[str]]:
    """The lines of the plans of all that is executed meanwhile."""
    lines: list[str] = []

    def explain(connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.lstrip().startswith(("SELECT", "UPDATE", "INSERT", "DELETE", "WITH", "--")):
            cursor = connection.connection.driver_connection.cursor()
            how = "EXPLAIN QUERY PLAN" if database.is_sqlite else "EXPLAIN"
            found = cursor.execute(f"{how} {statement}", *([parameters] if parameters else []))
            lines.extend(row[3] if database.is_sqlite else row[0].strip() for row in found)

    sa.event.listen(database.engine, "before_cursor_execute", explain)
    yield lines
    sa.event.remove(database.engine, "before_cursor_execute", explain)


def analyse(database: Database) -> None:
    """As a server's own housekeeping does; SQLite plans without statistics, as in production."""
    if not database.is_sqlite:
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as alone:
            alone.execute(sa.text("ANALYZE"))
