"""Situations between visits and calls, drawn in words, and the session that each one gives.

The call starts at noon. Minutes are counted from there: a visit at -10 was seen ten minutes before.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from collector.domain.definition import DEFAULT_RULES, Matching, Rule
from collector.domain.identifiers import SessionId, parse_session_key
from collector.domain.matching import (
    MOST_CANDIDATES,
    Candidate,
    Match,
    NoMatch,
    Probe,
    decide,
    probes,
    trace,
)
from collector.domain.verdicts import Reason, Verdict
from tests.domain.samples import DAY, MICROSECOND, MINUTE, NOON, SECOND, a_call

KEYS = {
    "session_key": "a.1",
    "visitor_id": "v1",
    "reference": "r1",
    "tracking_number": "+33199001234",
}
CALL = a_call(keys=KEYS)

#: When the session that the call names is waited for no longer.
LATER = NOON + Matching().horizon


def seen(session_key: str, first: float, last: float, by: str = "visitor_id") -> Candidate:
    """A session first and last seen so many minutes from the call's start, with its key."""
    return Candidate(
        call_id=CALL.call_id,
        kind=by,
        session=parse_session_key(session_key),
        first_seen=NOON + first * MINUTE,
        last_seen=NOON + last * MINUTE,
        key_first_seen=NOON + first * MINUTE,
        key_last_seen=NOON + last * MINUTE,
    )


def chosen(*candidates: Candidate) -> str:
    """The session key and the rule, or the verdict; whatever the order of the candidates."""
    answers = set()
    for found in (candidates, candidates[::-1]):
        answer = decide(CALL, found, Matching(), LATER)
        if isinstance(answer, Match):
            answers.add(f"{answer.session.session_key} by {answer.rule}")
        else:
            answers.add(str(answer.verdict))
    (only,) = answers
    return only


SITUATIONS = {
    "the one session that is open": ([seen("a.1", -10, -1)], "a.1 by visitor_id"),
    "the one session, long over": ([seen("a.1", -9000, -8000)], "a.1 by visitor_id"),
    "a session that goes on after the call began": (
        [seen("a.1", -10, 20)],
        "a.1 by visitor_id",
    ),
    "two sessions of one user, both before: the later": (
        [seen("a.1", -300, -200), seen("a.2", -100, -90)],
        "a.2 by visitor_id",
    ),
    "two sessions of one user, both open: the later": (
        [seen("a.1", -25, -20), seen("a.2", -10, -5)],
        "a.2 by visitor_id",
    ),
    "two sessions of one user, the earlier one seen last: the one that began later": (
        [seen("a.1", -25, -1), seen("a.2", -10, -5)],
        "a.2 by visitor_id",
    ),
    "two sessions of one user that began together: the higher number": (
        [seen("a.9", -10, -5), seen("a.10", -10, -5)],
        "a.10 by visitor_id",
    ),
    "one user open, another over: the open one": (
        [seen("a.1", -300, -10), seen("b.1", -100, -31)],
        "a.1 by visitor_id",
    ),
    "two users, both over: the last before the call": (
        [seen("a.1", -300, -200), seen("b.1", -250, -210)],
        "a.1 by visitor_id",
    ),
    "two users, both open": ([seen("a.1", -20, -10), seen("b.1", -9, -8)], "ambiguous"),
    "two users, both over in the same moment": (
        [seen("a.1", -300, -200), seen("b.1", -250, -200)],
        "ambiguous",
    ),
    "three users, one of them open": (
        [seen("a.1", -90, -80), seen("b.1", -5, -4), seen("c.1", -70, -60)],
        "b.1 by visitor_id",
    ),
    "an old open session does not count when its user has a later one": (
        [seen("a.1", -29, -29), seen("a.2", -28, -27), seen("b.1", -99, -98)],
        "a.2 by visitor_id",
    ),
    "a shared key, one user": (
        [seen("a.1", -9, -8, "tracking_number")],
        "a.1 by tracking_number",
    ),
    "a shared key, one user twice: the later": (
        [seen("a.1", -29, -28, "tracking_number"), seen("a.2", -9, -8, "tracking_number")],
        "a.2 by tracking_number",
    ),
    "a shared key, two users, only one open": (
        [seen("a.1", -90, -80, "tracking_number"), seen("b.1", -9, -8, "tracking_number")],
        "ambiguous",
    ),
    "the call names its session, and the visitor was elsewhere too": (
        [seen("a.1", -90, -80, "session_key"), seen("b.1", -9, -8)],
        "a.1 by session_key",
    ),
    "the visitor before the reference": (
        [seen("a.1", -9, -8, "reference"), seen("b.1", -90, -80)],
        "b.1 by visitor_id",
    ),
    "the reference before the number": (
        [seen("a.1", -9, -8, "tracking_number"), seen("b.1", -90, -80, "reference")],
        "b.1 by reference",
    ),
    "a stronger key is ambiguous, a weaker one would be clear": (
        [
            seen("a.1", -20, -10),
            seen("b.1", -9, -8),
            seen("b.1", -9, -8, "tracking_number"),
        ],
        "ambiguous",
    ),
    "nobody": ([], "unmatched"),
}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_the_session_of_a_call(situation: str) -> None:
    candidates, answer = SITUATIONS[situation]
    assert chosen(*candidates) == answer


