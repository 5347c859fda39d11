"""Session keys and match keys: read strictly, and spelt in one way only."""

from __future__ import annotations

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.domain import identifiers
from collector.domain.identifiers import (
    REFERENCE,
    TRACKING_NUMBER,
    VISITOR_ID,
    SessionId,
    is_kind,
    is_region,
    is_user_id,
    normalise_key,
    parse_session_key,
)

UUID = "6f1c2a5e-93b4-4c0f-8d21-7a90b3c4d5e6"


@pytest.mark.parametrize(
    ("text", "user_id", "session_number"),
    [
        ("ae267-6g87D-88Nn6od.4", "ae267-6g87D-88Nn6od", 4),
        (f"{UUID}.1", UUID, 1),
        ("first.last.12", "first.last", 12),
        ("1.2.3", "1.2", 3),
        ("u..7", "u.", 7),
        (" u.1\n", "u", 1),
        ("u.0000000007", "u", 7),
        ("u.1000000", "u", 10**6),
        ("x" * 100 + ".1", "x" * 100, 1),
    ],
)
def test_a_session_key_is_split_at_its_last_dot(
    text: str, user_id: str, session_number: int
) -> None:
    found = parse_session_key(text)
    assert found == SessionId(user_id=user_id, session_number=session_number)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("u", id="no dot"),
        pytest.param("u.", id="no number"),
        pytest.param(".1", id="no user"),
        pytest.param("u.0", id="sessions are counted from one"),
        pytest.param("u.-1", id="negative"),
        pytest.param("u.+1", id="signed"),
        pytest.param("u.1.5.", id="ends in a dot"),
        pytest.param("u.1x", id="a letter in the number"),
        pytest.param("u. 1", id="a space in the number"),
        pytest.param("u.1_0", id="an underscore in the number"),
        pytest.param("u.٣", id="digits of another script"),
        pytest.param("u.²", id="a superscript"),
        pytest.param("u.2147483648", id="beyond 32 bits"),
        pytest.param("u." + "9" * 5000, id="thousands of digits"),
        pytest.param("u." + "0" * 10 + "1", id="more zeros than any number has"),
        pytest.param("x" * 101 + ".1", id="a user id too long"),
        pytest.param("-u.1", id="a user id that starts with a sign"),
        pytest.param("u u.1", id="a space in the user id"),
        pytest.param("ü.1", id="a user id beyond ASCII"),
        pytest.param("u\x00.1", id="a NUL"),
        pytest.param("u\ud800.1", id="a lone surrogate"),
    ],
)
def test_what_is_no_session_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"userId\.sessionNumber"):
        parse_session_key(text)


def test_a_refusal_repeats_only_the_beginning_of_a_long_text() -> None:
    with pytest.raises(ValueError, match="x" * 60) as refusal:
        parse_session_key("x" * 5000)
    assert len(str(refusal.value)) < 200


_first = st.sampled_from(string.ascii_letters + string.digits)
_rest = st.text(string.ascii_letters + string.digits + "._-", max_size=99)
_user_ids = st.builds(str.__add__, _first, _rest)


@given(user_id=_user_ids, number=st.integers(1, identifiers.MAX_SESSION_NUMBER))
@settings(deadline=None, max_examples=100)
def test_every_session_key_that_is_written_is_read_back(user_id: str, number: int) -> None:
    session = SessionId(user_id=user_id, session_number=number)
    assert is_user_id(user_id)
    assert parse_session_key(session.session_key) == session


@given(text=st.text(max_size=30) | st.from_regex(r"[^\n]{0,20}\.\d{0,12}", fullmatch=True))
@settings(deadline=None, max_examples=200)
def test_any_text_is_either_a_canonical_session_key_or_refused(text: str) -> None:
    try:
        session = parse_session_key(text)
    except ValueError:
        return
    assert is_user_id(session.user_id)
    assert 1 <= session.session_number <= identifiers.MAX_SESSION_NUMBER
    assert parse_session_key(session.session_key) == session


def test_sessions_are_in_the_order_of_user_and_number() -> None:
    keys = ["b.1", "a.10", "a.9"]
    assert sorted(parse_session_key(key) for key in keys) == [
        parse_session_key(key) for key in ("a.9", "a.10", "b.1")
    ]


