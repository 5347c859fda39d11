"""Counts of beacons add up exactly, whoever writes, and invented origins never fill the table."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy as sa

from collector.errors import NotMigratedError
from collector.storage import beacon_counts, migrate
from collector.storage.beacon_counts import MAX_NAMED, NO_PROJECT, UNNAMED, BeaconCount
from collector.storage.database import Database
from tests.domain.samples import MINUTE, NOON, SECOND

SHOP = "https://shop.example"
DAY = timedelta(days=1)


def a_count(origin: str = SHOP, **changes: Any) -> BeaconCount:
    """One refused beacon of noon."""
    standard: dict[str, Any] = {
        "project_id": 162,
        "day": NOON.date(),
        "outcome": "origin_not_allowed",
        "beacons": 1,
        "last_at": NOON,
        "detail": "why",
    }
    return BeaconCount(origin=origin, **(standard | changes))


def stored(database: Database, *project_ids: int) -> list[BeaconCount]:
    with database.read() as connection:
        return beacon_counts.since(connection, project_ids or (162,), NOON.date())


def test_counts_are_added_to_what_is_there_with_the_last_of_their_details(
    database: Database,
) -> None:
    beacon_counts.add(database, [a_count(beacons=2)])
    beacon_counts.add(database, [a_count(beacons=3, last_at=NOON + MINUTE, detail="newer")])
    beacon_counts.add(database, [a_count(beacons=4, last_at=NOON + SECOND, detail="older")])
    assert stored(database) == [a_count(beacons=9, last_at=NOON + MINUTE, detail="newer")]


def test_projects_days_outcomes_and_origins_stand_apart(database: Database) -> None:
    counts = [
        a_count(),
        a_count(UNNAMED),
        a_count("https://www.shop.example"),
        a_count(outcome="accepted", detail=""),
        a_count(day=NOON.date() + DAY, last_at=NOON + DAY),
        a_count(project_id=0),
    ]
    beacon_counts.add(database, counts)
    found = stored(database, 0, 162)
    assert sorted(found, key=repr) == sorted(counts, key=repr)
    assert stored(database, 0) == [a_count(project_id=0)]


def test_only_the_days_that_were_asked_for_are_told(database: Database) -> None:
    before = a_count(day=NOON.date() - DAY, last_at=NOON - DAY)
    beacon_counts.add(database, [before, a_count()])
    assert stored(database) == [a_count()]


def test_a_thousand_invented_origins_are_a_few_rows_and_no_beacon_is_lost(
    database: Database,
) -> None:
    beacon_counts.add(database, [a_count("https://first.example", beacons=7)])
    for start in range(0, 1000, 250):
        beacon_counts.add(
            database,
            [a_count(f"https://invented-{n}.example") for n in range(start, start + 250)],
        )
    found = {count.origin: count.beacons for count in stored(database)}
    assert len(found) == MAX_NAMED + 1
    assert found["https://first.example"] == 7
    assert sum(found.values()) == 1007
    assert found[UNNAMED] == 1000 - (MAX_NAMED - 1)


def test_an_origin_that_is_named_stays_so_and_the_frequent_ones_are_named_first(
    database: Database,
) -> None:
    many = [a_count(f"https://{n}.example", beacons=n) for n in range(1, 8)]
    beacon_counts.add(database, many)
    beacon_counts.add(database, many)
    found = {count.origin: count.beacons for count in stored(database)}
    assert found == {UNNAMED: 6} | {f"https://{n}.example": 2 * n for n in range(3, 8)}


def test_under_no_project_strangers_cannot_crowd_out_the_origins_of_installations(
    database: Database,
) -> None:
    installed = frozenset(f"https://shop-{n}.example" for n in range(3))
    for part in ("morning", "evening"):
        strangers = [
            a_count(f"https://{part}-{n}.example", beacons=9, project_id=NO_PROJECT)
            for n in range(MAX_NAMED)
        ]
        own = [a_count(origin, project_id=NO_PROJECT) for origin in sorted(installed)]
        beacon_counts.add(database, strangers + own + own, installed=installed)
    found = {count.origin: count.beacons for count in stored(database, NO_PROJECT)}
    assert {origin: found.pop(origin) for origin in installed} == dict.fromkeys(installed, 4)
    assert found.pop(UNNAMED) == MAX_NAMED * 9
    assert found == {f"https://morning-{n}.example": 9 for n in range(MAX_NAMED)}


def test_the_origins_of_installations_leave_room_for_five_others(database: Database) -> None:
    installed = frozenset({SHOP})
    for n in range(MAX_NAMED):
        counts = [a_count(each, project_id=NO_PROJECT) for each in (SHOP, f"https://{n}.example")]
        beacon_counts.add(database, counts, installed=installed)
    assert len(stored(database, NO_PROJECT)) == MAX_NAMED + 1
    assert UNNAMED not in {count.origin for count in stored(database, NO_PROJECT)}


def test_under_a_project_its_own_origins_count_among_the_five(database: Database) -> None:
    origins = [f"https://{n}.example" for n in range(MAX_NAMED + 2)]
    beacon_counts.add(
        database, [a_count(origin) for origin in origins], installed=frozenset(origins)
    )
    assert len(stored(database)) == MAX_NAMED + 1


def test_servers_that_write_at_once_lose_nothing_and_name_no_more_than_one_would(
    database_url: str, database: Database
) -> None:
    threads, rounds = 4, 10
    barrier = Barrier(threads, timeout=30)

    def work(number: int) -> None:
        with Database(database_url, pool_size=1) as own:
            barrier.wait()
            for step in range(rounds):
                counts = [
                    a_count(f"https://{number}-{step}-{n}.example", project_id=project_id)
                    for n in range(3)
                    for project_id in (162, 163)
                ]
                # Another order in each: they would wait crosswise if it were kept.
                beacon_counts.add(own, counts if number % 2 else counts[::-1])

    with ThreadPoolExecutor(threads) as pool:
        assert len(list(pool.map(work, range(threads)))) == threads
    for project_id in (162, 163):
        found = stored(database, project_id)
        assert sum(count.beacons for count in found) == threads * rounds * 3
        assert len(found) == MAX_NAMED + 1


def test_the_longest_of_everything_is_stored(database: Database) -> None:
    longest = a_count("x" * 270, project_id=2**53 - 1, outcome="o" * 30, detail="é" * 500)
    beacon_counts.add(database, [longest])
    assert stored(database, 2**53 - 1) == [replace(longest, detail="é" * 300)]


def test_nothing_is_written_for_nothing(database: Database) -> None:
    beacon_counts.add(database, [])
    assert stored(database) == []


def test_the_view_tells_each_day_without_the_rows_that_only_hold_a_name(database: Database) -> None:
    beacon_counts.add(database, [a_count(beacons=2)])
    with database.read() as connection:
        (row,) = connection.execute(sa.text("SELECT * FROM report_beacons_daily")).mappings()
    assert (row["project_id"], row["outcome"], row["origin"]) == (162, "origin_not_allowed", SHOP)
    assert str(row["day"]) == "2026-03-02"
    assert row["beacons"] == 2
    assert "last_at" in row
    assert "detail" not in row


def test_a_database_without_the_table_is_told_with_the_command_to_run(database: Database) -> None:
    migrate.downgrade(database, "0002")
    with pytest.raises(NotMigratedError, match="collector db upgrade"):
        beacon_counts.add(database, [a_count(last_at=datetime.now(UTC))])
