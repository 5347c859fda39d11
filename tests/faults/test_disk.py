"""Full disks, disks that can only be read, and names that cannot be resolved."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import sqlalchemy as sa

from collector.errors import DatabaseUnavailableError
from collector.storage import backup
from collector.storage.database import Database
from tests.faults import load, mounts
from tests.web import serving

on_sqlite = pytest.mark.parametrize("dialect", ["sqlite"])
on_postgresql = pytest.mark.parametrize("dialect", ["postgresql"])


@on_sqlite
def test_on_a_full_disk_beacons_are_refused_until_there_is_room_and_none_is_lost(
    database: Database, tmp_path: Path
) -> None:
    mounts.require_mounts()
    load.install(database)
    database.close()
    disk = tmp_path / "disk"
    disk.mkdir()
    server = serving.start(
        f"sqlite:///{disk}/collector.db",
        folder=tmp_path,
        within=mounts.small_disk(disk, 6, tmp_path / "collector.db"),
    )
    try:
        seen = mounts.seen_by(server.process.pid, disk)
        with load.loaded(server.url) as told:
            fill(seen / "filling")
            told.wait_for(503)
            (seen / "filling").unlink()
            told.wait_for_more()
        assert told.refusals == {(503, "database_unavailable", "5")}
        assert "Make room on its disk" in server.log()
        for name in ("collector.db", "collector.db-wal"):  # which nobody writes to any more
            shutil.copy(seen / name, tmp_path)
        with Database(f"sqlite:///{tmp_path}/collector.db") as left:
            assert told.acknowledged <= load.stored(left)
        assert server.stop() == 0
    finally:
        end(server)


def fill(file: Path) -> None:
    with pytest.raises(OSError, match="No space left"):
        file.write_bytes(bytes(10_000_000))


def end(server: serving.Serving) -> None:
    if server.process.poll() is None:
        server.stop_group(signal.SIGKILL)
    assert server.process.stdout
    server.process.stdout.close()


@on_sqlite
def test_a_backup_under_load_has_what_was_acknowledged_and_a_full_log_costs_nothing(
    database_url: str, database: Database, tmp_path: Path
) -> None:
    load.install(database)
    (tmp_path / "server.log").symlink_to("/dev/full")
    # As an operator has it: what could not be written would be kept, and fail what flushes it.
    unset = ("env", "-u", "PYTHONUNBUFFERED")
    server = serving.start(database_url, folder=tmp_path, within=unset, COLLECTOR_LOG_LEVEL="debug")
    try:
        refused = requests.post(f"{server.url}/v1/sessions", json=[], timeout=30)
        assert refused.status_code == 400  # which is a line in the log
        with load.loaded(server.url) as told:
            before = set(told.acknowledged)
            backup.back_up(database, tmp_path / "copy.db")
            told.wait_for_more()
        assert told.refusals == set()
        with Database(f"sqlite:///{tmp_path}/copy.db") as copy:
            assert before <= load.stored(copy)
    finally:
        end(server)


@on_sqlite
def test_where_nothing_can_be_written_a_command_says_what_it_needs(
    database_url: str, database: Database, tmp_path: Path
) -> None:
    mounts.require_mounts()
    database.close()
    ran = subprocess.run(
        [*mounts.read_only(tmp_path), sys.executable, "-m", "collector", "status"],
        env=serving.environment(database_url),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 1
    assert "can be written to, which SQLite needs even to read" in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


@pytest.fixture
def strict(database: Database) -> Iterator[Database]:
    """A PostgreSQL that takes no writes."""
    with database.write() as connection:
        name = connection.scalar(sa.text("SELECT current_database()"))
        connection.execute(sa.text(f"ALTER DATABASE {name} SET default_transaction_read_only = on"))
    with Database(database.engine.url.render_as_string(hide_password=False)) as opened:
        yield opened


@on_postgresql
def test_a_server_that_only_reads_is_told_from_one_that_is_away(strict: Database) -> None:
    with pytest.raises(DatabaseUnavailableError, match="It takes no writes: point"):
        load.install(strict)


@on_postgresql
def test_a_server_whose_disk_is_full_is_told(database: Database) -> None:
    with database.write() as connection:  # as it says it; to fill its disk would end it
        connection.execute(
            sa.text(
                "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                "RAISE EXCEPTION 'could not extend file: No space left on device' "
                "USING ERRCODE = 'disk_full'; END $$"
            )
        )
        connection.execute(
            sa.text(
                "CREATE TRIGGER full_disk BEFORE INSERT ON installation "
                "EXECUTE FUNCTION full_disk()"
            )
        )
    with pytest.raises(DatabaseUnavailableError, match="Make room on its disk"):
        load.install(database)


NAMELESS = """
from collector.contentsquare import Credentials, EnrichmentApi
from collector.errors import CollectorError, UnavailableError
from collector.storage.database import Database

given = Credentials(project_id=162, integration_id=42, client_id="c", client_secret="s")
api = EnrichmentApi("https://api.example.invalid/token", sleep=lambda _: None)
try:
    api.authenticate(given)
except UnavailableError as error:
    print(error)
try:
    Database("postgresql://collector@db.example.invalid/collector").read().__enter__()
except CollectorError as error:
    print(error)
"""


def test_names_that_cannot_be_resolved_are_for_later_and_say_which(tmp_path: Path) -> None:
    mounts.require_mounts()
    ran = subprocess.run(
        [*mounts.nameless(tmp_path / "resolv.conf"), sys.executable, "-c", NAMELESS],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    of_api, of_database = ran.stdout.splitlines()
    assert "api.example.invalid" in of_api
    assert "db.example.invalid" in of_database
    assert of_database.endswith("Check COLLECTOR_DATABASE_URL and that the database is running.")
