"""An upgrade keeps nobody waiting, says who keeps it waiting, and which versions can go on."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from collector.domain.beacon import Beacon
from collector.domain.identifiers import parse_session_key
from collector.errors import BlockedError, NotMigratedError
from collector.storage import migrate, revisions, sessions
from collector.storage.database import Database
from tests.storage.newer import Newer, newer

__all__ = ["newer"]

on_postgresql = pytest.mark.parametrize("dialect", ["postgresql"])

WIDEN = 'op.add_column("session", sa.Column("made_up", sa.Text))'

#: The last revision that was made before locks were thought of.
FROZEN = "0011"


@contextmanager
def reading(database: Database) -> Iterator[int]:
    """An analyst's transaction that goes on and on; the number of its process."""
    with database.engine.connect() as connection:
        connection.execute(sa.text("SELECT count(*) FROM report_sessions"))
        yield connection.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()


def beacon(database: Database, session_key: str) -> None:
    told = Beacon(project_id=162, session=parse_session_key(session_key), keys={"visitor_id": "v"})
    sessions.record(database, told, datetime(2026, 3, 2, tzinfo=UTC))


@on_postgresql
def test_an_upgrade_that_has_to_wait_gives_up_and_says_for_whom(
    database: Database, newer: Newer
) -> None:
    with reading(database) as pid, pytest.raises(BlockedError) as blocked:
        newer(database, WIDEN, patience=0)
    said = str(blocked.value)
    assert f"process {pid}, user postgres (collector)" in said
    assert "SELECT pg_backend_pid()" in said
    assert "collector db upgrade" in said
    assert revisions.current(database) == revisions.newest()


