"""A week in which something of everything happens, for the questions of docs/analysts.md."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

from collector.domain.call import OWN, Call
from collector.domain.reading import Refusal
from collector.sandbox import Fault, Sandbox
from collector.storage import beacon_counts, calls, refusals, runs
from collector.storage.beacon_counts import BeaconCount
from collector.storage.database import Database
from tests.jobs.drifted import RATED, SHORT_SCHEMA, sharing_a_client
from tests.world import PROJECT, Clock, World

#: The first beacons came before the week; what they led to is delivered in it.
BEFORE = datetime(2026, 2, 22, 10, tzinfo=UTC)

#: The moment at which the questions are asked.
NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)

NUMBER = "+33199001200"


@contextmanager
def lived(database: Database) -> Iterator[World]:
    """The world at the end of the week, still running."""
    clock = Clock(BEFORE)
    with Sandbox([sharing_a_client(PROJECT, {1: SHORT_SCHEMA})], now=clock) as sandbox:
        world = World(database, sandbox, clock)
        world.install()
        world.install(163, 43, name="Other shop")
        world.install(164, 44, name="Quiet shop")
        world.visit("e.1", visitor_id="v-e")
        _at(world, "2026-02-27 09:00")
        world.visit("h.1", visitor_id="v-h")
        _monday(world)
        _tuesday(world)
        _wednesday(world)
        _thursday(world)
        _beside(database)
        yield world


def _monday(world: World) -> None:
    _at(world, "2026-03-02 10:00")
    world.visit("a.1", visitor_id="v-a")
    _at(world, "2026-03-02 10:10")
    _call(world, "c-1", "2026-03-02 10:05", value=50.0, visitor_id="v-a")
    _run(world, "2026-03-02 10:15")
    _at(world, "2026-03-02 11:00")
    world.visit("b.1", tracking_number=NUMBER)
    _at(world, "2026-03-02 11:01")
    world.visit("c.1", tracking_number=NUMBER)
    _at(world, "2026-03-02 11:05")
    _call(world, "c-2", "2026-03-02 11:02", source="twilio", tracking_number=NUMBER)
    _at(world, "2026-03-02 12:00")
    world.visit("d.1", visitor_id="v-d")
    _at(world, "2026-03-02 12:25")
    _call(world, "c-3", "2026-03-02 12:05", source="twilio", centre="LYON", visitor_id="v-d")
    _call(world, "c-4", "2026-03-02 12:20", centre="LYON", value=25.5, visitor_id="v-d")
    _run(world, "2026-03-02 12:30")


def _tuesday(world: World) -> None:
    """Nobody's calls, and one that comes when its session is nine days old."""
    _at(world, "2026-03-03 10:00")
    _call(world, "c-5", "2026-03-03 09:00", answered=False, visitor_id="v-nobody")
    _call(world, "c-6", "2026-03-03 09:30", answered=None)
    _call(world, "c-7", "2026-02-22 10:05", source="invoca", visitor_id="v-e")
    _run(world, "2026-03-03 12:00")


def _wednesday(world: World) -> None:
    """A call that moves, one that is refused, and a run that is killed."""
    _at(world, "2026-03-04 07:00")
    with world.database.write() as connection:
        runs.start(connection, "killed", "reconcile", world.clock())
    _at(world, "2026-03-04 10:00")
    world.visit("f.1", visitor_id="v-f")
    world.visit("g.1", visitor_id="v-g")
    _at(world, "2026-03-04 10:10")
    _call(world, "c-8", "2026-03-04 10:05", visitor_id="v-f")
    _run(world, "2026-03-04 10:15")
    _call(world, "c-8", "2026-03-04 10:05", visitor_id="v-g")
    _call(world, "c-9", "2026-03-04 10:06", rating=True, visitor_id="v-f")
    _run(world, "2026-03-04 10:30")


def _thursday(world: World) -> None:
    """The API is away while the last day of a session runs."""
    _at(world, "2026-03-05 11:00")
    _call(world, "c-10", "2026-02-27 09:05", visitor_id="v-h")
    world.sandbox.add(Fault(kind="server_error", status=503))
    _run(world, "2026-03-05 12:00")


def _beside(database: Database) -> None:
    """What only the server counts, and a record that nobody can read."""
    beacon_counts.add(
        database,
        [
            BeaconCount(
                project_id=project_id, day=date(2026, 3, day), outcome=outcome, origin=origin,
                beacons=beacons, last_at=datetime(2026, 3, day, 9, tzinfo=UTC),
            )
            for project_id, day, outcome, origin, beacons in (
                (PROJECT, 2, "accepted", "https://shop.example", 40),
                (PROJECT, 5, "accepted", "https://shop.example", 30),
                (164, 3, "accepted", "https://quiet.example", 1),
                (PROJECT, 2, "origin_not_allowed", "https://copy.example", 5),
                (PROJECT, 3, "origin_not_allowed", "https://copy.example", 2),
                (0, 3, "unknown_project", "https://shop.example", 3),
            )
        ],
    )  # fmt: skip
    unread = Refusal(number=17, call_id="c-99", code="bad_time", message="no time", record="{}")
    for _ in range(2):
        with database.write() as connection:
            refusals.keep(
                connection, PROJECT, [unread], source="own", origin="calls.csv",
                now=datetime(2026, 3, 3, 8, tzinfo=UTC), secrets=None,
            )  # fmt: skip


def _at(world: World, moment: str) -> None:
    world.clock.now = _moment(moment)


def _run(world: World, moment: str) -> None:
    _at(world, moment)
    world.run(PROJECT)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}:00+00:00")


def _call(
    world: World,
    call_id: str,
    started: str,
    *,
    source: str = OWN,
    centre: str = "RENNES",
    answered: bool | None = True,
    value: float | None = None,
    rating: bool = False,
    **keys: str,
) -> None:
    """A call of 75 seconds comes in now; the schema knows nothing of a rating."""
    attributes = {"status": "completed", "duration_s": "75", "call_center": centre}
    call = Call(
        call_id=call_id,
        started_at=_moment(started),
        ended_at=_moment(started) + timedelta(seconds=75),
        updated_at=None,
        keys=keys,
        attributes={**attributes, **(RATED if rating else {})},
        answered=answered,
        value=value,
        source=source,
    )
    with world.database.write() as connection:
        calls.store(connection, PROJECT, [call], world.clock())
