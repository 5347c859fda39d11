"""The lookup of sessions for calls: exactly within the window and the skew, and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from collector.domain.call import Call
from collector.domain.definition import DEFAULT_RULES, Matching, Rule
from collector.domain.identifiers import parse_session_key
from collector.domain.ledger import Judgement
from collector.domain.matching import (
    MOST_CANDIDATES,
    Candidate,
    Match,
    NoMatch,
    Probe,
    decide,
    probes,
)
from collector.domain.verdicts import Reason, Verdict
from collector.storage import calls, candidates, examining, sessions
from collector.storage.database import Database
from collector.storage.examining import Decision
from tests.domain.samples import DAY, MICROSECOND, MINUTE, NOON, a_beacon, a_call


def visit(
    database: Database,
    session_key: str,
    first: timedelta,
    last: timedelta | None = None,
    *,
    project_id: int = 162,
    by: Rule | None = None,
    **keys: str,
) -> None:
    """A session whose beacons came at these distances from noon, all with these keys.

    ``by`` adds a key of that rule's kind, the one that ``call_by`` carries.
    """
    beacon = a_beacon(session_key, project_id=project_id, **keys)
    if by is not None:
        beacon = replace(beacon, keys={by.kind: f"{by.kind} value"})
    for distance in [first] if last is None else [first, last]:
        sessions.record(database, beacon, NOON + distance)


def call_by(rule: Rule) -> Call:
    """A call that carries the key of a session that was visited ``by`` this rule."""
    return a_call(keys={rule.kind: f"{rule.kind} value"})


def find(database: Database, wanted: Sequence[Probe]) -> dict[str, list[Candidate]]:
    with database.read() as connection:
        return candidates.find(connection, 162, wanted)


def found(database: Database, *looked_for: Call) -> dict[str, list[str]]:
    """The session keys of each call's candidates, under the default rules."""
    wanted = [probe for call in looked_for for probe in probes(call, Matching())]
    return {
        call_id: sorted(candidate.session.session_key for candidate in answers)
        for call_id, answers in find(database, wanted).items()
    }


def test_a_candidate_tells_when_its_session_and_its_key_were_seen(database: Database) -> None:
    visit(database, "u.4", -90 * MINUTE)
    visit(database, "u.4", -60 * MINUTE, -30 * MINUTE, visitor_id="v")
    visit(database, "u.4", 10 * MINUTE)
    (probe,) = probes(a_call(keys={"visitor_id": "v"}), Matching())
    assert find(database, [probe]) == {
        "call-1": [
            Candidate(
                call_id="call-1",
                kind="visitor_id",
                session=parse_session_key("u.4"),
                first_seen=NOON - 90 * MINUTE,
                last_seen=NOON + 10 * MINUTE,
                key_first_seen=NOON - 60 * MINUTE,
                key_last_seen=NOON - 30 * MINUTE,
            )
        ]
    }


def test_a_key_counts_until_exactly_its_window_before_the_call(database: Database) -> None:
    for rule in DEFAULT_RULES[1:]:
        visit(database, f"{rule.kind}.1", -rule.window, by=rule)
        visit(database, f"{rule.kind}.2", -rule.window - MICROSECOND, by=rule)
        visit(database, f"{rule.kind}.3", -30 * DAY, -rule.window, by=rule)
        assert found(database, call_by(rule)) == {"call-1": [f"{rule.kind}.1", f"{rule.kind}.3"]}


def test_a_key_first_seen_after_the_call_began_counts_only_within_the_skew(
    database: Database,
) -> None:
    skew = Matching().skew
    for rule in DEFAULT_RULES[1:]:
        visit(database, f"{rule.kind}.1", skew, by=rule)
        visit(database, f"{rule.kind}.2", skew + MICROSECOND, by=rule)
        visit(database, f"{rule.kind}.3", skew, DAY, by=rule)
        assert found(database, call_by(rule)) == {"call-1": [f"{rule.kind}.1", f"{rule.kind}.3"]}


@pytest.mark.parametrize("rule", [rule for rule in DEFAULT_RULES[1:] if not rule.shared])
def test_a_personal_key_may_be_told_late_of_a_session_that_began_before(
    database: Database, rule: Rule
) -> None:
    for number, (begun, told) in enumerate(
        [
            (-MINUTE, 7 * DAY),
            (-MINUTE, 7 * DAY + MICROSECOND),
            (Matching().skew, 2 * DAY),
            (Matching().skew + MICROSECOND, 2 * DAY),
        ],
        start=1,
    ):
        visit(database, f"u.{number}", begun)
        visit(database, f"u.{number}", told, by=rule)
    assert found(database, call_by(rule)) == {"call-1": ["u.1", "u.3"]}


