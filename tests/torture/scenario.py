"""Four customers in the middle of things: every verdict, and everything that is still to be done.

No session's deadline and no call's horizon lies within the hours that a trial may take on its
clock, so that being killed and started again changes nothing of what ought to come of it.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from collector.domain.definition import Definition
from collector.sandbox import SandboxInstallation
from collector.sources import definition as definitions
from tests.sandbox_fixtures import PHONE_CALL_INSTALLATION, PHONE_CALL_SCHEMA
from tests.world import EXAMPLE, World

SECRET_KEY = base64.urlsafe_b64encode(bytes(32)).decode()

SHOP = 162  # most of what there is
BANK = 163  # has moved to version 2, with the same credentials as the shop
CLINIC = 164  # its registered schema lacks the rating, so that each rated call is refused
GARAGE = 165  # its only call changes its session in the middle of everything

#: What becomes of the garage's call depends on when it is changed.
DEPENDS_ON_THE_MOMENT = GARAGE

#: Longer than a trial may take on its clock.
HORIZON = timedelta(days=1)

NUMBER = "+33199000001"
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)

_OTHER_CLIENT = "another-client"
_UNRATED = {
    "fields": [one for one in PHONE_CALL_SCHEMA["fields"] if one["name"] != "call_client_rating"]
}


@cache
def definition() -> Definition:
    """The example's, with a version 2 that tells the duration in seconds, and a long horizon."""
    example = definitions.read(EXAMPLE)
    one = example.versions[1]
    seconds = replace(one.recipes["call_duration"], multiply=None)
    two = replace(one, number=2, recipes={**one.recipes, "call_duration": seconds})
    return replace(
        example,
        versions={1: one, 2: two},
        matching=replace(example.matching, horizon=HORIZON),
    )


def sandbox_installations() -> list[SandboxInstallation]:
    """What Contentsquare knows of the four."""
    shop = PHONE_CALL_INSTALLATION
    return [
        shop,
        replace(
            shop,
            project_id=BANK,
            integration_id=43,
            schemas={1: PHONE_CALL_SCHEMA, 2: PHONE_CALL_SCHEMA},
        ),
        replace(
            shop,
            project_id=CLINIC,
            integration_id=44,
            client_id=_OTHER_CLIENT,
            schemas={1: _UNRATED},
        ),
        replace(shop, project_id=GARAGE, integration_id=45, client_id=_OTHER_CLIENT),
    ]


def build(world: World) -> None:
    """Bring the database and the sandbox to where each trial begins."""
    for known in sandbox_installations():
        world.install(known.project_id, known.integration_id, client_id=known.client_id)
    _a_week_ago(world)
    _yesterday(world)
    world.clock.forward(days=1, hours=2)
    _today(world)


def _a_week_ago(world: World) -> None:
    """Two calls of the shop are never sent in time: one was built, one is not even known yet."""
    world.edit(SHOP, paused=True)
    world.visit("late.1", visitor_id="late")
    world.visit("later.1", visitor_id="later")
    world.call("late-1", visitor_id="late")
    world.run()
    world.edit(SHOP, paused=False)
    world.clock.forward(days=6)
    world.visit("later.1", visitor_id="later")
    world.clock.forward(days=1, hours=1)
    world.call("later-1", visitor_id="later")


def _yesterday(world: World) -> None:
    """Some are accepted."""
    for user in ("alice", "bob", "carl", "dora", "emil", "hana", "uma"):
        world.visit(f"{user}.1", visitor_id=user)
    world.visit("gail.1")
    world.call("alice-1", visitor_id="alice")
    world.call("bob-1", visitor_id="bob")
    world.call("dora-1", ago=-2 * MINUTE, visitor_id="dora")
    world.call("dora-2", ago=-3 * MINUTE, visitor_id="dora")
    world.call("gail-1", visitor_id="gail")
    for user in ("ivan", "jane"):
        world.visit(f"{user}.7", project_id=BANK, visitor_id=user)
        world.call(f"{user}-1", project_id=BANK, visitor_id=user)
    for user in ("karl", "lena", "mila", "nora", "vera"):
        world.visit(f"{user}.1", project_id=CLINIC, visitor_id=user)
    world.call("karl-1", project_id=CLINIC, visitor_id="karl")
    world.run()


