"""Text is cut to what a STRING field holds, and never inside of what is read as one character."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.domain.truncation import truncated

FAMILY = "👩‍👩‍👧‍👦"
FLAG = "🇫🇷"
SKIN = "👍🏽"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("x" * 50, "x" * 50),
        ("x" * 51, "x" * 50),
        ("é" * 25, "é" * 25),
        ("é" * 26, "é" * 25),
        ("x" + "é" * 25, "x" + "é" * 24),
        ("€" * 17, "€" * 16),
        ("😀" * 13, "😀" * 12),
        ("xxx" + "😀" * 12, "xxx" + "😀" * 11),
    ],
)
def test_text_is_cut_between_characters(text: str, kept: str) -> None:
    assert truncated(text) == kept


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        pytest.param("x" * 49 + "e\u0301", "x" * 49, id="an accent of its own"),
        pytest.param("x" * 48 + "e\u0301", "x" * 48, id="an accent that would just not fit"),
        pytest.param("x" * 47 + "e\u0301", "x" * 47 + "e\u0301", id="an accent that fits"),
        pytest.param("x" * 30 + FAMILY, "x" * 30, id="a family"),
        pytest.param("x" * 25 + FAMILY, "x" * 25 + FAMILY, id="a family that fits"),
        pytest.param("x" * 46 + FLAG, "x" * 46, id="a flag"),
        pytest.param(FLAG * 7, FLAG * 6, id="flags"),
        pytest.param("xx" + FLAG * 7, "xx" + FLAG * 6, id="flags after letters"),
        pytest.param("x" * 46 + SKIN, "x" * 46, id="a colour of skin"),
        pytest.param("x" * 47 + "❤\ufe0f", "x" * 47, id="a variant"),
        pytest.param("x" * 48 + "क्षि", "x" * 48, id="a syllable"),
        pytest.param("x" * 49 + "\r\n", "x" * 49, id="the end of a line"),
        pytest.param("e" + "\u0301" * 60, "", id="longer than the field as one character"),
    ],
)
def test_nothing_is_cut_in_half_that_is_read_as_one_character(text: str, kept: str) -> None:
    assert truncated(text) == kept


_parts = st.sampled_from(["x", "é", "e\u0301", "€", FAMILY, FLAG, SKIN, "❤\ufe0f", "नि"])


@given(parts=st.lists(_parts, max_size=20))
@settings(deadline=None, max_examples=100)
def test_what_is_kept_is_the_longest_beginning_made_of_whole_characters(parts: list[str]) -> None:
    kept = ""
    for part in parts:
        if len((kept + part).encode()) > 50:
            break
        kept += part
    assert truncated("".join(parts)) == kept


@given(text=st.text(max_size=80))
@settings(deadline=None, max_examples=100)
def test_what_is_kept_is_a_beginning_that_fits(text: str) -> None:
    kept = truncated(text)
    assert text.startswith(kept)
    assert len(kept.encode()) <= 50
    assert kept == text or not unicodedata.category(text[len(kept)]).startswith("M")
