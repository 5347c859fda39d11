"""The views tell of a known day what happened on it, the same on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from collector.sandbox import Sandbox
from collector.storage import beacon_counts
from collector.storage.beacon_counts import BeaconCount
from collector.storage.database import Database
from tests.sandbox_fixtures import PHONE_CALL_INSTALLATION
from tests.world import Clock, World

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
TEN_MINUTES = timedelta(minutes=10)


@pytest.fixture
def world(database: Database) -> Iterator[World]:
    """One visit; its call of 75 seconds, and one more, both ten minutes before the run."""
    clock = Clock(NOON)
    with Sandbox([PHONE_CALL_INSTALLATION], now=clock) as sandbox:
        world = World(database, sandbox, clock)
        world.install()
        world.visit("u.1", visitor_id="v-1")
        clock.forward(minutes=10)
        world.call("c-1", ago=TEN_MINUTES, visitor_id="v-1")
        world.call("c-2", ago=TEN_MINUTES)
        world.run()
        yield world


def asked(database: Database, query: str) -> list[dict[str, Any]]:
    """The rows, with days as days: SQLite tells them as text."""
    with database.read() as connection:
        rows = [dict(row) for row in connection.execute(sa.text(query)).mappings()]
    for row in rows:
        if isinstance(row.get("day"), str):
            row["day"] = date.fromisoformat(row["day"])
    return rows


def test_a_call_tells_its_day_and_how_long_its_acceptance_took(world: World) -> None:
    assert asked(
        world.database,
        "SELECT call_id, day, seconds_to_acceptance FROM report_calls ORDER BY call_id",
    ) == [
        {"call_id": "c-1", "day": NOON.date(), "seconds_to_acceptance": 525.0},
        {"call_id": "c-2", "day": NOON.date(), "seconds_to_acceptance": None},
    ]


def test_the_funnel_of_a_day_goes_from_beacons_to_what_was_accepted(world: World) -> None:
    beacon_counts.add(
        world.database,
        [
            BeaconCount(
                project_id=162, day=NOON.date(), outcome=outcome, origin=origin, beacons=number,
                last_at=NOON,
            )
            for outcome, origin, number in (
                ("accepted", "https://shop.example", 3),
                ("accepted", "", 2),
                ("origin_not_allowed", "https://other.example", 7),
            )
        ],
    )  # fmt: skip
    (row,) = asked(world.database, "SELECT * FROM report_funnel_daily")
    assert row.pop("day") == NOON.date()
    assert all(type(number) is int for number in row.values())
    assert {name: number for name, number in row.items() if number} == {
        "project_id": 162, "beacons": 5, "sessions": 1, "calls": 2, "matched": 1,
        "accepted": 1, "unmatched": 1,
    }  # fmt: skip
    (installation,) = asked(world.database, "SELECT last_beacon_at FROM report_installations")
    assert str(installation["last_beacon_at"]).startswith("2026-01-31 12:00:00")


def test_the_calls_of_a_day_are_told_by_all_that_they_can_be_summed_over(world: World) -> None:
    rows = asked(world.database, "SELECT * FROM report_verdicts_daily ORDER BY verdict")
    of_all = {"project_id": 162, "day": NOON.date(), "source": "own", "calls": 1, "value": None}
    assert rows == [
        {**of_all, "verdict": "accepted", "reason": "delivered", "rule": "visitor_id"},
        {**of_all, "verdict": "unmatched", "reason": "no_keys", "rule": None},
    ]


def test_batches_and_runs_are_told_with_what_became_of_them(world: World) -> None:
    (batch,) = asked(world.database, "SELECT * FROM report_batches")
    (run,) = asked(world.database, "SELECT * FROM report_runs")
    (enrichment,) = asked(world.database, "SELECT * FROM report_enrichments")
    assert batch["run_id"] == run["run_id"]
    assert batch["batch_id"] == enrichment["batch_id"]
    assert (batch["day"], batch["enrichments"], batch["outcome"]) == (NOON.date(), 1, "accepted")
    assert (run["job"], run["outcome"], run["seconds"]) == ("reconcile", "done", 0.0)


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "active"),
        ({"problem": "credentials refused"}, "problem"),
        ({"problem": "credentials refused", "paused": True}, "paused"),
    ],
)
def test_an_installation_tells_its_state(world: World, changes: dict[str, Any], state: str) -> None:
    world.edit(**changes)
    (row,) = asked(
        world.database,
        "SELECT project_id, name, state, problem, lease_owner FROM report_installations",
    )
    assert row == {
        "project_id": 162, "name": "Example shop", "state": state,
        "problem": changes.get("problem"), "lease_owner": None,
    }  # fmt: skip


def test_no_view_tells_a_credential(world: World) -> None:
    with world.database.read() as connection:
        columns = {
            column["name"]
            for view in sa.inspect(connection).get_view_names()
            for column in sa.inspect(connection).get_columns(view)
        }
    assert {"project_id", "verdict", "day"} <= columns
    assert not columns & {"client_id", "client_secret", "secret", "secret_hash", "record"}