def _today(world: World) -> None:
    """Everything that the run which is to be disturbed has to do."""
    world.run()  # what waited in vain is unmatched from here on
    world.call("alice-1", visitor_id="alice", ago=26 * HOUR, attributes={"rating": "4"})
    world.call("bob-1", visitor_id="carl", ago=26 * HOUR)  # somebody else's call after all
    world.visit("gail.1", visitor_id="gail")  # the page tells late who this is
    for number in (3, 4):
        world.call(f"dora-{number}", visitor_id="dora", ago=-number * MINUTE)
    world.call("emil-1", visitor_id="emil")
    world.visit("fran.2", visitor_id="fran")
    for number in (1, 2, 3):
        world.call(f"fran-{number}", visitor_id="fran", ago=-number * MINUTE)
    for user in ("olaf", "paul"):
        world.visit(f"{user}.1", tracking_number=NUMBER)
    world.call("ambiguous-1", tracking_number=NUMBER)
    world.call("waiting-1", session_key="quin.3")
    world.call("waiting-2", reference="r-1")
    world.call("unmatched-1")
    world.call("invalid-1", visitor_id="hana", attributes={"status": "odd"})
    _today_elsewhere(world)


def _today_elsewhere(world: World) -> None:
    world.edit(BANK, integration_version=2)
    world.call("ivan-1", project_id=BANK, visitor_id="ivan", ago=26 * HOUR,
               attributes={"rating": "2"})  # fmt: skip
    for number in range(1, 7):
        user = f"saver{number}"
        world.visit(f"{user}.1", project_id=BANK, visitor_id=user)
        world.call(f"{user}-1", project_id=BANK, visitor_id=user)
    for number, user in enumerate(("lena", "mila", "nora", "karl", "lena", "mila"), 1):
        rating = {"rating": "5"} if number in {2, 5} else {}
        world.call(f"clinic-{number}", project_id=CLINIC, visitor_id=user,
                   ago=-number * MINUTE, attributes=rating)  # fmt: skip
    for user in ("rex", "rita"):
        world.visit(f"{user}.1", project_id=GARAGE, visitor_id=user)
    world.call("garage-1", project_id=GARAGE, visitor_id="rex")


def change(world: World, since: datetime) -> None:
    """What happens while the job lies dead: records are changed, and beacons come.

    Except for the garage's, whatever came before it, the same comes of it: nobody's number
    depends on who was built first.

    Args:
        since: when the trial began.
    """
    age = world.clock() - since
    world.call("alice-1", visitor_id="alice", ago=age + 26 * HOUR)  # as it was accepted
    world.call("dora-1", visitor_id="uma", ago=age + 26 * HOUR - 2 * MINUTE)  # elsewhere now
    world.call("dora-2", visitor_id="dora", ago=age + 26 * HOUR - 3 * MINUTE,
               attributes={"status": "odd"})  # fmt: skip
    world.call("emil-1", visitor_id="emil", ago=age, attributes={"rating": "3"})
    world.call("emil-2", visitor_id="emil", ago=age - MINUTE)
    world.visit("quin.3")
    world.visit("hana.1", reference="r-1")
    world.call("saver2-1", project_id=BANK, visitor_id="saver2", ago=age,
               attributes={"call_center": "LILLE"})  # fmt: skip
    world.call("clinic-2", project_id=CLINIC, visitor_id="mila", ago=age - 2 * MINUTE)  # mended
    world.call("karl-1", project_id=CLINIC, visitor_id="vera", ago=age + 26 * HOUR)
    world.call("garage-1", project_id=GARAGE, visitor_id="rita", ago=age)


def records(since: datetime) -> list[dict[str, Any]]:
    """A file of the shop's: new calls, changed ones, the same, one twice, one that is bad."""

    def record(call_id: str, minutes: float, **columns: str) -> dict[str, Any]:
        started = since + minutes * MINUTE
        standard: Mapping[str, str] = {
            "call_id": call_id, "started": started.isoformat(), "duration_s": "75",
            "status": "completed", "call_center": "RENNES",
        }  # fmt: skip
        return {**standard, **columns}

    later = (since + HOUR).isoformat()
    return [
        record("emil-1", 0, visitor_id="emil", rating="1"),
        record("new-1", 1, visitor_id="carl"),
        record("new-2", 2, visitor_id="carl", rating="2", updated=later),
        record("fran-1", 1, visitor_id="fran"),
        {"call_id": "bad-1", "started": "whenever"},
        record("dora-3", 3, visitor_id="dora", rating="5"),
        record("new-2", 2, visitor_id="carl", rating="1", updated=since.isoformat()),
        record("new-3", 3, visitor_id="nobody"),
        record("new-1", 1, visitor_id="carl", rating="4"),
    ]