@pytest.mark.parametrize(
    ("last_seen", "open_at_noon"),
    [
        (NOON - 30 * MINUTE, True),
        (NOON - 30 * MINUTE - MICROSECOND, False),
        (NOON + MINUTE, True),
    ],
)
def test_a_session_is_open_for_exactly_thirty_minutes_after_it_was_last_seen(
    last_seen: datetime, open_at_noon: bool
) -> None:
    session = replace(seen("a.1", -60, -60), last_seen=last_seen)
    assert session.covers(NOON) is open_at_noon


def test_the_session_that_a_call_names_is_waited_for_before_a_weaker_key_decides() -> None:
    for now, named in ((LATER - MICROSECOND, False), (LATER, True), (NOON, True)):
        visits = [seen("b.1", -10, -1)]
        if now == NOON:
            visits.append(seen("a.1", -20, -15, by="session_key"))
        answer = decide(CALL, visits, Matching(), now)
        assert isinstance(answer, Match) is named
        if isinstance(answer, NoMatch):
            assert (answer.verdict, answer.reason) == (Verdict.WAITING, Reason.NO_SESSION_YET)


def test_rules_of_ones_own_are_tried_in_their_own_order() -> None:
    matching = Matching(
        rules=(
            Rule(kind="tracking_number", window=MINUTE),
            Rule(kind="visitor_id", window=MINUTE, shared=True),
        )
    )
    by_number = [seen("a.1", -99, -90, "tracking_number"), seen("b.1", -9, -8, "tracking_number")]
    by_visitor = [seen("c.1", -9, -8), seen("d.1", -99, -90)]
    clear = decide(CALL, by_number + by_visitor, matching, NOON)
    assert isinstance(clear, Match)
    assert (clear.session.session_key, clear.rule) == ("b.1", "tracking_number")
    shared = decide(CALL, by_visitor, matching, NOON)
    assert isinstance(shared, NoMatch)
    assert (shared.verdict, shared.reason) == (Verdict.AMBIGUOUS, Reason.SEVERAL_USERS)


def test_candidates_by_a_key_without_a_rule_are_no_candidates() -> None:
    matching = Matching(rules=(Rule(kind="reference", window=MINUTE),))
    assert isinstance(decide(CALL, [seen("a.1", -9, -8)], matching, NOON), NoMatch)


