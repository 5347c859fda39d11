"""Numbers, lengths of time and truth values, as people and platforms write them."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.domain.values import parse_bool, parse_length, parse_number

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize("decimal", [".", ","])
@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("75", "75"),
        ("-5", "-5"),
        ("+5", "5"),
        ("\u22125", "-5"),
        ("007", "7"),
        ("1234.5", "1234.5"),
        ("12,50", "12.5"),
        ("12.50", "12.5"),
        (".5", "0.5"),
        (",5", "0.5"),
        ("1,234.50", "1234.5"),
        ("1.234,50", "1234.5"),
        ("1 234,50", "1234.5"),
        ("1\u00a0234,50", "1234.5"),
        ("1\u202f234.50", "1234.5"),
        ("1'234.50", "1234.5"),
        ("1\u2019234.50", "1234.5"),
        ("1,234,567", "1234567"),
        ("1.234.567", "1234567"),
        ("1,234.567", "1234.567"),
        ("1.234,567", "1234.567"),
        ("1 234.567", "1234.567"),
        ("12,34,567.50", "1234567.5"),
        ("1234.567", "1234.567"),
        ("1234,567", "1234.567"),
        ("0,500", "0.5"),
        ("0.500", "0.5"),
        ("1.2345", "1.2345"),
        ("1.234e3", "1234"),
        ("7.5E1", "75"),
        ("$1,234.50", "1234.5"),
        ("US$ 12.50", "12.5"),
        ("-$5", "-5"),
        ("$-5", "-5"),
        ("12,50 €", "12.5"),
        ("12,50\u00a0€", "12.5"),
        ("EUR 12.50", "12.5"),
        ("12.50 CHF", "12.5"),
        ("(5.00)", "-5"),
        ("($1,234.50)", "-1234.5"),
        ("１２", "12"),  # noqa: RUF001
        ("١٢", "12"),
        (" 12 ", "12"),
    ],
)
def test_a_number_that_can_be_read_in_one_way_is_read_so_whatever_the_decimal_sign(
    text: str, number: str, decimal: str
) -> None:
    assert parse_number(text, decimal) == Decimal(number)


@pytest.mark.parametrize(
    ("text", "point", "comma"),
    [
        ("1,234", "1234", "1.234"),
        ("1.234", "1.234", "1234"),
        ("-12,345", "-12345", "-12.345"),
        ("$123,456", "123456", "123.456"),
    ],
)
def test_a_number_that_could_be_two_is_decided_by_the_decimal_sign(
    text: str, point: str, comma: str
) -> None:
    assert parse_number(text, ".") == Decimal(point)
    assert parse_number(text, ",") == Decimal(comma)


@pytest.mark.parametrize("decimal", [".", ","])
@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "-", "+", ".", ",", "€", "EUR", "many", "NaN", "sNaN", "inf", "-Infinity"),
        *(
            "1,23,4.5",
            "1,2,3",
            "1,,2",
            "1.,2",
            "1,234 567",
            "12 34",
            "1 2",
            "1.234.56",
            "1'23",
            "1,234.567.890",
        ),
        *("5.", "5,", "5-", "--5", "-+5", "(-5)", "(5", "1_000", "0x10", "1e", "1,5e3"),
        *(
            "12 min",
            "12 km",
            "50%",
            "12:30",
            "kr 5",
            "10€50",
            "€5€",
            "²",
            "½",
            "12\u066b5",
            "1e400",
        ),
        *("9e308", "-9e308", "1e999999", "1e" + "9" * 50, "\x00", "\ud800", "9" * 310),
    ],
)
def test_what_is_no_number_is_refused(text: str, decimal: str) -> None:
    with pytest.raises(ValueError, match="is not a number") as refusal:
        parse_number(text, decimal)
    assert len(str(refusal.value)) < 200


_amounts = st.decimals(-(10**9), 10**9, places=2, allow_nan=False)
_swap = str.maketrans(",.", ".,")


@given(amount=_amounts, places=st.integers(0, 2))
@settings(deadline=None, max_examples=100)
def test_every_amount_is_read_back_in_both_styles(amount: Decimal, places: int) -> None:
    english = f"{amount:,.{places}f}"
    number = Decimal(english.replace(",", ""))
    assert parse_number(english, ".") == number
    assert parse_number(english.translate(_swap), ",") == number
    assert parse_number(f"$ {english}", ".") == number
    french = english.replace(",", "\u202f").replace(".", ",")
    assert parse_number(f"{french} €", ",") == number


@given(number=st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**30), 10**30))
@settings(deadline=None, max_examples=100)
def test_every_number_of_json_is_read_back(number: float) -> None:
    assert parse_number(str(number), ".") == Decimal(str(number))


_near = st.text("0123456789.,' -+()$€eE:%\u00a0", max_size=12)


@given(text=st.text(max_size=20) | _near, decimal=st.sampled_from([".", ","]))
@settings(deadline=None, max_examples=300)
def test_any_text_is_a_number_a_length_and_a_truth_or_refused(text: str, decimal: str) -> None:
    for read in (
        lambda: parse_number(text, decimal),
        lambda: parse_length(text, SECOND, decimal),
        lambda: parse_bool(text),
    ):
        with suppress(ValueError):
            read()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("75", 75),
        ("75.5", 75.5),
        ("1:15", 75),
        ("00:00", 0),
        ("90:00", 5400),
        ("01:15:30", 4530),
        ("100:00:00", 360_000),
        ("00:01:15.250", 75.25),
        ("-1", -1),
    ],
)
def test_a_length_counts_units_or_is_written_like_a_clock(text: str, seconds: float) -> None:
    assert parse_length(text, SECOND) == timedelta(seconds=seconds)


def test_a_length_in_units_is_exact() -> None:
    assert parse_length("75250", timedelta(milliseconds=1)) == timedelta(seconds=75.25)
    assert parse_length("1,5", timedelta(minutes=1), ",") == timedelta(seconds=90)
    assert parse_length("0.1", SECOND) == timedelta(milliseconds=100)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not a duration"),
        ("long", "not a duration"),
        ("1:75", "not a duration"),
        ("1:60:00", "not a duration"),
        ("1:2:3", "not a duration"),
        ("1:00:00:00", "not a duration"),
        ("75s", "not a duration"),
        ("1e300", "not a duration"),
        ("9" * 20 + ":00:00", "not a duration"),
        ("31622401", "longer than a year"),
    ],
)
def test_what_is_no_length_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_length(text, SECOND)


@given(seconds=st.integers(0, 360_000))
@settings(deadline=None, max_examples=50)
def test_every_length_is_read_back_from_all_its_forms(seconds: int) -> None:
    minutes, rest = divmod(seconds, 60)
    length = timedelta(seconds=seconds)
    assert parse_length(f"{minutes:02}:{rest:02}", SECOND) == length
    assert parse_length(f"{minutes // 60:02}:{minutes % 60:02}:{rest:02}", SECOND) == length
    assert parse_length(str(seconds * 1000), timedelta(milliseconds=1)) == length


@pytest.mark.parametrize(
    ("words", "truth"),
    [
        ("true TRUE t yes Y 1 on Oui ja sí si\u0301 Si sim vrai Wahr", True),
        ("false FALSE f no N 0 off Non nein Não na\u0303o faux Falsch", False),
    ],
)
def test_truth_is_read_in_several_languages(words: str, truth: bool) -> None:
    for word in words.split():
        assert parse_bool(f" {word} ") is truth


@pytest.mark.parametrize("text", ["", "2", "10", "maybe", "ok", "null", "-1", "1.0", "yes!"])
def test_what_is_neither_true_nor_false_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="neither true nor false"):
        parse_bool(text)
