"""One sender per installation: a lease that lapses, and a number that keeps a late owner out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from threading import Barrier

import pytest
import sqlalchemy as sa

from collector.domain.installation import Installation
from collector.errors import LeaseLostError
from collector.storage import installations, leases
from collector.storage.database import Database
from collector.storage.leases import TERM, Lease
from tests.domain.samples import MICROSECOND, MINUTE, NOON


@pytest.fixture
def installed(database: Database) -> Database:
    """A database with the installations of two projects."""
    for project_id in (162, 163):
        installation = Installation(
            project_id=project_id,
            integration_id=42,
            name="Example shop",
            client_id="client",
            integration_version=1,
            origins=(),
        )
        with database.write() as connection:
            installations.add(connection, installation, "sealed", NOON)
    return database


def take(
    database: Database, owner: str, at: datetime = NOON, project_id: int = 162
) -> Lease | None:
    with database.write() as connection:
        return leases.take(connection, project_id, owner, at)


def taken(database: Database, owner: str, at: datetime = NOON, project_id: int = 162) -> Lease:
    lease = take(database, owner, at, project_id)
    assert lease is not None
    return lease


def test_a_lease_has_one_owner_and_each_installation_its_own_lease(installed: Database) -> None:
    lease = taken(installed, "a")
    assert (lease.project_id, lease.owner, lease.number) == (162, "a", 1)
    assert take(installed, "b") is None
    assert take(installed, "a") is None
    assert taken(installed, "b", project_id=163).number == 1
    assert take(installed, "b", project_id=164) is None


def test_a_lease_lapses_exactly_at_the_end_of_its_term(installed: Database) -> None:
    taken(installed, "a")
    assert take(installed, "b", NOON + TERM - MICROSECOND) is None
    assert taken(installed, "b", NOON + TERM).number == 2


def test_a_lease_that_is_held_lasts_a_term_from_then(installed: Database) -> None:
    lease = taken(installed, "a")
    with installed.write() as connection:
        leases.hold(connection, lease, NOON + MINUTE)
    assert take(installed, "b", NOON + TERM) is None
    assert taken(installed, "b", NOON + MINUTE + TERM).number == 2


def test_a_lease_given_back_is_free_at_once(installed: Database) -> None:
    lease = taken(installed, "a")
    with installed.write() as connection:
        leases.release(connection, lease)
    assert taken(installed, "b").number == 2


def test_a_worker_that_slept_past_its_lease_goes_on_if_nobody_came(installed: Database) -> None:
    lease = taken(installed, "a")
    with installed.write() as connection:
        leases.hold(connection, lease, NOON + 10 * TERM)
    assert take(installed, "b", NOON + 10 * TERM) is None


def test_a_worker_that_slept_past_its_lease_writes_nothing_over_its_successor(
    installed: Database,
) -> None:
    stalled = taken(installed, "a")
    successor = taken(installed, "b", NOON + TERM)

    def write_under(lease: Lease, problem: str) -> None:
        with installed.write() as connection:
            installations.note_problem(connection, 162, problem)
            leases.hold(connection, lease, NOON + TERM)

    write_under(successor, "of the successor")
    with pytest.raises(LeaseLostError, match="project 162"):
        write_under(stalled, "of the stalled one")
    with pytest.raises(LeaseLostError), installed.write() as connection:
        leases.release(connection, stalled)
    with installed.read() as connection:
        assert installations.get(connection, 162).problem == "of the successor"
    assert take(installed, "c", NOON + TERM) is None


def test_a_lease_of_a_removed_installation_is_lost(installed: Database) -> None:
    lease = taken(installed, "a")
    with installed.write() as connection:
        installations.remove(connection, 162, with_data=False)
    with pytest.raises(LeaseLostError), installed.write() as connection:
        leases.hold(connection, lease, NOON)


def test_of_workers_that_come_at_once_exactly_one_gets_the_lease(
    database_url: str, installed: Database
) -> None:
    workers = 4
    barrier = Barrier(workers, timeout=30)

    def come(number: int) -> Lease | None:
        barrier.wait()
        return take(shared, f"worker-{number}")

    with (
        Database(database_url, pool_size=workers) as shared,
        ThreadPoolExecutor(workers) as pool,
    ):
        got = [lease for lease in pool.map(come, range(workers)) if lease is not None]
    (lease,) = got
    with installed.read() as connection:
        stored = connection.execute(
            sa.text("SELECT lease_owner, lease_number FROM installation WHERE project_id = 162")
        ).one()
    assert tuple(stored) == (lease.owner, 1)


def test_a_lease_that_no_clock_at_hand_could_have_given_is_taken_over(
    installed: Database,
) -> None:
    taken(installed, "a", NOON + TERM + MICROSECOND)
    assert take(installed, "b", NOON + MICROSECOND) is None
    assert taken(installed, "b", NOON).number == 2