def test_a_match_carries_its_evidence() -> None:
    visits = [seen("a.1", -90, -10.5), seen("b.1", -400, -300)]
    match = decide(CALL, visits, Matching(), LATER)
    assert match == Match(
        session=parse_session_key("a.1"),
        first_seen=NOON - 90 * MINUTE,
        rule="visitor_id",
        evidence={
            "key": "v1",
            "key_first_seen": "2026-03-02T10:30:00+00:00",
            "key_last_seen": "2026-03-02T11:49:30+00:00",
            "session_open_at_call": True,
            "seconds_before_call": 630,
            "users_considered": 2,
            "runner_up": "b.1",
            "margin_seconds": 17370,
        },
    )


def test_without_another_user_there_is_no_runner_up_and_no_margin() -> None:
    match = decide(CALL, [seen("a.1", -90, -10), seen("a.2", -8, -7)], Matching(), LATER)
    assert isinstance(match, Match)
    assert not {"runner_up", "margin_seconds"} & match.evidence.keys()


def test_a_session_that_goes_on_after_the_call_began_is_no_nearer_than_the_call_itself() -> None:
    match = decide(CALL, [seen("a.1", -10, 20), seen("b.1", -90, -60)], Matching(), LATER)
    assert isinstance(match, Match)
    assert match.evidence["margin_seconds"] == 60 * 60


def test_a_trace_tells_what_each_rule_found_and_which_one_decided() -> None:
    visits = [
        seen("a.1", -300, -200, "reference"),
        seen("b.1", -90, -80, "reference"),
        seen("b.2", -70, -60, "reference"),
        seen("c.1", -5, -4, "tracking_number"),
    ]
    call = a_call(
        keys={kind: KEYS[kind] for kind in ("visitor_id", "reference", "tracking_number")}
    )
    told = trace(call, visits, Matching(), LATER)
    assert [
        (item.rule.kind, item.probe is not None, len(item.candidates), len(item.latest))
        for item in told.attempts
    ] == [
        ("session_key", False, 0, 0),
        ("visitor_id", True, 0, 0),
        ("reference", True, 3, 2),
        ("tracking_number", True, 1, 1),
    ]
    assert told.deciding is told.attempts[2]
    assert (told.deciding.chosen, told.deciding.runner_up) == (visits[2], visits[0])
    assert told.deciding.margin == 140 * MINUTE
    assert told.answer == decide(call, visits, Matching(), LATER)


def test_the_trace_of_an_ambiguous_call_has_its_candidates_nearest_first() -> None:
    visits = [seen("a.1", -20, -10), seen("b.1", -9, -8)]
    told = trace(CALL, visits, Matching(), LATER)
    assert told.deciding is not None
    assert told.deciding.latest == (visits[1], visits[0])
    assert (told.deciding.chosen, told.deciding.runner_up, told.deciding.margin) == (None,) * 3


def test_nothing_decides_while_the_session_that_the_call_names_is_waited_for() -> None:
    told = trace(CALL, [seen("b.1", -10, -1)], Matching(), LATER - MICROSECOND)
    assert isinstance(told.answer, NoMatch)
    assert (told.answer.verdict, told.deciding) == (Verdict.WAITING, None)


def test_a_candidate_that_something_speaks_against_is_set_aside() -> None:
    against = replace(seen("a.1", -5, -1, "tracking_number"), objection="somebody else's")
    other = seen("b.1", -9, -8, "tracking_number")
    assert chosen(against) == "unmatched"
    found = trace(CALL, [against], Matching(), LATER).answer
    assert isinstance(found, NoMatch)
    assert found.detail.endswith(", but for 1 set aside (somebody else's)")
    assert chosen(against, other) == "b.1 by tracking_number"
    told = trace(CALL, [against, other], Matching(), LATER)
    assert told.deciding is not None
    assert told.deciding.set_aside == (against,)


