"""Beacons: one row per session and one per key seen in it, whoever comes first and however many."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier
from typing import Any

import sqlalchemy as sa

from collector.storage import sessions
from collector.storage.database import Database
from collector.storage.tables import SessionRow, SightingRow
from tests.domain.samples import MICROSECOND, NOON, SECOND, a_beacon

LATER = NOON + timedelta(minutes=10)


def stored(database: Database) -> list[tuple[Any, ...]]:
    """Each session: project, user, number, first and last seen, beacons."""
    query = sa.select(SessionRow.__table__).order_by(*SessionRow.__table__.primary_key)
    with database.read() as connection:
        return [tuple(row) for row in connection.execute(query)]


def sightings(database: Database) -> list[tuple[Any, ...]]:
    """Each sighting: kind, value, session number, first and last seen."""
    query = sa.select(
        SightingRow.kind,
        SightingRow.value,
        SightingRow.session_number,
        SightingRow.first_seen,
        SightingRow.last_seen,
    ).order_by(SightingRow.kind, SightingRow.value, SightingRow.session_number)
    with database.read() as connection:
        return [tuple(row) for row in connection.execute(query)]


def test_a_first_beacon_stores_the_session_and_its_keys(database: Database) -> None:
    beacon = a_beacon("ae267-6g87D.4", visitor_id="v1", reference="r1")
    sessions.record(database, beacon, NOON)
    assert stored(database) == [(162, "ae267-6g87D", 4, NOON, NOON, 1)]
    assert sightings(database) == [
        ("reference", "r1", 4, NOON, NOON),
        ("visitor_id", "v1", 4, NOON, NOON),
    ]


def test_a_session_without_keys_is_stored_all_the_same(database: Database) -> None:
    sessions.record(database, a_beacon("u.1"), NOON)
    assert len(stored(database)) == 1
    assert sightings(database) == []


def test_a_later_beacon_prolongs_the_session_and_only_the_keys_it_carries(
    database: Database,
) -> None:
    sessions.record(database, a_beacon("u.1", visitor_id="v1", reference="r1"), NOON)
    sessions.record(database, a_beacon("u.1", visitor_id="v1"), LATER)
    assert stored(database) == [(162, "u", 1, NOON, LATER, 2)]
    assert sightings(database) == [
        ("reference", "r1", 1, NOON, NOON),
        ("visitor_id", "v1", 1, NOON, LATER),
    ]


def test_a_key_that_changes_within_a_session_is_a_second_sighting(database: Database) -> None:
    for moment, number in ((NOON, "+33199001234"), (LATER, "+33199005678")):
        sessions.record(database, a_beacon("u.1", tracking_number=number), moment)
    assert sightings(database) == [
        ("tracking_number", "+33199001234", 1, NOON, NOON),
        ("tracking_number", "+33199005678", 1, LATER, LATER),
    ]


def test_the_next_session_of_a_user_and_the_same_session_elsewhere_stand_apart(
    database: Database,
) -> None:
    sessions.record(database, a_beacon("u.1", visitor_id="v1"), NOON)
    sessions.record(database, a_beacon("u.2", visitor_id="v1"), LATER)
    sessions.record(database, a_beacon("u.1", project_id=163, visitor_id="v1"), LATER)
    assert [row[:4] for row in stored(database)] == [
        (162, "u", 1, NOON),
        (162, "u", 2, LATER),
        (163, "u", 1, LATER),
    ]
    assert len(sightings(database)) == 3
    with database.read() as connection:
        assert sessions.count(connection, 162) == 2
        assert sessions.count(connection, 164) == 0
        assert sessions.count(connection) == 3


def test_a_clock_that_goes_backwards_takes_nothing_back(database: Database) -> None:
    for moment in (NOON, LATER, NOON - timedelta(days=1), NOON - MICROSECOND, LATER - MICROSECOND):
        sessions.record(database, a_beacon("u.1", visitor_id="v1"), moment)
    ((*_, first_seen, last_seen, beacons),) = stored(database)
    assert first_seen <= NOON
    assert (last_seen, beacons) == (LATER, 5)
    ((*_, key_first_seen, key_last_seen),) = sightings(database)
    assert key_first_seen <= NOON
    assert key_last_seen == LATER


def test_the_longest_of_everything_is_stored(database: Database) -> None:
    beacon = a_beacon(f"{'u' * 100}.{10**6}", project_id=2**53 - 1, **{"k" * 30: "é" * 200})
    sessions.record(database, beacon, NOON)
    assert stored(database) == [(2**53 - 1, "u" * 100, 10**6, NOON, NOON, 1)]


def test_the_last_beacon_of_a_project_is_known(database: Database) -> None:
    for session_key, moment in (("u.1", NOON), ("u.2", LATER), ("u.1", NOON + SECOND)):
        sessions.record(database, a_beacon(session_key), moment)
    sessions.record(database, a_beacon("u.1", project_id=163), LATER + SECOND)
    with database.read() as connection:
        assert sessions.last_beacon(connection, 162) == LATER
        assert sessions.last_beacon(connection, 164) is None


def in_parallel(database_url: str, threads: int, work: Callable[[Database, int], None]) -> None:
    """Run ``work`` in so many threads at once, and fail if one of them fails."""
    barrier = Barrier(threads, timeout=30)

    def run(number: int) -> None:
        barrier.wait()
        work(database, number)

    with Database(database_url, pool_size=threads) as database:
        with ThreadPoolExecutor(threads) as pool:
            done = list(pool.map(run, range(threads)))
        assert len(done) == threads


def test_threads_that_bring_the_same_session_lose_no_beacon(
    database_url: str, database: Database
) -> None:
    def work(shared: Database, number: int) -> None:
        for step in range(10):
            moment = NOON + (number * 10 + step) * SECOND
            sessions.record(shared, a_beacon("u.1", visitor_id="v1", reference="r1"), moment)

    in_parallel(database_url, 4, work)
    ((*_, last_seen, beacons),) = stored(database)
    assert beacons == 40
    assert last_seen == NOON + 39 * SECOND
    assert [row[-1] for row in sightings(database)] == [last_seen] * 2


def test_threads_whose_keys_come_in_another_order_never_wait_crosswise(
    database_url: str, database: Database
) -> None:
    names = ("a", "b", "c", "visitor_id")

    def work(shared: Database, number: int) -> None:
        order = names if number % 2 else names[::-1]
        for step in range(10):
            beacon = replace(a_beacon("u.1"), keys=dict.fromkeys(order, "v"))
            sessions.record(shared, beacon, NOON + step * SECOND)

    in_parallel(database_url, 4, work)
    assert len(sightings(database)) == len(names)