@pytest.mark.parametrize(
    ("kind", "allowed"),
    [
        ("visitor_id", True),
        ("a", True),
        ("k2", True),
        ("a" * 30, True),
        ("a" * 31, False),
        ("", False),
        ("2k", False),
        ("_k", False),
        ("Visitor", False),
        ("visitor-id", False),
        ("é", False),
        ("visitor_id\n", False),
    ],
)
def test_a_kind_is_a_lower_case_word_of_at_most_30_characters(kind: str, allowed: bool) -> None:
    assert is_kind(kind) is allowed


@pytest.mark.parametrize(
    ("one", "region", "other", "other_region"),
    [
        ("01 99 00 12 34", "FR", "+33 1 99 00 12 34", None),
        ("01.99.00.12.34", "FR", "+33199001234", "GB"),
        ("(01) 99-00-12-34", "FR", "0033 1 99 00 12 34", "FR"),
        ("+33 (0)1 99 00 12 34", None, "tel:+33-1-99-00-12-34", None),
        ("06 39 98 12 34", "FR", "+33 6 39 98 12 34", "FR"),
        ("020 7946 0123", "GB", "+44 20 7946 0123", "FR"),
        ("  +442079460123 ", None, "02079460123", "GB"),
        ("0199001234", None, "01 99 00 12 34", None),
    ],
)
def test_a_number_is_one_key_however_it_is_written(
    one: str, region: str | None, other: str, other_region: str | None
) -> None:
    assert normalise_key(TRACKING_NUMBER, one, region) == normalise_key(
        TRACKING_NUMBER, other, other_region
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("+33 1 99 00 12 34", "+33 1 99 00 12 35"),
        ("+33 1 99 00 12 34", "+44 1 99 00 12 34"),
    ],
)
def test_different_numbers_are_different_keys(one: str, other: str) -> None:
    assert normalise_key(TRACKING_NUMBER, one, "FR") != normalise_key(TRACKING_NUMBER, other, "FR")


def test_a_full_number_is_kept_in_its_international_form() -> None:
    assert normalise_key(TRACKING_NUMBER, "01 99 00 12 34", "FR") == "+33199001234"


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("reception", "reception"),
        ("12", "12"),
        ("pool 7", "7"),
        ("+33 1", "331"),
        ("9" * 40, "9" * 40),
    ],
)
def test_a_number_that_is_no_number_still_meets_itself(value: str, kept: str) -> None:
    assert normalise_key(TRACKING_NUMBER, value, "FR") == kept
    assert normalise_key(TRACKING_NUMBER, f" {value} ", None) == kept


@pytest.mark.parametrize("kind", [VISITOR_ID, REFERENCE, "loyalty_card"])
def test_other_keys_are_kept_as_they_are_but_for_their_white_space(kind: str) -> None:
    assert normalise_key(kind, " Ab-01 99\n00  12\u00a034 ", "FR") == "Ab-01 99 00 12 34"


@pytest.mark.parametrize("kind", [VISITOR_ID, TRACKING_NUMBER])
def test_a_blank_value_is_no_key(kind: str) -> None:
    assert normalise_key(kind, " \t\n", "FR") == ""


@given(value=st.text(min_size=1, max_size=40), region=st.sampled_from([None, "FR", "GB"]))
@settings(deadline=None, max_examples=100)
def test_a_number_in_other_white_space_is_the_same_key(value: str, region: str | None) -> None:
    key = normalise_key(TRACKING_NUMBER, value, region)
    assert normalise_key(TRACKING_NUMBER, f"\t{value} ", region) == key


@given(last=st.integers(0, 9999), region=st.sampled_from([None, "FR", "GB"]))
@settings(deadline=None, max_examples=50)
def test_the_international_form_is_the_same_in_every_region(last: int, region: str | None) -> None:
    number = f"+3319900{last:04}"
    assert normalise_key(TRACKING_NUMBER, number, region) == number


@pytest.mark.parametrize(
    ("region", "known"), [("FR", True), ("GB", True), ("fr", False), ("XX", False), ("", False)]
)
def test_a_region_is_a_country_in_capitals(region: str, known: bool) -> None:
    assert is_region(region) is known