def test_a_shared_key_that_was_told_late_was_somebody_elses(database: Database) -> None:
    (shared,) = [rule for rule in DEFAULT_RULES if rule.shared]
    visit(database, "u.1", -MINUTE)
    visit(database, "u.1", Matching().skew + MICROSECOND, by=shared)
    assert found(database, call_by(shared)) == {}


def test_a_session_that_the_call_names_may_come_until_it_could_not_be_enriched_any_more(
    database: Database,
) -> None:
    window, late = DEFAULT_RULES[0].window, 7 * DAY
    edges = {
        "a.1": (-window, None),
        "a.2": (-window - MICROSECOND, None),
        "a.3": (-2 * window, -window),
        "a.4": (late, None),
        "a.5": (late + MICROSECOND, None),
        "a.6": (-MINUTE, MINUTE),
    }
    for session_key, (first, last) in edges.items():
        visit(database, session_key, first, last)
    named = [a_call(f"to-{key}", keys={"session_key": key}) for key in [*edges, "a.7"]]
    assert found(database, *named) == {f"to-{key}": [key] for key in ("a.1", "a.3", "a.4", "a.6")}


def test_another_kind_another_value_and_another_project_are_no_candidates(
    database: Database,
) -> None:
    visit(database, "kind.1", -MINUTE, reference="v")
    visit(database, "value.1", -MINUTE, visitor_id="V")
    visit(database, "longer.1", -MINUTE, visitor_id="v ")
    visit(database, "project.1", -MINUTE, project_id=163, visitor_id="v")
    visit(database, "project.2", -MINUTE, project_id=163, visitor_id="v")
    visit(database, "project.2", -MINUTE)
    assert found(database, a_call(keys={"visitor_id": "v", "session_key": "project.1"})) == {}


def test_many_calls_are_looked_up_at_once_each_with_its_own(database: Database) -> None:
    for number in range(1, 6):
        visit(database, f"u{number}.1", -MINUTE, visitor_id=f"v{number}", reference="shared")
    many = [a_call(f"call-{n}", keys={"visitor_id": f"v{n % 7}"}) for n in range(300)]
    answers = found(database, *many, a_call("all", keys={"reference": "shared"}))
    assert answers.pop("all") == [f"u{number}.1" for number in range(1, 6)]
    assert answers == {f"call-{n}": [f"u{n % 7}.1"] for n in range(300) if 1 <= n % 7 <= 5}
    assert find(database, []) == {}


def test_what_was_recorded_and_what_was_called_meet_through_the_rules(
    database: Database,
) -> None:
    visit(database, "before.1", -20 * MINUTE, -MINUTE, visitor_id="v")
    visit(database, "after.1", 2 * MINUTE, visitor_id="v", tracking_number="+33199001234")
    call = a_call(keys={"visitor_id": "v", "tracking_number": "+33199001234"})
    answers = find(database, probes(call, Matching()))["call-1"]
    match = decide(call, answers, Matching(), NOON)
    assert isinstance(match, Match)
    assert match.session == parse_session_key("before.1")
    late_only = replace(call, keys={"tracking_number": "+33199001234"})
    nobody = find(database, probes(late_only, Matching())).get("call-1", [])
    assert isinstance(decide(late_only, nobody, Matching(), NOON + DAY), NoMatch)


def settled(database: Database, verdicts: dict[str, Verdict]) -> None:
    """Calls by their verdict, each with its own id as visitor id, none to be looked at again."""
    decisions = [
        Decision(
            call_id=call_id,
            judgement=Judgement(verdict=verdict, reason=Reason.NO_SESSION, detail=""),
            match=None,
            examine_again=False,
        )
        for call_id, verdict in verdicts.items()
    ]
    records = [a_call(call_id, keys={"visitor_id": call_id}) for call_id in verdicts]
    with database.write() as connection:
        calls.store(connection, 162, records, NOON)
        examining.write_decisions(connection, 162, decisions, NOON)


def revived(database: Database, since: datetime, project_id: int = 162) -> list[str]:
    with database.write() as connection:
        found = candidates.revivable(
            connection, project_id, Matching(), since=since, started_after=NOON - DAY
        )
        candidates.revive(connection, project_id, found)
        page = examining.to_examine(connection, project_id, after=None, limit=100)
    assert found == [examined.call.call_id for examined in page]
    return [examined.call.call_id for examined in page]


def test_calls_without_a_session_are_revived_by_a_key_seen_newly(database: Database) -> None:
    settled(database, {verdict.value: verdict for verdict in Verdict})
    for verdict in Verdict:
        visit(database, f"{verdict.value}.1", MINUTE, visitor_id=verdict.value)
    assert revived(database, NOON) == ["ambiguous", "unmatched"]


