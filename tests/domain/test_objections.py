"""What speaks against a session that had the number, in words: another visitor, an old number."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from collector.domain.definition import Matching
from collector.domain.identifiers import parse_session_key
from collector.domain.matching import Candidate
from collector.domain.objections import Facts, Key, Objector
from tests.domain.samples import DAY, MICROSECOND, MINUTE, NOON, a_call

NUMBER = "+33199001234"
SKEW = Matching().skew


def shown(kind: str = "tracking_number") -> Candidate:
    """A session that has had the call's key since ten minutes before the call."""
    return Candidate(
        call_id="call-1",
        kind=kind,
        session=parse_session_key("a.1"),
        first_seen=NOON - 20 * MINUTE,
        last_seen=NOON - MINUTE,
        key_first_seen=NOON - 10 * MINUTE,
        key_last_seen=NOON - MINUTE,
    )


def objection(
    candidate: Candidate, *told: Key, dialled: datetime | None = None, **keys: str
) -> str | None:
    call = a_call(keys={"tracking_number": NUMBER, "visitor_id": "v1", **keys}, caller="c")
    facts = Facts(
        told={candidate.session: set(told)},
        dialled={(call.call_id, "tracking_number"): dialled} if dialled else {},
    )
    return Objector(Matching(), facts).object_to(candidate, call).objection


@pytest.mark.parametrize(
    ("told", "word"),
    [
        ([], None),
        ([("visitor_id", "v1")], None),
        ([("visitor_id", "v2")], "another visitor_id"),
        ([("visitor_id", "v2"), ("visitor_id", "v1")], None),
        ([("reference", "r2")], None),
        ([("tracking_number", "+33199004321")], None),
    ],
)
def test_a_session_of_another_visitor_than_the_call_says_is_not_the_callers(
    told: list[Key], word: str | None
) -> None:
    found = objection(shown(), *told)
    assert found is None if word is None else found is not None and word in found


def test_every_personal_key_that_the_call_carries_is_compared() -> None:
    found = objection(shown(), ("visitor_id", "v1"), ("reference", "r2"), reference="r1")
    assert found == "it is known by another reference than the call"


def test_a_weaker_key_of_the_call_speaks_against_no_personal_one() -> None:
    candidate = shown("visitor_id")
    told = [("visitor_id", "v1"), ("reference", "r2")]
    assert objection(candidate, *told, dialled=NOON - DAY, reference="r1") is None


def test_a_stronger_key_speaks_against_a_weaker_one() -> None:
    candidate = shown("reference")
    found = objection(candidate, ("visitor_id", "v2"), ("reference", "r1"), reference="r1")
    assert found == "it is known by another visitor_id than the call"


@pytest.mark.parametrize(
    ("before", "speaks_against"),
    [(SKEW + MICROSECOND, True), (SKEW, False), (-MINUTE, False)],
)
def test_who_dialled_the_number_before_it_was_shown_knows_it_from_elsewhere(
    before: timedelta, speaks_against: bool
) -> None:
    candidate = shown()
    found = objection(candidate, dialled=candidate.key_first_seen - before)
    assert (found is not None) is speaks_against
