"""Where everything stands, and why one call stands where it stands."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any

import pytest

from collector.domain.definition import Matching, Rule
from collector.domain.verdicts import Verdict
from collector.errors import NotFoundError
from collector.insight.explain import explain
from collector.insight.status import Status, read_status
from collector.storage import leases, runs
from collector.storage.leases import Lease
from tests.world import PROJECT, START, World

MICROSECOND = timedelta(microseconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def status(world: World, project_id: int | None = None) -> Status:
    found = read_status(world.database, project_id, world.clock())
    assert set(found.funnel.verdicts) == {verdict.value for verdict in Verdict}
    assert sum(found.funnel.verdicts.values()) == found.funnel.calls
    for item in found.installations:
        assert sum(item.funnel.verdicts.values()) == item.funnel.calls
    return found


def why(world: World, call_id: str, project_id: int = PROJECT) -> dict[str, Any]:
    return explain(world.database, world.definition, project_id, call_id).as_json()


def test_an_installation_without_anything_has_an_empty_funnel(world: World) -> None:
    found = status(world)
    assert (found.funnel.sessions, found.funnel.calls) == (0, 0)
    (item,) = found.installations
    assert (item.state, item.warnings, item.last_beacon) == ("active", [], None)
    assert found.last_run is None
    assert found.as_json()["verdicts"] == dict.fromkeys(Verdict, 0)


def test_the_funnels_of_the_installations_sum_to_the_whole(world: World) -> None:
    world.install(project_id=163, integration_id=43)
    world.visit("u.1", visitor_id="v1")
    world.visit("w.1", project_id=163, visitor_id="v1")
    world.visit("x.1", project_id=163)
    world.call(visitor_id="v1")
    world.call(visitor_id="nobody")
    world.call(project_id=163, visitor_id="nobody")
    world.run(PROJECT)
    found = status(world)
    assert (found.funnel.sessions, found.funnel.calls) == (3, 3)
    assert [item.funnel.sessions for item in found.installations] == [1, 2]
    assert [item.funnel.calls for item in found.installations] == [2, 1]
    assert found.funnel.verdicts["accepted"] == 1
    assert found.funnel.verdicts["waiting"] == 2
    only = status(world, 163)
    assert [item.installation.project_id for item in only.installations] == [163]
    assert only.funnel == found.installations[1].funnel


def test_a_project_without_installation_has_no_status(world: World) -> None:
    with pytest.raises(NotFoundError, match="Project 999"):
        status(world, 999)


def test_the_last_beacon_is_told_in_utc(world: World) -> None:
    world.visit("u.1")
    world.clock.forward(minutes=5)
    world.visit("u.2")
    (item,) = status(world).installations
    assert item.last_beacon == START + timedelta(minutes=5)
    assert item.last_beacon.tzinfo is UTC or item.last_beacon.utcoffset() == timedelta(0)


def test_paused_problem_and_active_are_told_apart(world: World) -> None:
    assert status(world).installations[0].state == "active"
    world.edit(integration_version=9)
    world.run()
    document = status(world).as_json()["installations"][0]
    assert document["state"] == "problem"
    assert "integration version 9" in document["problem"]
    world.edit(paused=True)
    assert status(world).installations[0].state == "paused"
    world.edit(paused=False, integration_version=1)
    world.run()
    assert status(world).as_json()["installations"][0]["problem"] is None


def pending(world: World) -> None:
    """Three enrichments, of sessions that began an hour apart, wait to be sent."""
    for index in range(3):
        world.visit(f"user{index}.1", visitor_id=f"v{index}")
        world.call(visitor_id=f"v{index}")
        world.clock.forward(hours=1)
    world.edit(paused=True)
    world.run()
    world.edit(paused=False)


def test_what_expires_within_a_day_is_warned_of_before_it_does(world: World) -> None:
    pending(world)
    for age, soon, too_late in (
        (6 * DAY - MICROSECOND, 0, 0),
        (6 * DAY, 1, 0),
        (6 * DAY + 2 * HOUR - MICROSECOND, 2, 0),
        (6 * DAY + 2 * HOUR, 3, 0),
        # What is begun within the last five minutes could arrive too late unnoticed.
        (7 * DAY - 5 * MINUTE - MICROSECOND, 3, 0),
        (7 * DAY - 5 * MINUTE, 2, 1),
        (7 * DAY + 5 * HOUR, 0, 3),
    ):
        world.clock.now = START + age
        document = status(world).as_json()["installations"][0]
        told = document["warnings"]
        counted = (document["expiring_within_24_hours"], document["too_late_to_send"], len(told))
        assert counted == (soon, too_late, bool(soon) + bool(too_late)), age
        first = START + 7 * DAY + too_late * HOUR if soon else None
        assert document["first_deadline"] == first, age
        if first:
            assert f"{soon} pending enrichment(s) expire within 24 hours" in told[0]
            assert f"the first at {first:%Y-%m-%d %H:%M:%S} UTC" in told[0]
        if too_late:
            assert f"{too_late} pending enrichment(s) are too late" in told[-1]
        assert document["verdicts"]["pending"] == 3


def test_what_is_too_late_is_told_until_the_job_has_marked_it(world: World) -> None:
    pending(world)
    world.clock.now = START + 8 * DAY
    assert "the next run marks them expired" in status(world).installations[0].warnings[0]
    world.run()
    assert status(world).installations[0].warnings == []


def test_a_warning_names_the_next_step(world: World) -> None:
    pending(world)
    then = START + 6 * DAY + 8 * HOUR
    usual: dict[str, Any] = {
        "paused": False, "problem": None, "send_after": None, "searched_until": then,
    }  # fmt: skip
    cases: list[tuple[dict[str, Any], timedelta, str]] = [
        ({"paused": True}, MINUTE, "It is paused; go on with: collector installation resume 162"),
        ({"paused": True, "problem": "all was refused"}, MINUTE, "paused (all was refused); go on"),
        ({"problem": "wrong secret"}, MINUTE, "Its problem is: wrong secret."),
        ({}, HOUR, "last at work for it at 2026-03-08 20:00:00 UTC; run: collector reconcile"),
        ({}, HOUR - MICROSECOND, "The next run sends them: collector reconcile"),
        ({"send_after": then + HOUR}, MINUTE, "left alone until 2026-03-08 21:00:00 UTC"),
        ({"send_after": START}, MINUTE, "The next run sends them"),
        ({"searched_until": None}, MINUTE, "The job was never at work for it"),
    ]
    for changes, since_run, step in cases:
        world.edit(**{**usual, **changes})
        world.clock.now = then + since_run
        assert step in status(world).installations[0].warnings[0]


def test_what_was_accepted_does_not_expire(world: World) -> None:
    world.visit("u.1", visitor_id="v1")
    world.call(visitor_id="v1")
    world.run()
    world.clock.forward(days=6, hours=12)
    assert status(world).installations[0].warnings == []


def test_the_last_run_is_told(world: World) -> None:
    world.run()
    world.clock.forward(hours=1)
    report = world.run()
    last = status(world).last_run
    assert last is not None
    assert (last["run_id"], last["outcome"]) == (report.run_id, "done")
    assert last["started_at"] == START + HOUR


def begin(world: World, run_id: str, *, lease: bool = False) -> None:
    """A run begins that nothing will be heard of any more."""
    with world.database.write() as connection:
        runs.start(connection, run_id, "reconcile", world.clock())
        if lease:
            assert leases.take(connection, PROJECT, f"host:1:{run_id}", world.clock())


def outcomes(world: World) -> dict[str, Any]:
    """What the runs ended with, and when, once the job has looked for the silent ones."""
    with world.database.write() as connection:
        runs.close_interrupted(connection, world.clock())
    rows = world.rows("SELECT run_id, outcome, finished_at IS NOT NULL AS ended FROM run")
    for row in rows:
        assert bool(row["ended"]) == (row["outcome"] != "running")
    return {row["run_id"]: row["outcome"] for row in rows}


def test_a_run_that_ended_without_a_word_is_interrupted_after_a_leases_term(world: World) -> None:
    begin(world, "killed")
    world.clock.now += 5 * MINUTE - MICROSECOND
    assert outcomes(world) == {"killed": "running"}
    world.clock.now += MICROSECOND
    last = status(world).last_run
    assert last is not None
    assert last["outcome"] == "interrupted"  # nothing has noted it yet
    assert outcomes(world) == {"killed": "interrupted"}
    world.clock.forward(hours=1)
    report = world.run()
    assert outcomes(world) == {"killed": "interrupted", report.run_id: "done"}


def test_a_run_that_holds_a_lease_is_running_however_long(world: World) -> None:
    begin(world, "other")
    begin(world, "at-work", lease=True)
    for _ in range(3):
        world.clock.now += 5 * MINUTE - MICROSECOND
        with world.database.write() as connection:
            lease = Lease(project_id=PROJECT, owner="host:1:at-work", number=1)
            leases.hold(connection, lease, world.clock())
    assert outcomes(world) == {"other": "interrupted", "at-work": "running"}
    world.clock.now += 5 * MINUTE
    assert outcomes(world) == {"other": "interrupted", "at-work": "interrupted"}


def test_a_run_that_was_only_slow_writes_its_own_outcome(world: World) -> None:
    begin(world, "slow")
    world.clock.forward(hours=1)
    assert outcomes(world) == {"slow": "interrupted"}
    with world.database.write() as connection:
        runs.finish(connection, "slow", outcome="done", counts={}, now=world.clock())
    assert outcomes(world) == {"slow": "done"}


def test_an_accepted_call_is_explained_by_its_match_and_its_enrichment(world: World) -> None:
    world.visit("ae267.4", visitor_id="v1")
    world.clock.forward(minutes=2)
    call_id = world.call(visitor_id="v1")
    world.run()
    document = why(world, call_id)
    assert (document["call_id"], document["verdict"]) == (call_id, "accepted")
    assert document["keys"] == {"visitor_id": "v1"}
    assert document["match"]["session_key"] == "ae267.4"
    assert document["match"]["rule"] == "visitor_id"
    assert document["match"]["evidence"]
    (candidate,) = document["candidates"]
    assert candidate["session_key"] == "ae267.4"
    assert candidate["session_first_seen"] == candidate["key_last_seen"] == START
    assert candidate["open_at_call"] is True
    enrichment = document["enrichment"]
    assert (enrichment["enrichment_number"], enrichment["revision"]) == (1, 1)
    assert enrichment["accepted_revision"] == 1
    assert enrichment["deadline"] == START + timedelta(days=7)
    ((_, held),) = world.held.items()
    assert enrichment["payload"] == held.fields


def test_an_ambiguous_call_is_explained_by_its_candidates(world: World) -> None:
    world.visit("u.1", tracking_number="+33199000001")
    world.clock.forward(seconds=10)
    world.visit("w.1", tracking_number="+33199000001")
    call_id = world.call(tracking_number="+33199000001")
    world.run()
    document = why(world, call_id)
    assert (document["verdict"], document["reason"]) == ("ambiguous", "several_users")
    assert (document["match"], document["enrichment"]) == (None, None)
    assert [item["session_key"] for item in document["candidates"]] == ["u.1", "w.1"]


def test_each_rule_is_shown_with_what_it_looked_for_and_found(world: World) -> None:
    world.visit("a.1", visitor_id="v1")
    world.clock.forward(hours=2)
    world.visit("b.1", visitor_id="v1", tracking_number="+33199000001")
    world.clock.forward(minutes=5)
    call_id = world.call(visitor_id="v1", tracking_number="+33199000001")
    world.run()
    document = why(world, call_id)
    named, visitor, reference, number = document["rules"]
    assert [rule["rule"] for rule in document["rules"]] == [
        "session_key", "visitor_id", "reference", "tracking_number",
    ]  # fmt: skip
    assert (named["key"], named["seen_since"], named["decides"]) == (None, None, False)
    assert (reference["key"], reference["sessions"]) == (None, 0)
    assert (visitor["key"], visitor["sessions"], visitor["users"]) == ("v1", 2, 2)
    assert (visitor["decides"], visitor["chosen"], visitor["runner_up"]) == (True, "b.1", "a.1")
    assert visitor["margin_seconds"] == 2 * 60 * 60
    assert visitor["seen_since"] == world.clock() - 7 * DAY
    assert (number["sessions"], number["users"], number["decides"]) == (1, 1, False)
    assert number["seen_by"] == world.clock() + MINUTE
    evidence = document["match"]["evidence"]
    assert (evidence["runner_up"], evidence["margin_seconds"]) == ("a.1", 2 * 60 * 60)
    assert document["by_the_rules_now"] == {"session_key": "b.1", "rule": "visitor_id"}


def test_the_rules_are_those_of_the_project(world: World) -> None:
    own = Matching(rules=(Rule(kind="reference", window=DAY),))
    world.definition = replace(world.definition, projects={PROJECT: own})
    call_id = world.call(visitor_id="v1")
    assert [rule["rule"] for rule in why(world, call_id)["rules"]] == ["reference"]


def test_a_session_of_another_visitor_is_set_aside_and_said_to_be(world: World) -> None:
    world.visit("u.1", visitor_id="v1", tracking_number="+33199000001")
    call_id = world.call(visitor_id="v2", tracking_number="+33199000001")
    world.run()
    assert world.verdict(call_id) == "waiting"
    (candidate,) = why(world, call_id)["candidates"]
    assert candidate["objection"] == "it is known by another visitor_id than the call"


def test_who_redials_a_number_that_was_lent_on_is_not_taken_for_its_new_visitor(
    world: World,
) -> None:
    world.visit("u.1", tracking_number="+33199000001")
    for user, verdict in (("u", "accepted"), ("w", "waiting")):
        world.visit(f"{user}.1", tracking_number="+33199000001")
        world.clock.forward(minutes=2)
        call_id = world.call(tracking_number="+33199000001", caller="hash-of-u")
        world.run()
        assert world.verdict(call_id) == verdict
        world.clock.forward(hours=3)
    other = world.call(tracking_number="+33199000001", ago=3 * HOUR, caller="hash-of-w")
    world.run()
    assert world.report_call(other)["session_key"] == "w.1"
    (candidate,) = why(world, call_id)["candidates"]
    assert (
        "the caller used this tracking_number before, at 2026-03-02 12:02:00 UTC"
        in (candidate["objection"])
    )


def test_a_session_left_long_before_the_call_is_a_candidate_that_was_not_open(
    world: World,
) -> None:
    world.visit("u.1", visitor_id="v1")
    world.clock.forward(hours=5)
    call_id = world.call(visitor_id="v1")
    assert [item["open_at_call"] for item in why(world, call_id)["candidates"]] == [False]


@pytest.mark.parametrize(("visitor_id", "reason"), [("", "no_keys"), ("nobody", "no_session")])
def test_a_call_without_session_says_why(world: World, visitor_id: str, reason: str) -> None:
    if visitor_id:
        call_id = world.call(ago=2 * HOUR, visitor_id=visitor_id)
    else:
        call_id = world.call(ago=2 * HOUR)
    world.run()
    document = why(world, call_id)
    assert (document["verdict"], document["reason"]) == ("unmatched", reason)
    assert document["candidates"] == []
    assert document["detail"]


def test_an_invalid_call_says_which_field_and_why(world: World) -> None:
    world.visit("u.1", visitor_id="v1")
    call_id = world.call(visitor_id="v1", attributes={"rating": "great"})
    world.run()
    document = why(world, call_id)
    assert document["verdict"] == "invalid"
    assert "call_client_rating: 'great' is not a number" in document["detail"]
    assert document["enrichment"] is None
    assert document["match"]["session_key"] == "u.1"


def test_a_fourth_call_is_explained_by_the_three_before_it(world: World) -> None:
    world.visit("u.1", visitor_id="v1")
    calls = [world.call(visitor_id="v1") for _ in range(4)]
    world.run()
    last = why(world, calls[-1])
    assert last["verdict"] == "over_limit"
    assert last["enrichment"] is None


def test_a_call_that_no_run_has_looked_at_is_explained_too(world: World) -> None:
    world.visit("u.1", visitor_id="v1")
    call_id = world.call(visitor_id="v1")
    document = why(world, call_id)
    assert (document["verdict"], document["reason"]) == ("waiting", "new")
    assert [item["session_key"] for item in document["candidates"]] == ["u.1"]


def test_a_call_is_only_found_in_its_own_project(world: World) -> None:
    world.install(project_id=163, integration_id=43)
    world.visit("u.1", project_id=163, visitor_id="v1")
    call_id = world.call(visitor_id="v1")
    assert why(world, call_id)["candidates"] == []
    with pytest.raises(NotFoundError, match="Project 163 has no call"):
        why(world, call_id, 163)
