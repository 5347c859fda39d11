"""A small world in which something of everything has happened that the overview tells of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from collector.domain.reading import Readings, Refusal
from collector.sandbox import Fault, Sandbox
from collector.storage import beacon_counts, intake
from collector.storage.beacon_counts import BeaconCount
from collector.storage.database import Database
from tests.sandbox_fixtures import PHONE_CALL_INSTALLATION
from tests.world import Clock, World

TEN_MINUTES = timedelta(minutes=10)
SHOP = "https://shop.example"

#: What a page or a platform may say, and a browser must not believe.
HOSTILE = "<script>alert('x')</script>\"&"


@contextmanager
def told(database: Database, now: datetime, *, name: str = "Example shop") -> Iterator[World]:
    """Project 162 with five calls that ended ten minutes ago or earlier; 163 is paused, and empty.

    One call is accepted, 525 seconds after its end; one rejected, one invalid, one unmatched, one
    pending. ``name`` is what project 162 is called, and stands in what was refused.
    """
    clock = Clock(now - TEN_MINUTES)
    with Sandbox([PHONE_CALL_INSTALLATION], now=clock) as sandbox:
        world = World(database, sandbox, clock)
        world.install(name=name)
        world.install(163, 43, name="Example hotel")
        world.edit(163, paused=True)
        for number in range(1, 4):
            world.visit(f"u.{number}", visitor_id=f"v-{number}")
        world.call("c-1", visitor_id="v-1")
        world.call("c-2")
        world.call("c-3", visitor_id="v-2", attributes={"rating": "excellent"})
        clock.forward(minutes=10)
        world.run()
        world.call("c-4", visitor_id="v-3", ago=TEN_MINUTES)
        sandbox.add(Fault(kind="server_error", status=400, count=1))
        world.run()
        world.call("c-5", visitor_id="v-1", ago=TEN_MINUTES)
        sandbox.add(Fault(kind="server_error", status=503, count=20))
        world.run()
        sandbox.clear()
        _refuse(world, name)
        yield world


def _refuse(world: World, name: str) -> None:
    """Seven beacons of a stranger, one that told no project, and two call records."""
    counts = (
        (162, "accepted", SHOP, 5),
        (162, "origin_not_allowed", "https://www.shop.example", 7),
        (0, "unknown_project", SHOP, 2),
        (0, "unknown_project", "https://nobody.example", 3),
    )
    beacon_counts.add(
        world.database,
        [
            BeaconCount(
                project_id=project_id, day=world.clock.now.date(), outcome=outcome, origin=origin,
                beacons=beacons, last_at=world.clock.now,
            )
            for project_id, outcome, origin, beacons in counts
        ],
        installed={SHOP},
    )  # fmt: skip
    refusals = [
        Refusal(number=n, call_id=None, code="no_call_id", message=f"{name} {n}", record=str(n))
        for n in (1, 2)
    ]
    with world.database.write() as connection:
        intake.take_in(
            connection,
            162,
            Readings(refusals=refusals),
            source="own",
            origin="calls.csv",
            now=world.clock.now,
            secrets=None,
        )
