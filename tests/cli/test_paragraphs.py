"""Sentences for people fit the terminal, and commands can be copied as they stand."""

from __future__ import annotations

import io
import sys

import pytest

from collector.cli.paragraphs import columns, fold
from collector.domain import outcomes

REMEDIES = [
    *outcomes.REMEDIES.values(),
    outcomes.UNNAMED_ORIGINS,
    outcomes.STRANGE_ORIGINS,
    outcomes.NO_WEB_ORIGIN,
    outcomes.ADDED_SINCE,
    outcomes.IGNORED_SINCE,
    outcomes.UNKNOWN,
]


def test_a_sentence_is_folded_between_words() -> None:
    assert fold("one two three", 8) == ["one two", "three"]
    assert fold("", 8) == [""]


def test_an_address_that_is_too_long_stays_whole() -> None:
    assert fold("at https://shop-one.example/ now", 8) == ["at", "https://shop-one.example/", "now"]


def test_a_command_at_the_end_has_a_line_of_its_own_however_long() -> None:
    assert fold("Do this: collector installation edit 162 --name x", 12) == [
        "Do this:",
        "  collector installation edit 162 --name x",
    ]


def test_a_command_within_a_sentence_is_not_cut() -> None:
    assert fold("First `collector db upgrade` then", 10) == [
        "First",
        "`collector db upgrade`",
        "then",
    ]


def test_a_share_stays_with_its_sign() -> None:
    assert fold("reference 100 %, none 0 %", 14) == ["reference", "100 %, none", "0 %"]


@pytest.mark.parametrize(
    ("told", "is_terminal", "width"),
    [("60", True, 60), ("300", True, 100), ("5", True, 40), ("60", False, 80)],
)
def test_it_is_as_wide_as_the_terminal_within_what_can_be_read(
    monkeypatch: pytest.MonkeyPatch, told: str, is_terminal: bool, width: int
) -> None:
    output = io.StringIO()
    output.isatty = lambda: is_terminal  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stdout", output)
    monkeypatch.setenv("COLUMNS", told)
    assert columns() == width


@pytest.mark.parametrize("remedy", REMEDIES)
def test_each_command_of_a_remedy_stands_alone(remedy: outcomes.Remedy) -> None:
    *prose, last = fold(remedy.text, 60)
    assert all(len(line) <= 60 for line in prose)
    assert not last.endswith(" ")
    inside = " ".join([*prose, "" if last.startswith("  ") else last]).replace("`collector ", "")
    assert "collector " not in inside.replace("the collector ", "").replace("collector itself", "")
    if last.startswith("  collector "):
        assert not last.endswith(".") or last.endswith("https://...")
