"""A database that was put back from a backup gives no number a second time."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from collector.errors import DatabaseUnavailableError, UsageError
from collector.sandbox import EnrichmentKey
from collector.storage import backup, migrate
from collector.storage.database import Database
from tests.postgres import PostgresServer
from tests.world import PROJECT, World

on_sqlite = pytest.mark.parametrize("dialect", ["sqlite"])


def numbers(world: World) -> dict[str, int]:
    rows = world.rows("SELECT call_id, enrichment_number FROM enrichment")
    return {row["call_id"]: row["enrichment_number"] for row in rows}


def put_back(world: World, copy: Path, folder: Path) -> World:
    """Another world like this one, in which nothing has happened since the copy was made."""
    shutil.copy(copy, folder / "restored.db")
    return world_like(world, f"sqlite:///{folder / 'restored.db'}")


def world_like(world: World, url: str) -> World:
    """The same provider, API and clock, with another database."""
    other = World(Database(url), world.sandbox, world.clock)
    other.secrets = world.secrets
    return other


@pytest.fixture
def back_up(
    world: World, database_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[[], Callable[[], World]]]:
    """Makes a backup by what docs/operating.md names, and returns what puts it back."""
    dropped = ExitStack()

    def on_sqlite() -> Callable[[], World]:
        backup.back_up(world.database, tmp_path / "copy.db")
        return lambda: put_back(world, tmp_path / "copy.db", tmp_path)

    def on_postgresql() -> Callable[[], World]:
        server: PostgresServer = request.getfixturevalue("postgres")
        server.back_up(database_url, tmp_path / "copy.dump")

        def restore() -> World:
            name = server.restore(tmp_path / "copy.dump")
            dropped.callback(server.drop, name)
            return world_like(world, server.url(name))

        return restore

    with dropped:
        yield on_sqlite if world.database.is_sqlite else on_postgresql


def test_what_was_sent_since_the_backup_is_overwritten_by_no_other_call(
    world: World, back_up: Callable[[], Callable[[], World]]
) -> None:
    world.visit("a.1", visitor_id="a")
    world.visit("b.1", visitor_id="b")
    world.call("known", visitor_id="a")
    world.run()
    put_it_back = back_up()
    # Since then three calls more, of which one is never handed in again.
    world.clock.forward(minutes=10)
    for call_id, visitor in (("lost", "b"), ("told again", "a"), ("gone", "b")):
        world.call(call_id, visitor_id=visitor, attributes={"call_center": call_id})
        world.clock.forward(minutes=1)
    world.run()
    given, held = numbers(world), dict(world.held)
    assert given == {"known": 1, "told again": 2, "lost": 1, "gone": 2}

    world.clock.forward(minutes=10)
    restored = put_it_back()
    with restored.database:
        told = backup.mark_restored(restored.database, restored.clock())
        assert (told.installations, told.enrichments) == (1, 1)
        assert told.knows_until == world.clock() - timedelta(minutes=23)
        for call_id, ago, visitor in (("lost", 13, "b"), ("told again", 12, "a")):
            restored.call(
                call_id, ago=timedelta(minutes=ago), visitor_id=visitor,
                attributes={"call_center": call_id},
            )  # fmt: skip
        restored.call("new", visitor_id="b")
        restored.run()
        assert numbers(restored) == {"known": 1, "told again": 2, "lost": 1, "new": 3}
        new = EnrichmentKey(PROJECT, "b", 1, 3)
        assert {key: one for key, one in restored.held.items() if key != new}.keys() == held.keys()
        for key, one in held.items():
            assert restored.held[key].fields == one.fields


@on_sqlite
def test_what_says_the_same_as_before_the_backup_is_sent_again_all_the_same(
    world: World, tmp_path: Path
) -> None:
    world.visit("a.1", visitor_id="a")
    world.call("c", visitor_id="a")
    world.run()
    backup.back_up(world.database, tmp_path / "copy.db")
    world.clock.forward(minutes=1)
    world.call("c", visitor_id="a", attributes={"call_center": "LYON"}, ago=timedelta(minutes=1))
    world.run()
    restored = put_back(world, tmp_path / "copy.db", tmp_path)
    with restored.database:
        backup.mark_restored(restored.database, restored.clock())
        assert restored.run().projects[0].accepted == 0  # nobody knows better yet
        # A correction that was forgotten, and then taken back.
        restored.call(
            "c", visitor_id="a", attributes={"call_center": "x"}, ago=timedelta(minutes=1)
        )
        restored.call("c", visitor_id="a", ago=timedelta(minutes=1))
        restored.clock.forward(minutes=6)  # what was sent before has arrived by then
        restored.run()
        assert restored.verdict("c") == "accepted"
        (held,) = restored.held.values()
        assert held.fields["call_center_name"] == "RENNES"


def test_calls_of_sessions_that_begin_later_are_numbered_as_ever(world: World) -> None:
    backup.mark_restored(world.database, world.clock() - timedelta(days=2))
    world.visit("a.1", visitor_id="a")
    world.call("c", visitor_id="a")
    world.run()
    assert numbers(world) == {"c": 1}


def test_leases_of_before_are_over_and_what_is_too_late_is_left_alone(world: World) -> None:
    world.visit("a.1", visitor_id="a")
    world.call("c", visitor_id="a")
    world.run()
    world.clock.forward(days=8)
    assert backup.mark_restored(world.database, world.clock()).enrichments == 0
    assert world.rows("SELECT lease_owner, restored_at IS NULL AS never FROM installation") == [
        {"lease_owner": None, "never": False}
    ]


@on_sqlite
def test_a_backup_is_made_beside_a_writer_is_its_owners_and_says_that_it_is_one(
    world: World, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.db"
    world.visit("a.1", visitor_id="a")
    with world.database.read() as reader:
        reader.exec_driver_sql("SELECT * FROM session")
        world.visit("a.1", visitor_id="b")
        backup.back_up(world.database, copy)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.glob("*.part")] == []
    with pytest.raises(UsageError, match="not overwritten"):
        backup.back_up(world.database, copy)
    with pytest.raises(DatabaseUnavailableError, match=r"nowhere/copy\.db cannot be made"):
        backup.back_up(world.database, tmp_path / "nowhere" / "copy.db")
    backup.require_told(world.database)
    with put_back(world, copy, tmp_path).database as restored:
        migrate.upgrade(restored)
        with pytest.raises(UsageError, match="Say that it was put back: collector db restored"):
            backup.require_told(restored)
        backup.mark_restored(restored, world.clock())
        backup.require_told(restored)


@on_sqlite
def test_a_file_that_is_damaged_is_not_called_a_backup(world: World, tmp_path: Path) -> None:
    path = Path(str(world.database.engine.url.database))
    world.call("c", visitor_id="a")
    world.database.close()
    with path.open("r+b") as file:
        file.seek(8 * 4096)
        file.write(b"\xff" * 4096 * 4)
    with pytest.raises(DatabaseUnavailableError):
        backup.back_up(world.database, tmp_path / "copy.db")
    assert list(tmp_path.glob("copy.db*")) == []


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_postgresql_has_its_own_tools(database: Database, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="pg_dump"):
        backup.back_up(database, tmp_path / "copy")