def test_where_the_lookup_was_cut_off_nobody_can_tell_whatever_is_set_aside() -> None:
    against = replace(seen("a.1", -5, -1, "tracking_number"), objection="somebody else's")
    several = [
        replace(against, session=SessionId(user_id="a", session_number=number))
        for number in range(1, MOST_CANDIDATES + 1)
    ]
    assert chosen(*several) == "ambiguous"
    assert chosen(*several[1:]) == "unmatched"


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("shared", [False, True])
def test_a_probe_fits_what_it_would_have_found(kind: str, shared: bool) -> None:
    rules = Matching(rules=(Rule(kind=kind, window=30 * MINUTE, shared=shared),))
    (probe,) = probes(CALL, rules)
    at = seen("a.1", -40, -30, kind)
    assert probe.fits(at)
    assert not probe.fits(replace(at, key_last_seen=at.key_last_seen - MICROSECOND))
    begun = replace(at, first_seen=probe.begun_by, key_last_seen=NOON)
    assert probe.fits(begun)
    assert not probe.fits(replace(begun, first_seen=probe.begun_by + MICROSECOND))
    told = replace(at, key_first_seen=probe.sighted_by + MICROSECOND, key_last_seen=NOON + 9 * DAY)
    assert probe.fits(told) is (kind == "session_key")


def test_a_key_seen_after_the_call_began_was_seen_no_seconds_before_it() -> None:
    match = decide(CALL, [seen("a.1", -10, 5)], Matching(), LATER)
    assert isinstance(match, Match)
    assert match.evidence["seconds_before_call"] == 0


@pytest.mark.parametrize(
    ("age", "verdict", "reason"),
    [
        (timedelta(0), Verdict.WAITING, Reason.NO_SESSION_YET),
        (timedelta(hours=1) - MICROSECOND, Verdict.WAITING, Reason.NO_SESSION_YET),
        (timedelta(hours=1), Verdict.UNMATCHED, Reason.NO_SESSION),
        (timedelta(days=400), Verdict.UNMATCHED, Reason.NO_SESSION),
    ],
)
def test_a_call_without_a_session_waits_exactly_until_the_horizon(
    age: timedelta, verdict: Verdict, reason: Reason
) -> None:
    answer = decide(CALL, [], Matching(), NOON + age)
    assert isinstance(answer, NoMatch)
    assert (answer.verdict, answer.reason) == (verdict, reason)
    assert "visitor_id v1, reference r1, tracking_number +33199001234" in answer.detail


@pytest.mark.parametrize("keys", [{}, {"loyalty_card": "7"}])
def test_a_call_without_a_key_that_a_rule_uses_does_not_even_wait(keys: dict[str, str]) -> None:
    answer = decide(a_call(keys=keys), [], Matching(), NOON)
    assert isinstance(answer, NoMatch)
    assert (answer.verdict, answer.reason) == (Verdict.UNMATCHED, Reason.NO_KEYS)
    assert "(session_key, visitor_id, reference, tracking_number)" in answer.detail


def test_what_is_looked_up_spans_from_the_rule_s_window_to_the_clocks_skew() -> None:
    skewed = Matching(skew=90 * SECOND)
    assert probes(CALL, skewed) == [
        Probe(
            call_id="call-1",
            kind=rule.kind,
            value=KEYS[rule.kind],
            since=NOON - rule.window,
            sighted_by=NOON + 90 * SECOND if rule.shared else NOON + 7 * DAY,
            begun_by=NOON + 7 * DAY if rule.kind == "session_key" else NOON + 90 * SECOND,
        )
        for rule in DEFAULT_RULES
    ]


def test_only_keys_that_the_call_carries_and_a_rule_uses_are_looked_up() -> None:
    call = a_call(keys={"reference": "r1", "loyalty_card": "7"})
    assert [probe.kind for probe in probes(call, Matching())] == ["reference"]
    assert probes(a_call(), Matching()) == []


def test_the_default_rules_are_the_documented_ones() -> None:
    assert [(rule.kind, rule.window, rule.shared) for rule in DEFAULT_RULES] == [
        ("session_key", timedelta(days=7), False),
        ("visitor_id", timedelta(days=7), False),
        ("reference", timedelta(days=7), False),
        ("tracking_number", timedelta(minutes=5), True),
    ]
    assert (Matching().skew, Matching().horizon) == (timedelta(seconds=60), timedelta(hours=1))
