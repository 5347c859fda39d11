"""A call whose record is changed may point to another session; what was sent cannot be recalled."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from collector.insight.explain import explain
from collector.sandbox import Fault
from tests.world import PROJECT, START, World

NUMBER = "+33199000001"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def accepted(world: World) -> World:
    """Two sessions; call "c" points to the first, and was accepted there as number 1."""
    world.visit("first.1", visitor_id="v1")
    world.visit("second.1", visitor_id="v2")
    world.call("c", visitor_id="v1")
    world.run()
    assert at(world, "c") == ("accepted", "first.1", 1)
    return world


def at(world: World, call_id: str) -> tuple[str, str | None, int | None]:
    row = world.report_call(call_id)
    return row["verdict"], row["session_key"], row["enrichment_number"]


def held(world: World) -> set[str]:
    return {f"{key[1]}.{key[2]}/{key[3]}" for key in world.held}


def left_behind(world: World) -> list[tuple[str, str, int, str]]:
    return [
        (row["call_id"], row["session_key"], row["enrichment_number"], row["stands"])
        for row in world.rows("SELECT * FROM report_superseded ORDER BY session_key")
    ]


def test_the_new_session_gets_it_and_the_old_enrichment_is_said_to_stand(accepted: World) -> None:
    accepted.call("c", visitor_id="v2")
    accepted.run()
    assert at(accepted, "c") == ("accepted", "second.1", 1)
    assert held(accepted) == {"first.1/1", "second.1/1"}
    assert left_behind(accepted) == [("c", "first.1", 1, "yes")]
    (row,) = accepted.rows("SELECT * FROM report_superseded")
    assert (row["session_key_now"], row["verdict_now"]) == ("second.1", "accepted")
    found = explain(accepted.database, accepted.definition, PROJECT, "c").as_json()
    assert found["enrichment"]["accepted_revision"] == 1
    assert found["left_behind"] == [
        {
            "session_key": "first.1",
            "enrichment_number": 1,
            "stands": "yes",
            "accepted_at": START,
            "superseded_at": START,
        }
    ]


def test_a_call_that_comes_back_takes_its_number_up_and_is_not_sent_again(
    accepted: World,
) -> None:
    accepted.call("c", visitor_id="v2")
    accepted.run()
    accepted.call("c", visitor_id="v1")
    accepted.run()
    assert at(accepted, "c") == ("accepted", "first.1", 1)
    assert accepted.report_call("c")["revision"] == 1
    assert accepted.posts == 2
    assert left_behind(accepted) == [("c", "second.1", 1, "yes")]
    accepted.call("c", visitor_id="v1", attributes={"rating": "5"})
    accepted.run()
    assert accepted.report_call("c")["accepted_revision"] == 2


def test_the_number_that_a_call_leaves_behind_is_given_to_no_other(accepted: World) -> None:
    for call_id in ("d", "e"):
        accepted.call(call_id, visitor_id="v1")
    accepted.call("c", visitor_id="v2")
    accepted.run()
    accepted.call("f", visitor_id="v1")
    accepted.run()
    assert [at(accepted, call_id)[2] for call_id in ("d", "e", "f")] == [2, 3, None]
    assert accepted.verdict("f") == "over_limit"


def test_a_call_that_moves_to_a_full_session_is_over_its_limit(accepted: World) -> None:
    for call_id in ("d", "e", "f"):
        accepted.call(call_id, visitor_id="v2")
    accepted.run()
    accepted.call("c", visitor_id="v2")
    accepted.run()
    assert at(accepted, "c") == ("over_limit", "second.1", None)
    assert left_behind(accepted) == [("c", "first.1", 1, "yes")]


def test_a_call_that_points_to_no_session_any_more_waits_for_the_right_one(
    accepted: World,
) -> None:
    accepted.call("c", visitor_id="v3")
    accepted.run()
    assert at(accepted, "c") == ("waiting", None, None)
    assert left_behind(accepted) == [("c", "first.1", 1, "yes")]
    accepted.visit("third.1", visitor_id="v3")
    accepted.run()
    assert at(accepted, "c") == ("accepted", "third.1", 1)


def test_a_better_candidate_does_not_move_a_call_that_says_the_same(accepted: World) -> None:
    accepted.visit("other.1", visitor_id="v1")
    accepted.call("c", visitor_id="v1", attributes={"rating": "4"})
    accepted.run()
    assert at(accepted, "c") == ("accepted", "first.1", 1)
    assert accepted.report_call("c")["accepted_revision"] == 2


def test_a_corrected_start_leaves_a_call_where_it_is_if_it_would_be_ambiguous_now(
    world: World,
) -> None:
    world.visit("first.1", tracking_number=NUMBER)
    world.call("c", tracking_number=NUMBER)
    world.run()
    world.visit("second.1", tracking_number=NUMBER)
    world.call("c", ago=-timedelta(seconds=2), tracking_number=NUMBER)
    world.run()
    assert at(world, "c") == ("accepted", "first.1", 1)
    assert left_behind(world) == []


def test_a_correction_that_speaks_against_its_session_does_not_leave_a_call_there(
    world: World,
) -> None:
    world.visit("first.1", visitor_id="v1", tracking_number=NUMBER)
    world.call("c", tracking_number=NUMBER)
    world.run()
    assert at(world, "c") == ("accepted", "first.1", 1)
    world.visit("second.1", tracking_number=NUMBER)
    world.visit("third.1", tracking_number=NUMBER)
    world.call("c", tracking_number=NUMBER, visitor_id="v9")
    world.run()
    assert at(world, "c") == ("ambiguous", None, None)
    assert left_behind(world) == [("c", "first.1", 1, "yes")]


def test_what_was_never_sent_is_not_sent_any_more_and_stands_nowhere(world: World) -> None:
    world.visit("first.1", visitor_id="v1")
    world.visit("second.1", visitor_id="v2")
    world.call("c", visitor_id="v1")
    world.edit(paused=True)
    world.run()
    world.edit(paused=False)
    world.call("c", visitor_id="v2")
    world.run()
    assert held(world) == {"second.1/1"}
    assert left_behind(world) == []


def test_what_was_sent_without_an_answer_perhaps_stands(world: World) -> None:
    world.visit("first.1", visitor_id="v1")
    world.visit("second.1", visitor_id="v2")
    world.call("c", visitor_id="v1")
    world.sandbox.add(Fault(kind="drop_after", count=4))
    world.run()
    assert world.verdict("c") == "pending"
    world.call("c", visitor_id="v2")
    world.run()
    assert at(world, "c") == ("accepted", "second.1", 1)
    assert left_behind(world) == [("c", "first.1", 1, "perhaps")]


def test_a_moved_call_that_cannot_be_built_leaves_its_enrichment_behind_all_the_same(
    accepted: World,
) -> None:
    accepted.call("c", visitor_id="v2", attributes={"rating": "great"})
    accepted.run()
    assert at(accepted, "c") == ("invalid", "second.1", None)
    assert left_behind(accepted) == [("c", "first.1", 1, "yes")]
    accepted.call("c", visitor_id="v2", attributes={"rating": "5"})
    accepted.run()
    assert at(accepted, "c") == ("accepted", "second.1", 1)


def test_a_call_that_comes_back_too_late_is_expired_under_its_number(accepted: World) -> None:
    accepted.clock.forward(days=1)
    accepted.visit("third.1", visitor_id="v3")
    accepted.call("c", visitor_id="v3")
    accepted.run()
    assert at(accepted, "c") == ("accepted", "third.1", 1)
    accepted.clock.forward(days=6)
    accepted.call("c", ago=timedelta(days=7), visitor_id="v1", attributes={"rating": "1"})
    accepted.run()
    assert at(accepted, "c") == ("expired", "first.1", 1)
    assert "revision 1 was accepted" in accepted.report_call("c")["detail"]
    assert left_behind(accepted) == [("c", "third.1", 1, "yes")]


def test_a_dry_run_shows_a_call_in_its_new_session(accepted: World) -> None:
    accepted.call("c", visitor_id="v2")
    (shown,) = accepted.dry_run().as_json()["would_send"]["first"]
    assert (shown["session_key"], shown["enrichment_number"]) == ("second.1", 1)


@pytest.mark.parametrize(
    "change",
    [
        "session_number = 1, user_id = 'first', enrichment_number = 1",
        "call_id = 'c', user_id = 'second'",
    ],
    ids=["one number for two calls", "two enrichments of one call"],
)
def test_the_database_itself_refuses(accepted: World, change: str) -> None:
    accepted.call("d", visitor_id="v2")
    accepted.run()
    with pytest.raises(IntegrityError), accepted.database.write() as connection:
        connection.execute(sa.text(f"UPDATE enrichment SET {change} WHERE call_id = 'd'"))


def test_a_call_that_comes_back_but_cannot_be_built_is_not_said_to_be_elsewhere(
    accepted: World,
) -> None:
    accepted.call("c", visitor_id="v2")
    accepted.run()
    accepted.call("c", visitor_id="v1", attributes={"rating": "great"})
    accepted.run()
    assert at(accepted, "c") == ("invalid", "first.1", 1)
    assert left_behind(accepted) == [("c", "second.1", 1, "yes")]
    accepted.call("c", visitor_id="v1")
    accepted.run()
    assert (at(accepted, "c"), accepted.posts) == (("accepted", "first.1", 1), 2)


def test_a_call_matched_by_an_earlier_version_of_the_software_can_move_too(
    accepted: World,
) -> None:
    with accepted.database.write() as connection:
        connection.execute(sa.text("UPDATE call SET match_hash = NULL"))
    accepted.call("c", visitor_id="v2")
    accepted.run()
    assert at(accepted, "c") == ("accepted", "second.1", 1)
