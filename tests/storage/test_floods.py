"""A flood of invented sessions costs the calls of its moment, and neither others nor the job."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from bench import flood
from bench.flood import BEGUN, CALLS, LENGTH, MINUTE, NUMBER, PROJECT, SECOND
from collector.domain.beacon import Beacon
from collector.domain.definition import Matching
from collector.domain.identifiers import SessionId
from collector.domain.ledger import Judgement
from collector.domain.matching import Match, NoMatch, decide
from collector.domain.verdicts import Reason, Verdict
from collector.storage import around, calls, candidates, examining, floods, sessions
from collector.storage.database import Database
from collector.storage.examining import Decision
from tests.domain.samples import a_call

SESSIONS = 3000


def reason(database: Database, at: datetime, **keys: str) -> str:
    """What becomes of a call: the user it was matched to, or the reason why not."""
    call = a_call(started_at=at, keys={"tracking_number": NUMBER, **keys})
    with database.read() as connection:
        found = candidates.of_calls(connection, PROJECT, [call], Matching())
    answer = decide(call, found[call.call_id], Matching(), at + MINUTE)
    return answer.session.user_id if isinstance(answer, Match) else answer.reason.value


@pytest.mark.parametrize("seen_again", [0, 20])
def test_only_calls_within_the_window_of_a_flood_are_ambiguous(
    database: Database, seen_again: int
) -> None:
    flood.visit(database)
    flood.pour(database, SESSIONS, BEGUN, seen_again=seen_again * SECOND)
    assert SESSIONS > 10 * around.MOST_WALKED
    window = Matching().rules[-1].window
    end = BEGUN + LENGTH + seen_again * SECOND
    assert {name: reason(database, at) for name, at in CALLS.items()} == {
        "before it": "visitor",
        "in it": "key_flooded",
        "after it": "visitor",
    }
    assert reason(database, end + window - SECOND) == "several_users"
    assert reason(database, end + window + SECOND) == "visitor"
    assert reason(database, BEGUN - 61 * SECOND) == "visitor"


def test_a_stronger_key_decides_in_the_middle_of_a_flood(database: Database) -> None:
    keys = {"visitor_id": "v-1", "tracking_number": NUMBER}
    beacon = Beacon(project_id=PROJECT, session=SessionId("real", 1), keys=keys)
    sessions.record(database, beacon, BEGUN)
    flood.pour(database, SESSIONS, BEGUN)
    assert reason(database, CALLS["in it"], visitor_id="v-1") == "real"
    assert reason(database, CALLS["in it"], session_key="real.1") == "real"
    assert reason(database, CALLS["in it"]) == "key_flooded"


def test_between_two_floods_of_sessions_seen_again_nobody_is_guessed(database: Database) -> None:
    """Their caller may be further away than is gone through, from either side."""
    for begun in (BEGUN - 30 * MINUTE, BEGUN + 10 * MINUTE):
        flood.pour(database, 300, begun, timedelta(minutes=5), seen_again=SECOND)
    flood.visit(database)
    assert reason(database, BEGUN) == "key_flooded"


def test_a_flood_is_told_by_the_calls_that_it_made_ambiguous(database: Database) -> None:
    flood.visit(database)
    flood.pour(database, SESSIONS, BEGUN)
    call = a_call(started_at=CALLS["in it"], keys={"tracking_number": NUMBER, "reference": "r"})
    with database.write() as connection:
        found = candidates.of_calls(connection, PROJECT, [call], Matching())
        answer = decide(call, found[call.call_id], Matching(), BEGUN)
        assert isinstance(answer, NoMatch)
        calls.store(connection, PROJECT, [call], BEGUN)
        assert floods.since(connection, PROJECT, BEGUN) == []
        judgement = Judgement(verdict=answer.verdict, reason=answer.reason, detail=answer.detail)
        decision = Decision(
            call_id=call.call_id, judgement=judgement, match=None, examine_again=False
        )
        examining.write_decisions(connection, PROJECT, [decision], BEGUN)
        (told,) = floods.since(connection, PROJECT, BEGUN)
        assert floods.since(connection, PROJECT, call.started_at + SECOND) == []
    assert (answer.verdict, answer.reason) == (Verdict.AMBIGUOUS, Reason.KEY_FLOODED)
    assert "at least 100 sessions of 100 users had tracking_number" in answer.detail
    assert (told.kind, told.value, told.calls) == ("tracking_number", NUMBER, 1)
    assert told.sessions == SESSIONS
    assert told.last_seen - told.first_seen <= timedelta(hours=2)
