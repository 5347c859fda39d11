"""Numbers in words are no lie, however they are rounded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from collector.web.dashboard import steps, wording
from collector.web.dashboard.steps import Step

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [
        (0, 0, "no data"),
        (0, 3, "0.0 %"),
        (1, 3, "33.3 %"),
        (2, 3, "66.7 %"),
        (3, 3, "100.0 %"),
        (1, 2001, "< 0.1 %"),
        (1, 2000, "0.1 %"),
        (99_999, 100_000, "> 99.9 %"),
        (9_994, 10_000, "99.9 %"),
    ],
)
def test_a_share_is_neither_all_nor_nothing_unless_it_is(part: int, whole: int, said: str) -> None:
    assert wording.share(part, whole).replace("\N{NO-BREAK SPACE}", " ") == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "0 s"),
        (0.25, "0.25 s"),
        (59.999, "59.999 s"),
        (525, "8 min 45 s"),
        (3600, "1 h"),
        (90_061.9, "1 d 1 h 1 min 1 s"),
        (-49.5, "\N{MINUS SIGN}49.5 s"),
    ],
)
def test_seconds_are_told_in_the_units_that_they_fill(value: float, said: str) -> None:
    assert wording.seconds(value) == said


@pytest.mark.parametrize(
    ("time", "said"),
    [
        (timedelta(seconds=59), "less than a minute ago"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(hours=47), "1 day ago"),
        (timedelta(hours=-3), "in 3 hours"),
    ],
)
def test_an_age_is_told_in_its_largest_unit(time: timedelta, said: str) -> None:
    assert wording.ago(NOW - time, NOW) == said


def test_what_is_no_part_of_the_other_is_told_as_a_rate() -> None:
    assert wording.per_hundred(3, 20) == "15.0 for each 100"
    assert wording.per_hundred(3, 0) == "no data"


@pytest.mark.parametrize(
    ("told", "text", "command"),
    [
        ("Nothing to do.", "Nothing to do.", None),
        ("Run: collector reconcile", "Run:", "collector reconcile"),
        (
            "Compare (see: collector integration check), or go back: collector retry",
            "Compare (see: collector integration check), or go back:",
            "collector retry",
        ),
        (
            "Once mended (see: collector integration check).",
            "Once mended (see: collector integration check).",
            None,
        ),
    ],
)
def test_a_command_stands_apart_from_its_sentence(
    told: str, text: str, command: str | None
) -> None:
    assert steps.read(told) == Step(text=text, command=command)
