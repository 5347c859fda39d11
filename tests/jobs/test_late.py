"""Late and early: what waits, for how long, and what a late beacon still brings back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.world import PROJECT, World

HORIZON = timedelta(hours=3)
MICROSECOND = timedelta(microseconds=1)


def with_horizon(world: World) -> None:
    """As `horizon = "3h"` in the definition does it."""
    matching = replace(world.definition.matching, horizon=HORIZON)
    world.definition = replace(world.definition, matching=matching)


def test_a_call_waits_as_long_as_the_horizon_is_set(world: World) -> None:
    with_horizon(world)
    call_id = world.call(visitor_id="v1")
    for moment, verdict in [
        (timedelta(0), "waiting"),
        (HORIZON - MICROSECOND, "waiting"),
        (MICROSECOND, "unmatched"),
    ]:
        world.clock.now += moment
        world.run()
        assert world.verdict(call_id) == verdict


@pytest.mark.parametrize("late", [timedelta(minutes=30), timedelta(days=6, hours=23)])
def test_a_session_that_the_call_names_revives_it_however_late_its_beacon(
    world: World, late: timedelta
) -> None:
    call_id = world.call(session_key="u.1")
    world.run()
    assert world.verdict(call_id) == "waiting"
    world.clock.now += late
    world.run()
    world.visit("u.1")
    world.run()
    row = world.report_call(call_id)
    assert (row["verdict"], row["rule"]) == ("accepted", "session_key")


@pytest.mark.parametrize("key", [{"visitor_id": "k1"}, {"reference": "k1"}])
def test_a_personal_key_that_is_told_late_revives_the_call_of_a_session_that_was_open(
    world: World, key: dict[str, Any]
) -> None:
    world.visit("u.1")
    world.clock.forward(minutes=2)
    call_id = world.call(**key)
    world.run()
    world.clock.forward(days=2)
    world.run()
    assert world.verdict(call_id) == "unmatched"
    world.visit("u.1", **key)
    report = world.run()
    assert (report.projects[0].revived, world.verdict(call_id)) == (1, "accepted")


def test_a_beacon_after_the_deadline_brings_nothing_back(world: World) -> None:
    world.visit("u.1")
    world.clock.forward(minutes=2)
    call_id = world.call(visitor_id="v1")
    world.run()
    world.clock.forward(days=7)
    world.visit("u.1", visitor_id="v1")
    world.run()
    assert world.verdict(call_id) == "expired"
    assert world.posts == 0


def test_a_number_that_is_shown_to_somebody_after_the_call_matches_nobody(world: World) -> None:
    world.visit("u.1")
    world.clock.forward(minutes=2)
    call_id = world.call(tracking_number="+33199000001")
    world.clock.forward(minutes=2)
    world.visit("u.1", tracking_number="+33199000001")
    world.run()
    assert world.verdict(call_id) == "waiting"


def test_calls_that_arrive_in_any_order_keep_the_numbers_they_got(world: World) -> None:
    world.visit("u.1", visitor_id="v1")
    world.clock.forward(minutes=10)
    for ago, call_id in [(2, "late"), (8, "early"), (5, "middle")]:
        world.call(call_id, ago=timedelta(minutes=ago), visitor_id="v1")
        world.run()
    for call_id in ("late", "early", "middle"):
        world.call(
            call_id,
            ago=timedelta(minutes={"late": 2, "early": 8, "middle": 5}[call_id]),
            visitor_id="v1",
            attributes={"rating": "5"},
        )
    world.run()
    numbers = {name: world.report_call(name)["enrichment_number"] for name in ("late", "early")}
    assert numbers == {"late": 1, "early": 2}
    assert world.report_call("middle")["enrichment_number"] == 3
    assert world.report_call("middle")["accepted_revision"] == 2


def test_a_session_that_was_told_late_is_no_younger_than_the_call_that_names_it(
    world: World,
) -> None:
    world.sandbox.session_started(PROJECT, "u", 1, world.clock())
    call_id = world.call(session_key="u.1")
    world.run()
    world.clock.forward(days=6)
    world.visit("u.1")
    world.edit(paused=True)
    world.run()
    world.edit(paused=False)
    world.clock.forward(days=2)
    world.run()
    assert world.verdict(call_id) == "expired"
    assert world.sandbox.dropped == []


def test_the_session_that_a_call_names_is_waited_for(world: World) -> None:
    world.visit("u.4", visitor_id="v1")
    call_id = world.call(session_key="u.5", visitor_id="v1")
    world.run()
    assert world.verdict(call_id) == "waiting"
    world.visit("u.5")
    world.run()
    assert world.report_call(call_id)["session_key"] == "u.5"


def test_a_number_that_is_shown_on_after_the_call_revives_it(world: World) -> None:
    world.visit("u.1", tracking_number="+33199000001")
    world.clock.forward(minutes=45)
    call_id = world.call(tracking_number="+33199000001")
    world.clock.forward(minutes=61)
    world.run()
    assert world.verdict(call_id) == "unmatched"
    world.visit("u.1", tracking_number="+33199000001")
    world.clock.forward(minutes=1)
    world.run()
    assert world.verdict(call_id) == "accepted"


def test_a_clock_that_was_ahead_for_one_run_hides_no_late_key(world: World) -> None:
    world.visit("u.1")
    world.clock.forward(minutes=1)
    call_id = world.call(visitor_id="v1")
    world.clock.forward(hours=3)
    world.run()
    world.clock.forward(hours=-1)
    world.visit("u.1", visitor_id="v1")
    world.clock.forward(minutes=1)
    world.run()
    assert world.verdict(call_id) == "accepted"


def named(world: World, *, ago: timedelta, rating: str | None = None) -> None:
    """The record of call "c", which names its session."""
    attributes = {} if rating is None else {"rating": rating}
    world.call("c", ago=ago, session_key="u.1", attributes=attributes)


@pytest.mark.parametrize("rating", [None, "5"])
def test_a_start_that_is_corrected_to_be_too_old_is_not_sent_in_its_outdated_form(
    world: World, rating: str | None
) -> None:
    began = world.clock() - timedelta(days=5)
    world.sandbox.session_started(PROJECT, "u", 1, began)
    named(world, ago=timedelta(0))
    world.clock.forward(days=1)
    world.visit("u.1")
    world.edit(paused=True)
    world.run()
    world.edit(paused=False)
    world.clock.forward(days=1, hours=1)
    named(world, ago=world.clock() - began, rating=rating)
    world.run()
    assert (world.verdict("c"), world.posts) == ("expired", 0)
    world.run()
    assert (world.verdict("c"), world.posts) == ("expired", 0)


def test_a_corrected_record_that_names_a_session_leaves_the_one_a_weaker_key_found(
    world: World,
) -> None:
    world.visit("u.4", visitor_id="v1")
    world.call("c", visitor_id="v1")
    world.run()
    assert world.report_call("c")["session_key"] == "u.4"
    world.call("c", visitor_id="v1", session_key="u.5")
    world.run()
    row = world.report_call("c")
    assert (row["verdict"], row["reason"]) == ("waiting", "no_session_yet")
    assert "u.5 that the call names was not seen yet" in row["detail"]
    world.visit("u.5")
    world.run()
    assert world.report_call("c")["session_key"] == "u.5"
