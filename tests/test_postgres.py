"""The suite's own PostgreSQL: what is lent again is as good as new."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from collector.storage.database import Database
from collector.storage.tables import RunRow
from tests.domain.samples import NOON
from tests.postgres import PostgresServer

INSERT = sa.insert(RunRow).values(
    run_id="0" * 32, job="reconcile", started_at=NOON, outcome="", counts={}
)

SETTING = """DO $$ BEGIN
EXECUTE format('ALTER DATABASE %I SET work_mem = ''1MB''', current_database());
END $$"""


def identity(database: Database) -> object:
    """The same however often it is renamed."""
    with database.read() as connection:
        return connection.scalar(
            sa.text("SELECT oid FROM pg_database WHERE datname = current_database()")
        )


@pytest.mark.parametrize(
    ("left", "again"),
    [
        (INSERT, True),
        (sa.text("ALTER TABLE run ADD COLUMN more text"), False),
        (sa.text("CREATE VIEW more AS SELECT * FROM run"), False),
        (sa.text("ALTER TABLE run RENAME COLUMN job TO task"), False),
        (sa.text(SETTING), False),
    ],
)
def test_a_database_that_differs_by_its_rows_alone_is_lent_again_without_them(
    postgres: PostgresServer, left: sa.Executable, again: bool
) -> None:
    # So many that none of those that other tests have left remains.
    lent = [postgres.lend() for _ in range(4)]
    with Database(postgres.url(lent[0])) as database:
        with database.write() as connection:
            connection.execute(left)
        known = identity(database)
    for name in lent:
        postgres.take_back(name)
    found = []
    for name in [postgres.lend() for _ in range(4)]:
        assert name not in lent
        with Database(postgres.url(name)) as database:
            found.append(identity(database))
            with database.read() as connection:
                assert connection.execute(sa.select(RunRow)).all() == []
        postgres.take_back(name)
    assert (known in found) is again
