"""What a database says of itself, on both kinds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from collector.storage import vitals
from collector.storage.database import Database


def test_it_names_itself_and_how_far_away_it_is(database: Database) -> None:
    found = vitals.read(database, lambda: datetime.now(UTC))
    assert found.product.startswith("SQLite 3." if database.is_sqlite else "PostgreSQL 1")
    assert 0 < found.round_trip < 10
    assert found.journal == ("wal" if database.is_sqlite else None)
    assert not found.is_read_only


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_a_clock_that_differs_from_the_databases_is_seen(database: Database) -> None:
    found = vitals.read(database, lambda: datetime.now(UTC) - timedelta(minutes=5))
    assert found.clock_ahead is not None
    assert abs(found.clock_ahead - timedelta(minutes=5)) < timedelta(minutes=1)


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_a_database_that_takes_nothing_is_seen(database: Database) -> None:
    with database.write() as connection:
        name = connection.exec_driver_sql("SELECT current_database()").scalar_one()
        setting = "default_transaction_read_only"
        connection.exec_driver_sql(f'ALTER DATABASE "{name}" SET {setting} = on')
    try:
        with Database(str(database.engine.url.render_as_string(hide_password=False))) as again:
            assert vitals.read(again, lambda: datetime.now(UTC)).is_read_only
    finally:
        with database.write() as connection:
            connection.exec_driver_sql(f'ALTER DATABASE "{name}" RESET {setting}')