@on_postgresql
def test_beacons_pass_an_upgrade_that_waits_and_it_goes_on_by_itself(
    database: Database, newer: Newer, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits, told = threading.Event(), []
    upgrade = migrate.upgrade

    def tell(text: str) -> None:
        told.append(text)
        waits.set()

    monkeypatch.setattr(
        migrate, "upgrade", lambda *given, **named: upgrade(*given, **named, tell=tell)
    )
    thread = threading.Thread(target=newer, args=(database, WIDEN))
    with reading(database):
        thread.start()
        assert waits.wait(30)
        beacon(database, "u.1")  # it has no more than a second to wait, and ten of patience
    thread.join()
    assert told[0].startswith("Waiting for the transaction of process ")
    with database.read() as connection:
        assert connection.execute(sa.text("SELECT made_up FROM session")).all() == [(None,)]


@on_postgresql
def test_of_two_upgrades_at_once_the_second_waits_for_the_first(
    database: Database, newer: Newer
) -> None:
    with database.bare() as connection:
        connection.execute(sa.select(sa.func.pg_advisory_lock(migrate.ALONE)))
        with pytest.raises(BlockedError, match="another `collector db upgrade` to end"):
            newer(database, WIDEN, patience=0)
    newer(database, "pass")


INDEX = 'online.create_index("made_up_ix", "session", ["project_id", "beacons"])'


@on_postgresql
def test_beacons_pass_while_an_index_waits_for_a_transaction_to_end(
    database: Database, newer: Newer
) -> None:
    beacon(database, "u.1")
    with ThreadPoolExecutor() as threads, database.engine.connect() as connection:
        connection.execute(sa.text("UPDATE session SET beacons = 2"))
        made = threads.submit(newer, database, INDEX)
        while not is_waiting_for_transactions(database):
            assert not made.done()
        beacon(database, "u.2")
        connection.commit()
        made.result()
    assert columns_of_index(database) == ["project_id", "beacons"]


@on_postgresql
def test_an_index_does_not_wait_longer_for_a_transaction_than_it_is_told_to(
    database: Database, newer: Newer
) -> None:
    beacon(database, "u.1")
    with database.engine.connect() as connection:
        connection.execute(sa.text("UPDATE session SET beacons = 2"))
        with pytest.raises(BlockedError, match="UPDATE session SET beacons"):
            newer(database, INDEX, patience=0)
    newer(database, INDEX)
    assert columns_of_index(database) == ["project_id", "beacons"]


def test_an_index_that_was_only_begun_is_made_anew(
    database: Database, newer: Newer, dialect: str
) -> None:
    if dialect == "postgresql":
        beacon(database, "u.1")
        beacon(database, "u.2")
        with database.bare() as connection, pytest.raises(IntegrityError):
            connection.execution_options(isolation_level="AUTOCOMMIT").execute(
                sa.text("CREATE UNIQUE INDEX CONCURRENTLY made_up_ix ON session (project_id)")
            )
        assert columns_of_index(database) == ["project_id"]  # it is there, and of no use
    newer(database, INDEX)
    assert columns_of_index(database) == ["project_id", "beacons"]


def is_waiting_for_transactions(database: Database) -> bool:
    with database.read() as connection:
        found: bool = connection.execute(
            sa.text(
                "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
                "AND query LIKE 'CREATE INDEX CONCURRENTLY%')"
            )
        ).scalar_one()
        return found


def columns_of_index(database: Database) -> list[str | None]:
    with database.read() as connection:
        (found,) = [
            index["column_names"]
            for index in sa.inspect(connection).get_indexes("session")
            if index["name"] == "made_up_ix"
        ]
    return found


@on_postgresql
def test_no_migration_holds_a_large_table_for_long(
    empty_database_url: str,
) -> None:
    """What rewrites or reads through a table does so while all who write to it wait."""
    with Database(empty_database_url) as database:
        migrate.upgrade(database, FROZEN)
        with database.read() as connection:
            large = set(sa.inspect(connection).get_table_names())
        statements: list[str] = []
        sa.event.listen(
            database.engine, "before_cursor_execute", lambda *given: statements.append(given[2])
        )
        migrate.upgrade(database)
    assert [text for text in statements if holds_long(text, large)] == []


#: In this order beacons and the job take them. Otherwise each beacon that is under way would wait
#: for the migration, and the migration for it, again and again.
ORDER = ("installation", "session", "sighting", "call", "call_key", "enrichment")


@on_postgresql
def test_migrations_take_tables_in_the_order_in_which_beacons_do(empty_database_url: str) -> None:
    with Database(empty_database_url) as database:
        migrate.upgrade(database, FROZEN)
        taken: list[list[int]] = [[]]

        def note(*given: Any) -> None:
            if given[2].startswith("UPDATE alembic_version"):
                taken.append([])
            elif found := re.match(r"ALTER TABLE (?:ONLY )?\"?(\w+)", given[2]):
                taken[-1] += [ORDER.index(found[1])] if found[1] in ORDER else []

        sa.event.listen(database.engine, "before_cursor_execute", note)
        migrate.upgrade(database)
    assert len(taken) > 1
    assert all(each == sorted(each) for each in taken), taken


def holds_long(statement: str, large: set[str]) -> bool:
    text = " ".join(statement.split())
    if found := re.match(r"CREATE (?:UNIQUE )?INDEX (?!CONCURRENTLY).* ON \"?(\w+)", text):
        return found[1] in large
    if found := re.match(r"ALTER TABLE (?:ONLY )?\"?(\w+)\"? (.*)", text):
        rewrites = re.search(
            r" TYPE |SET NOT NULL|ADD (CONSTRAINT|CHECK|FOREIGN|UNIQUE|PRIMARY)(?!.*NOT VALID)"
            r"|DEFAULT .*(random|clock_timestamp)|ADD COLUMN (?!.*DEFAULT).*NOT NULL",
            found[2],
        )
        return found[1] in large and rewrites is not None
    return False


@pytest.mark.parametrize(
    ("statement", "long"),
    [
        ("CREATE INDEX a_ix ON session (a)", True),
        ("CREATE UNIQUE INDEX a_ix ON session (a)", True),
        ("CREATE INDEX CONCURRENTLY a_ix ON session (a)", False),
        ("CREATE INDEX a_ix ON made_newly (a)", False),
        ("ALTER TABLE session ADD COLUMN a TEXT", False),
        ("ALTER TABLE session ADD COLUMN a BIGINT DEFAULT 0 NOT NULL", False),
        ("ALTER TABLE session ADD COLUMN a BIGINT NOT NULL", True),
        ("ALTER TABLE session ALTER COLUMN a TYPE BIGINT", True),
        ("ALTER TABLE session ADD CONSTRAINT a_ck CHECK (a > 0)", True),
        ("ALTER TABLE session ADD CONSTRAINT a_ck CHECK (a > 0) NOT VALID", False),
    ],
)
def test_what_would_hold_a_table_is_known(statement: str, long: bool) -> None:
    assert holds_long(statement, {"session"}) is long


def test_this_version_goes_on_under_a_newer_schema_that_lets_it(
    database: Database, newer: Newer
) -> None:
    newer(database, WIDEN, said=f"oldest_program = {revisions.newest()!r}")
    revisions.require_usable(database)
    migrate.upgrade(database)  # an older version's start must not fail, nor take anything back
    revisions.require_usable(database)
    newer(database, "pass")
    with pytest.raises(NotMigratedError, match=r"at revision 9002, .* know revision 9002; this"):
        revisions.require_usable(database)
    with pytest.raises(NotMigratedError, match="Install the version that has migrated it"):
        migrate.upgrade(database)
    # Whatever a later one says, the one between holds.
    newer(database, "pass", said=f"oldest_program = {revisions.newest()!r}")
    assert revisions.oldest_program(database) == "9002"
