"""A tombstone recognises an identifier, in records and in lines of text, and tells nobody which."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from collector.domain.callers import CallerHash
from collector.domain.tombstones import Forgotten, mark, without

HASH = CallerHash.of("a secret of many random bytes")
OTHER = CallerHash.of("another secret")
NUMBER = "+33199004321"


def forgotten(*named: tuple[str, str], keys: Sequence[CallerHash] = (HASH,)) -> Forgotten:
    marks: dict[str, set[str]] = {}
    for kind, value in named:
        marks.setdefault(kind, set()).add(mark(kind, value, HASH))
    return Forgotten(marks, tuple(keys))


def test_an_identifier_of_another_kind_is_another_ones() -> None:
    known = forgotten(("user_id", "abc"), ("visitor_id", "v-1"))
    assert known.knows_visit("abc", {})
    assert known.knows_visit("other", {"visitor_id": "v-1"})
    assert not known.knows_visit("v-1", {"reference": "abc"})


def test_a_record_that_names_the_session_of_a_forgotten_visitor_is_theirs() -> None:
    known = forgotten(("user_id", "a.b"))
    assert known.knows_call("c", [("session_key", "a.b.12")], [])
    assert not known.knows_call("c", [("session_key", "a.12")], [])


def test_a_tracking_number_is_nobodys() -> None:
    known = forgotten(("tracking_number", NUMBER))
    assert not known.knows_visit("u", {"tracking_number": NUMBER})


def test_without_the_key_nobody_is_recognised() -> None:
    known = forgotten(("user_id", "abc"), keys=[OTHER])
    assert not known.knows_visit("abc", {})


@pytest.mark.parametrize(
    "text",
    [
        '{"from": "01 99 00 43 21"}',
        '{"nested": [{"number": "+33 (1) 99-00-43-21"}]}',
        "c-9;01.99.00.43.21;75",
        "sip:+33199004321@host",
        '{"cut": "visitor-1',
        '{"id": "visitor-1", "at"',
        "x,visitor-1,y",
        '{"of two words": "visitor  two"}',
        '{"session": "user-1.12"}',
        "user-1",
    ],
)
def test_a_text_that_names_somebody_is_found(text: str) -> None:
    known = forgotten(
        ("caller", NUMBER),
        ("visitor_id", "visitor-1"),
        ("visitor_id", "visitor two"),
        ("user_id", "user-1"),
    )
    assert known.knows_text(text, "FR")


@pytest.mark.parametrize(
    "text", ["", "{}", '{"from": "01 99 00 43 22"}', "visitor-12", "user-1-2.4", "[" * 100_000]
)
def test_a_text_about_others_is_not(text: str) -> None:
    known = forgotten(("caller", NUMBER), ("visitor_id", "visitor-1"), ("user_id", "user-1"))
    assert not known.knows_text(text, "FR")


def test_words_are_taken_out_where_they_stand_by_themselves() -> None:
    clean = without({"u-1", "u-1-2", ""})
    assert clean("u-1.4, u-1-2 and u-1-3, xu-1") == "[forgotten].4, [forgotten] and u-1-3, xu-1"
    assert without(set())("as it is") == "as it is"
