"""What is old is removed: nothing that can still matter, and no number of a past day changes."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from collector.domain.beacon import Beacon
from collector.domain.identifiers import parse_session_key
from collector.domain.reading import Readings
from collector.errors import LeaseLostError
from collector.jobs.purge import BUSY_REST, BusyError, Purger, under, while_idle
from collector.jobs.purge_all import look, purge
from collector.storage import installations, intake, leases, purged, sessions, webhooks
from collector.storage.calls import Stored
from collector.storage.database import Database
from collector.storage.tables import CallRow, EnrichmentRow, SessionRow
from tests.aged import (
    DAY,
    NOW,
    RETENTION,
    a_call,
    a_session,
    an_enrichment,
    count,
    daily,
    fill,
    store,
)
from tests.domain.samples import a_call as a_record
from tests.world import PROJECT, World

LONG_AGO = NOW - 80 * DAY
TABLES = ("session", "sighting", "call", "call_key", "enrichment", "batch", "run")


@pytest.fixture
def world(world: World) -> World:
    world.clock.now = NOW
    return world


def purger(world: World, **changes: Any) -> Purger:
    settings = {"rest": lambda _: None, "rows": 15, "clock": world.clock, **changes}
    return Purger(database=world.database, retention=RETENTION, **settings)


def remaining(database: Database) -> tuple[set[str], set[str]]:
    """The sessions and the calls that are stored."""
    with database.read() as connection:
        keys = connection.execute(sa.text("SELECT session_key FROM report_sessions")).scalars()
        return set(keys), set(connection.execute(sa.text("SELECT call_id FROM call")).scalars())


def test_every_number_of_every_day_stays_the_same_after_each_page(world: World) -> None:
    fill(world.database, 1)
    before, stored = (
        daily(world.database),
        {table: count(world.database, table) for table in TABLES},
    )
    expected = look(purger(world), None).projects[0].removed

    def compare(_: float) -> None:
        assert daily(world.database) == before

    report = purge(purger(world, rest=compare), None)
    assert daily(world.database) == before
    world.check()
    removed = report.projects[0].removed
    assert {kind: removed[kind] for kind in ("sessions", "calls", "batches")} == {
        table + "es" * (table == "batch") + "s" * (table != "batch"):
        stored[table] - count(world.database, table)
        for table in ("session", "call", "batch")
    }  # fmt: skip
    # A sighting goes with its session if not before.
    assert {kind: number for kind, number in removed.items() if number} == {
        kind: number for kind, number in expected.items() if number
    }
    assert all(removed[kind] for kind in ("sessions", "calls", "sightings", "batches"))
    assert report.others["runs"] == report.projects[0].removed["batches"]
    assert not any(purge(purger(world), None).projects[0].removed.values())


def test_what_can_still_matter_stays(world: World) -> None:
    old, recent = NOW - 61 * DAY, NOW - 59 * DAY
    calls = [
        a_call("gone", old, "accepted", "gone.1"),
        a_call("kept", recent, "accepted", "called.1"),
        a_call("waiting", old, "waiting"),
        a_call("pending", old, "pending", "due.1"),
        a_call("to-examine", old, "unmatched", examine=True),
        a_call("moved", recent, "accepted", "called.1"),
    ]
    store(
        world.database,
        SessionRow,
        [
            a_session("gone.1", old),
            a_session("called.1", recent),
            a_session("due.1", old),
            a_session("left.1", recent),
            a_session("nobody.1", recent),
            a_session("long.1", recent, NOW),
            a_session("young.1", NOW - 29 * DAY),
        ],
    )
    store(world.database, CallRow, calls)
    left = {**an_enrichment(calls[5], "superseded"), "user_id": "left", "session_number": 1}
    due = an_enrichment(calls[3], "pending")
    store(world.database, EnrichmentRow, [an_enrichment(calls[0]), due, left])
    purge(purger(world), None)
    assert remaining(world.database) == (
        {"called.1", "due.1", "left.1", "long.1", "young.1"},
        {"kept", "waiting", "pending", "to-examine", "moved"},
    )


def test_the_job_removes_what_is_old_for_as_long_as_it_may(world: World) -> None:
    fill(world.database, 3)
    before = daily(world.database)
    ticks = itertools.count()
    world.edit(paused=True)
    first = (
        world.run(retention=RETENTION, purge_seconds=1, monotonic=lambda: next(ticks) / 2)
        .projects[0]
        .purged
    )
    assert first["calls"] > 0
    assert first["sessions"] == 0  # for which there was no time any more
    world.run(retention=RETENTION, purge_seconds=60)
    left = look(purger(world), None).projects[0].removed
    assert left["sessions"] == left["sightings"] == left["batches"] == 0
    # It looked at the calls that waited for it besides, so that their verdicts are others.
    funnels = [
        [(row.day, row.sessions, row.calls, row.beacons) for row in told[0]]
        for told in (before, daily(world.database))
    ]
    assert funnels[0] == funnels[1]


def test_a_session_goes_when_its_call_has_gone_though_the_job_was_past_it(world: World) -> None:
    began = NOW - 40 * DAY
    store(world.database, SessionRow, [a_session("u.1", began)])
    store(world.database, CallRow, [a_call("c", began, "unmatched", "u.1")])
    world.edit(paused=True)
    may: dict[str, Any] = {"retention": RETENTION, "purge_seconds": 60}
    world.run(**may)
    assert remaining(world.database) == ({"u.1"}, {"c"})
    world.clock.forward(days=25)
    world.run(**may)
    world.clock.forward(days=1)
    world.run(**may)
    assert remaining(world.database) == (set(), set())


def test_a_purged_call_that_comes_again_is_passed_over_and_told(world: World) -> None:
    store(world.database, CallRow, [a_call("old", LONG_AGO, "unmatched")])
    purge(purger(world), None)
    before = daily(world.database)
    records = [
        a_record("old", started_at=LONG_AGO),
        a_record("young", started_at=NOW - DAY),
        a_record("other", started_at=NOW - 61 * DAY),
    ]
    with world.database.write() as connection:
        outcomes = intake.take_in(
            connection, PROJECT, Readings(calls=records), source="own", origin="calls.csv",
            now=NOW, secrets=None,
        )  # fmt: skip
    assert outcomes == [Stored.TOO_OLD, Stored.NEW, Stored.TOO_OLD]
    assert remaining(world.database)[1] == {"young"}
    assert daily(world.database) != before  # of the young one
    world.check()


def test_a_page_that_fails_removes_and_counts_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(world.database, 4)
    before = [count(world.database, table) for table in (*TABLES, "session_count", "call_count")]

    def fail(*_: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(purged, "note", fail)
    with pytest.raises(RuntimeError):
        purger(world).installation(PROJECT, _free, Counter(), thorough=True)
    assert [
        count(world.database, table) for table in (*TABLES, "session_count", "call_count")
    ] == before


def _free(*_: Any) -> None:
    """Nobody else is there."""


def test_beacons_are_stored_between_two_pages_and_beside_them(world: World) -> None:
    """One of another process comes while a page is written, and is on disk before the next."""
    fill(world.database, 5)
    visitors: list[threading.Thread] = []

    def begin(connection: Any, now: Any) -> None:
        while_idle(PROJECT, "me")(connection, now)
        key = f"new.{len(visitors) + 1}"
        beacon = Beacon(project_id=PROJECT, session=parse_session_key(key), keys={"reference": "r"})
        visitors.append(threading.Thread(target=visit, args=(beacon,)))
        visitors[-1].start()
        if not world.database.is_sqlite:
            visitors[-1].join(60)  # nothing holds it up, though this transaction is open
            assert not visitors[-1].is_alive()

    def visit(beacon: Beacon) -> None:
        with Database(world.database.engine.url.render_as_string(hide_password=False)) as other:
            sessions.record(other, beacon, NOW)

    def rest(_: float) -> None:
        visitors[-1].join(60)
        assert not visitors[-1].is_alive()
        assert f"new.{len(visitors)}" in remaining(world.database)[0]

    purger(world, rest=rest, rows=40).installation(PROJECT, begin, Counter(), thorough=True)
    assert len(visitors) > 3


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_a_session_that_is_just_seen_again_is_left_and_its_beacon_waits_for_nobody(
    world: World,
) -> None:
    store(world.database, SessionRow, [a_session("seen.1", LONG_AGO), a_session("old.1", LONG_AGO)])
    with world.database.write() as beacon:
        beacon.execute(
            sa.text("UPDATE session SET last_seen = :now WHERE user_id = 'seen'"), {"now": NOW}
        )
        purger(world).installation(PROJECT, _free, Counter(), thorough=True)
    assert remaining(world.database)[0] == {"seen.1"}


def test_it_waits_for_the_job_and_gives_up_in_the_end(world: World) -> None:
    store(world.database, SessionRow, [a_session("old.1", LONG_AGO)])
    with world.database.write() as connection:
        lease = leases.take(connection, PROJECT, "job", NOW)
    assert lease is not None
    waits: list[float] = []
    guard = while_idle(PROJECT, "me")
    with pytest.raises(BusyError):
        purger(world, rest=waits.append, tries=3).installation(
            PROJECT, guard, Counter(), thorough=True
        )
    assert len(waits) == 2

    def release(_: float) -> None:
        with world.database.write() as connection:
            leases.release(connection, lease)

    assert remaining(world.database)[0] == {"old.1"}
    first: list[Callable[[float], None]] = [release]
    purger(world, rest=lambda s: first.pop()(s) if first else None, tries=3).installation(
        PROJECT, guard, Counter(), thorough=True
    )
    assert remaining(world.database)[0] == set()


def test_an_installation_that_is_removed_meanwhile_is_not_waited_for(world: World) -> None:
    fill(world.database, 2, sessions=30)
    waits: list[float] = []

    def remove(seconds: float) -> None:
        if not waits:
            with world.database.write() as connection:
                installations.remove(connection, PROJECT, with_data=True)
        waits.append(seconds)

    (project,) = purge(purger(world, rest=remove), None).projects
    assert waits
    assert BUSY_REST not in waits
    assert not project.busy


def test_a_secret_of_a_webhook_that_is_good_no_more_is_removed(world: World) -> None:
    with world.database.write() as connection:
        for secret, until in (("first", None), ("second", NOW + DAY)):
            webhooks.add(connection, PROJECT, "twilio", secret, NOW, earlier_until=until)

    def kept() -> list[Any]:
        return [row["earlier_secret"] for row in world.rows("SELECT * FROM webhook")]

    purge(purger(world), None)
    assert kept() == ["first"]
    world.clock.forward(days=1)
    purge(purger(world), None)
    assert kept() == [None]


def test_a_worker_that_stalled_writes_no_more_after_a_page(world: World) -> None:
    store(world.database, SessionRow, [a_session("old.1", LONG_AGO)])
    with world.database.write() as connection:
        stalled = leases.take(connection, PROJECT, "job", NOW - DAY)
    assert stalled is not None
    purge(purger(world), PROJECT)
    with pytest.raises(LeaseLostError), world.database.write() as connection:
        under(stalled)(connection, NOW)


def test_what_a_removed_installation_left_behind_goes_and_nothing_of_others(world: World) -> None:
    store(
        world.database,
        SessionRow,
        [
            a_session("left.1", NOW - 2 * DAY, project=999),
            a_session("fresh.1", NOW, project=999),
            a_session("mine.1", NOW - 2 * DAY),
        ],
    )
    report = purge(purger(world), None)
    assert report.others["without_installation"] == 1
    assert remaining(world.database)[0] == {"fresh.1", "mine.1"}


def test_counts_go_with_their_own_age_and_with_their_installation(world: World) -> None:
    fill(world.database, 6, sessions=30)
    purge(purger(world), None)
    counts = ("session_count", "call_count", "purged", "beacon_count")
    assert all(count(world.database, table) for table in counts)
    short = replace(RETENTION, counts=60 * DAY)
    purge(replace(purger(world), retention=short), None)
    days = world.rows("SELECT min(day) AS first FROM report_beacons_daily")
    assert str(days[0]["first"]) == "2026-01-01"
    with world.database.write() as connection:
        installations.remove(connection, PROJECT, with_data=True)
    assert not any(count(world.database, table) for table in counts)
