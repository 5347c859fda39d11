"""A reader who may read the views and nothing else, as an analyst is given."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
import sqlalchemy as sa

from collector.storage.database import Connection, Database

Reader = Callable[[], AbstractContextManager[Connection]]


@pytest.fixture
def reader(database: Database) -> Iterator[Reader]:
    """Opens connections that may read the views alone; SQLite knows no such thing."""
    if database.is_sqlite:
        yield database.read
        return
    role = f"reader_{uuid.uuid4().hex[:8]}"
    with database.write() as connection:
        views = ", ".join(sa.inspect(connection).get_view_names())
        connection.execute(sa.text(f"CREATE ROLE {role}"))
        connection.execute(sa.text(f"GRANT SELECT ON {views} TO {role}"))

    @contextmanager
    def reading() -> Iterator[Connection]:
        with database.read() as connection:
            connection.execute(sa.text(f"SET LOCAL ROLE {role}"))
            yield connection

    yield reading
    with database.write() as connection:
        connection.execute(sa.text(f"DROP OWNED BY {role}"))
        connection.execute(sa.text(f"DROP ROLE {role}"))