def test_one_more_visitor_of_a_number_makes_nothing_less_ambiguous(database: Database) -> None:
    (shared,) = [rule for rule in DEFAULT_RULES if rule.shared]
    settled(database, {"call-1": Verdict.AMBIGUOUS})
    with database.write() as connection:
        calls.store(connection, 162, [replace(call_by(shared), call_id="call-1")], NOON)
        connection.execute(sa.text("UPDATE call SET examine = false"))
    visit(database, "u.1", -MINUTE, MINUTE, by=shared)
    assert revived(database, NOON) == []


def test_only_a_key_seen_after_the_last_search_revives(database: Database) -> None:
    settled(database, dict.fromkeys(("at", "after", "again", "never"), Verdict.UNMATCHED))
    visit(database, "at.1", MINUTE, visitor_id="at")
    visit(database, "after.1", MINUTE + MICROSECOND, visitor_id="after")
    visit(database, "again.1", -MINUTE, 2 * MINUTE, visitor_id="again")
    visit(database, "other.1", 2 * MINUTE, reference="never")
    visit(database, "other.2", 2 * MINUTE, project_id=163, visitor_id="never")
    assert revived(database, NOON + MINUTE, project_id=163) == []
    assert revived(database, NOON + MINUTE) == ["after", "again"]


@pytest.mark.parametrize(
    ("first", "last", "found"),
    [
        (-40 * MINUTE, 10 * MINUTE, ["call-1"]),
        (MINUTE, 10 * MINUTE, ["call-1"]),
        (MINUTE + MICROSECOND, 10 * MINUTE, []),
    ],
)
def test_a_shared_key_that_is_shown_only_after_the_call_revives_nothing(
    database: Database, first: timedelta, last: timedelta, found: list[str]
) -> None:
    (shared,) = [rule for rule in DEFAULT_RULES if rule.shared]
    settled(database, {"call-1": Verdict.UNMATCHED})
    with database.write() as connection:
        calls.store(connection, 162, [replace(call_by(shared), call_id="call-1")], NOON)
        connection.execute(sa.text("UPDATE call SET examine = false"))
    visit(database, "u.1", first, last, by=shared)
    assert revived(database, NOON) == found


def test_a_call_that_names_its_session_is_revived_when_the_session_comes(
    database: Database,
) -> None:
    unmatched = Judgement(verdict=Verdict.UNMATCHED, reason=Reason.NO_SESSION, detail="")
    decision = Decision(call_id="call-1", judgement=unmatched, match=None, examine_again=False)
    with database.write() as connection:
        calls.store(connection, 162, [a_call(keys={"session_key": "u.1"})], NOON)
        examining.write_decisions(connection, 162, [decision], NOON)
    visit(database, "u.2", MINUTE)
    assert revived(database, NOON) == []
    visit(database, "u.1", MINUTE)
    assert revived(database, NOON) == ["call-1"]


def test_a_popular_number_is_searched_around_the_call_and_a_long_visit_is_still_found(
    database: Database,
) -> None:
    """What was seen long after the call is gone through only where it had lasted long."""
    (shared,) = [rule for rule in DEFAULT_RULES if rule.shared]
    spans = {
        "before.1": (-10 * MINUTE, -5 * MINUTE),
        "short.1": (-MINUTE, 58 * MINUTE),
        "hour.1": (-MINUTE, 59 * MINUTE),
        "longer.1": (-MINUTE, 61 * MINUTE),
        "edge.1": (MINUTE, 61 * MINUTE),
        "beyond.1": (MINUTE, 61 * MINUTE + MICROSECOND),
        "days.1": (-2 * DAY, 2 * DAY),
        "later.1": (2 * MINUTE, 2 * DAY),
    }
    for session_key, (first, last) in spans.items():
        visit(database, session_key, first, last, by=shared)
    assert found(database, call_by(shared)) == {"call-1": sorted(spans.keys() - {"later.1"})}


def test_of_more_than_can_be_told_apart_the_newest_are_found(database: Database) -> None:
    (shared,) = [rule for rule in DEFAULT_RULES if rule.shared]
    beacons = [(f"u{number}.1", number * MICROSECOND) for number in range(MOST_CANDIDATES - 1)]
    late = [("late.1", 3 * 60 * MINUTE), ("later.1", 4 * 60 * MINUTE)]
    for session_key, last in [*beacons, *late]:
        visit(database, session_key, -MINUTE, last, by=shared)
    expected = sorted(key for key, _ in [*beacons[1:], *late])
    assert found(database, call_by(shared)) == {"call-1": expected}
