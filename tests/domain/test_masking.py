"""What could be a phone number is hidden in what is told; everything else stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.domain.masking import HIDDEN, without_numbers

NUMBERS = (
    "+33199001234",
    "0033199001234",
    "0199001234",
    "01 99 00 12 34",
    "01.99.00.12.34",
    "01-99-00-12-34",
    "+33 (0)1 99 00 12 34",
    "(202) 555-0123",
    "+1 202 555 0123",
    "020 7946 0123",
    r"01\xa099\xa000\xa012\xa034",
    r"01\u202f99\u202f00\u202f12\u202f34",
    "01\u202f99\u202f00\u202f12\u202f34",
    r"01\t99\t00\t12\t34",
    "tel:+33199001234",
    "33199001234.0",
    "0199001234@s.whatsapp.net",
    "2026-01-31 0199001234",
    "0199001234 2026-01-31T10:00:00Z",
    "+3.3.1990 0000 42",
    "3.3.1990 0000 42",
    "33 19 9.9.2000 42",
    "3319 9900 2.3.1990",
)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_is_hidden_however_it_is_written(number: str) -> None:
    told = without_numbers(f"column 'started': '{number}' is not an ISO 8601 time")
    assert told.startswith("column 'started': '")
    assert told.endswith("' is not an ISO 8601 time")
    assert HIDDEN in told
    assert "9900" not in "".join(character for character in told if character.isdigit())
    assert "55501" not in "".join(character for character in told if character.isdigit())
    assert "79460" not in "".join(character for character in told if character.isdigit())


@pytest.mark.parametrize(
    "told",
    [
        "column 'started': 'yesterday' is not an ISO 8601 time such as 2026-01-31T14:05:00Z",
        "column 'started': '2026-13-31 10:00:00' is not an ISO 8601 time",
        "column 'started': '31/02/2026 10:00' is no time",
        "column 'started': '31-Feb-2026 10:00:00 +0100' is no time",
        "column 'started' is in the future: 2999-01-01T00:00:00+00:00",
        "column 'started' is before the year 2000: 1999-12-31T23:59:59.999999+00:00",
        "column 'duration_s': is '75,5', not a duration",
        "column 'value': '1,234,567.50' is not a number",
        "column 'note' has more than 2000 characters",
        "has 12 columns, not 11",
        "column 'extension': '4321' is no number",
    ],
)
def test_dates_amounts_and_short_numbers_stay(told: str) -> None:
    assert without_numbers(told) == told


@given(st.text())
def test_anything_can_be_told_and_nothing_is_left_to_hide(text: str) -> None:
    once = without_numbers(text)
    assert without_numbers(once) == once
    if not any(character.isdigit() for character in text):
        assert once == text


@given(
    st.integers(min_value=0, max_value=99).map("+3319900{:02d}".format),
    st.lists(st.sampled_from(["", " ", ".", "-", "\u00a0", "("]), min_size=20, max_size=20),
    st.booleans(),
)
def test_no_way_of_grouping_shows_a_number(number: str, between: list[str], quoted: bool) -> None:
    pairs = zip(number + "42", between, strict=False)
    written = "".join(sign + gap for sign, gap in pairs).strip()
    told = without_numbers(f"column 'a': {written!r}" if quoted else f"column 'a': '{written}'")
    assert sum(character.isdigit() for character in told) == 0
