"""A moving window lets through what it says, and says when it will."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.domain.rates import Rate


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("600/minute", Rate(600, 60)),
        ("5/second", Rate(5, 1)),
        ("1/hour", Rate(1, 3600)),
        ("off", None),
    ],
)
def test_a_setting_says_how_many_within_how_long(text: str, rate: Rate | None) -> None:
    assert Rate.of(text) == rate


def test_what_came_before_counts_as_far_as_the_window_reaches_back() -> None:
    rate = Rate(10, 60)
    assert rate.has_room(0, 9, passed=0)
    assert not rate.has_room(0, 10, passed=0)
    assert rate.has_room(4, 10, passed=30)
    assert not rate.has_room(5, 10, passed=30)
    assert rate.has_room(9, 10, passed=60)


def test_processes_that_count_apart_let_through_one_at_least() -> None:
    assert Rate(10, 60).shared_by(4) == Rate(2.5, 60)
    assert Rate(2, 60).shared_by(4) == Rate(1, 60)


@given(
    amount=st.integers(1, 1000),
    counted=st.tuples(st.integers(0, 1000), st.integers(0, 1000)),
    passed=st.floats(0, 59.99),
)
def test_who_waits_as_long_as_he_was_told_finds_room_and_not_much_sooner(
    amount: int, counted: tuple[int, int], passed: float
) -> None:
    rate = Rate(amount, 60)
    current, previous = (min(number, amount) for number in counted)

    def has_room(after: float) -> bool:
        at = passed + after
        if at < 60:
            return rate.has_room(current, previous, at)
        return rate.has_room(0, current, min(at - 60, 60))

    if not has_room(0):
        wait = rate.seconds_until_room(current, previous, passed)
        assert 0 < wait <= 120
        assert has_room(wait + 0.001)
        assert not has_room(wait - 0.01)
