"""What is acknowledged is on disk, times are aware, and a database's errors are told in words."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa

from collector.errors import DatabaseUnavailableError, NotMigratedError, SettingError, StorageError
from collector.storage import database as storage
from collector.storage import postgresql as connecting
from collector.storage import sessions
from collector.storage.database import Database
from collector.storage.leases import TERM
from collector.storage.tables import SessionRow, SightingRow, UtcDateTime
from tests.domain.samples import NOON, a_beacon

sqlite_only = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
postgresql_only = pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)

#: A port that nothing listens on.
NOWHERE = "postgresql://somebody:s3cret@127.0.0.1:1/collector"


@sqlite_only
@pytest.mark.parametrize(
    ("pragma", "value"), [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)]
)
@pytest.mark.parametrize("writes", [False, True])
def test_sqlite_writes_ahead_syncs_fully_and_holds_its_foreign_keys(
    database: Database, pragma: str, value: object, writes: bool
) -> None:
    with database.write() if writes else database.read() as connection:
        assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar_one() == value


@postgresql_only
def test_postgresql_waits_for_the_disk_even_where_it_is_told_not_to(
    database: Database, database_url: str
) -> None:
    with database.write() as connection:
        name = connection.exec_driver_sql("SELECT current_database()").scalar_one()
        connection.exec_driver_sql(f"ALTER DATABASE {name} SET synchronous_commit = off")
    with Database(database_url) as reopened, reopened.write() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "on"


@postgresql_only
def test_a_stalled_transaction_ends_well_before_its_lease_and_a_slow_reader_is_left_alone(
    database: Database,
) -> None:
    limit = "SHOW idle_in_transaction_session_timeout"
    with database.write() as connection:
        assert connection.exec_driver_sql(limit).scalar_one() == "2min"
    assert timedelta(milliseconds=connecting.STALLED_MILLISECONDS) < TERM / 2
    assert timedelta(milliseconds=connecting.GONE_MILLISECONDS) < TERM / 10
    with database.snapshot() as connection:
        assert connection.exec_driver_sql(limit).scalar_one() == "0"


def test_a_sighting_without_its_session_is_refused(database: Database) -> None:
    lone = sa.insert(SightingRow).values(
        project_id=1,
        kind="visitor_id",
        value="v",
        user_id="u",
        session_number=1,
        first_seen=NOON,
        last_seen=NOON,
    )
    with pytest.raises(sa.exc.IntegrityError), database.write() as connection:
        connection.execute(lone)


def test_what_fails_half_way_leaves_nothing(database: Database) -> None:
    row = {"project_id": 1, "user_id": "u", "first_seen": NOON, "last_seen": NOON, "beacons": 1}

    def write_and_fail() -> None:
        with database.write() as connection:
            connection.execute(sa.insert(SessionRow).values(**row, session_number=1))
            raise KeyError("something else")

    with pytest.raises(KeyError):
        write_and_fail()
    with database.read() as connection:
        assert sessions.count(connection) == 0


def test_a_reader_never_waits_for_a_writer(database: Database) -> None:
    sessions.record(database, a_beacon("u.1"), NOON)
    with database.write() as writer:
        writer.execute(sa.update(SessionRow).values(beacons=7))
        with database.read() as reader:
            assert reader.execute(sa.select(SessionRow.beacons)).scalar_one() == 1


@sqlite_only
def test_a_writer_that_waited_too_long_is_told_so(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "PATIENCE_SECONDS", 0.05)
    with (
        Database(database_url) as one,
        Database(database_url) as other,
        one.write(),
        pytest.raises(DatabaseUnavailableError, match="locked"),
    ):
        sessions.record(other, a_beacon("u.1"), NOON)


def test_a_pool_that_is_used_up_is_told_so(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "PATIENCE_SECONDS", 0.05)
    with (
        Database(database_url, pool_size=1) as database,
        database.read(),
        pytest.raises(DatabaseUnavailableError, match="all its connections are in use"),
        database.read(),
    ):
        pass


@pytest.mark.parametrize(
    "url", [NOWHERE, "sqlite:////nonexistent/folder/collector.db", "sqlite:////tmp"]
)
@pytest.mark.parametrize("writes", [False, True])
def test_a_database_that_does_not_answer_is_told_without_its_password(
    url: str, writes: bool
) -> None:
    with (
        Database(url) as database,
        pytest.raises(DatabaseUnavailableError) as error,
        database.write() if writes else database.read(),
    ):
        pass
    message = str(error.value)
    assert "COLLECTOR_DATABASE_URL" in message
    assert "s3cret" not in message
    assert "\n" not in message


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("These are notes. " * 500)
    with (
        Database(f"sqlite:///{path}") as database,
        pytest.raises(StorageError, match=r"notes\.txt"),
        database.read(),
    ):
        pass


def test_a_beacon_on_a_database_that_is_gone_is_not_acknowledged() -> None:
    with Database(NOWHERE) as database, pytest.raises(DatabaseUnavailableError):
        sessions.record(database, a_beacon("u.1", visitor_id="v"), NOON)


def test_missing_tables_are_told_with_the_command_to_run(empty_database_url: str) -> None:
    with (
        Database(empty_database_url) as database,
        pytest.raises(NotMigratedError, match="collector db upgrade"),
    ):
        sessions.record(database, a_beacon("u.1"), NOON)


def test_a_missing_column_is_told_with_the_command_to_run(database: Database) -> None:
    with database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE run RENAME COLUMN job TO task")
    with (
        pytest.raises(NotMigratedError, match="collector db upgrade"),
        database.read() as connection,
    ):
        connection.exec_driver_sql("SELECT job FROM run")


@pytest.mark.parametrize(
    "url", ["", "collector.db", "sqlite://", "sqlite:///:memory:", "sqlite:///"]
)
def test_a_url_that_names_no_file_is_refused(url: str) -> None:
    with pytest.raises(SettingError, match="COLLECTOR_DATABASE_URL"):
        Database(url)


@pytest.mark.parametrize(
    ("written", "driver"),
    [
        ("sqlite:///x.db", "sqlite+pysqlite"),
        ("postgresql://u@db.example/x", "postgresql+psycopg"),
        ("postgresql+psycopg://u@db.example/x", "postgresql+psycopg"),
    ],
)
def test_the_driver_is_chosen_here(written: str, driver: str) -> None:
    with Database(written) as database:
        assert database.engine.url.drivername == driver
        assert database.is_sqlite is driver.startswith("sqlite")


MOMENTS = sa.Table("moment", sa.MetaData(), sa.Column("at", UtcDateTime))


def test_moments_come_back_to_the_microsecond_in_utc(database: Database) -> None:
    moments = [
        datetime(2000, 1, 1, tzinfo=UTC),
        datetime(2026, 3, 1, 23, 59, 59, 999_999, tzinfo=timezone(timedelta(hours=-5))),
        NOON.replace(microsecond=1),
        datetime(2026, 10, 25, 2, 30, tzinfo=timezone(timedelta(hours=1))),
    ]
    with database.write() as connection:
        MOMENTS.create(connection)
        connection.execute(sa.insert(MOMENTS), [{"at": moment} for moment in moments])
        kept = connection.execute(sa.select(MOMENTS.c.at).order_by(MOMENTS.c.at)).scalars().all()
        equal = sa.select(MOMENTS.c.at).where(MOMENTS.c.at == moments[1])
        assert connection.execute(equal).scalars().all() == [moments[1]]
    assert kept == moments
    assert {moment.utcoffset() for moment in kept} == {timedelta(0)}


def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    naive = NOON.replace(tzinfo=None)
    with (
        pytest.raises(sa.exc.StatementError, match="without a time zone"),
        database.write() as connection,
    ):
        connection.execute(sa.select(SessionRow).where(SessionRow.first_seen == naive))


@sqlite_only
def test_moments_stand_in_the_file_as_utc(database: Database, tmp_path: Path) -> None:
    sessions.record(database, a_beacon("u.1"), NOON.astimezone(timezone(timedelta(hours=9))))
    with sqlite3.connect(tmp_path / "collector.db") as file:
        (stored,) = file.execute("SELECT first_seen FROM session").fetchone()
    file.close()
    assert str(stored).startswith("2026-03-02 12:00:00")


def test_an_unknown_option_of_the_url_is_told_as_unavailable() -> None:
    with (
        Database("postgresql://u@127.0.0.1:1/x?nonsense=1") as database,
        pytest.raises(DatabaseUnavailableError, match="nonsense"),
        database.read(),
    ):
        pass
