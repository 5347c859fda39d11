"""What took long to read is read once for many, and what is read in no time is always new."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from collector.web.dashboard import recent
from collector.web.dashboard.recent import Recent


class Readings:
    """Reads in so many seconds of its own clock, and counts how often."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.now = 0.0
        self.times = 0

    def clock(self) -> float:
        return self.now

    def __call__(self) -> int:
        self.now += self.seconds
        self.times += 1
        return self.times


@pytest.mark.parametrize(("seconds", "kept_for"), [(0.0, 0.0), (0.5, 5.0), (60.0, recent.LONGEST)])
def test_it_is_kept_for_ten_times_as_long_as_it_took(seconds: float, kept_for: float) -> None:
    read = Readings(seconds)
    kept = Recent[int](read.clock)
    assert kept.get("a", read) == 1
    read.now += kept_for
    assert kept.get("a", read) == 2
    read.now += kept_for / 2
    assert kept.get("a", read) == (2 if kept_for else 3)
    assert kept.get("b", lambda: 77) == 77


def test_what_failed_is_not_kept() -> None:
    read = Readings(1)
    kept = Recent[int](read.clock)
    with pytest.raises(ZeroDivisionError):
        kept.get("a", lambda: 1 // 0)
    assert kept.get("a", read) == 1


def test_only_so_many_questions_are_remembered() -> None:
    read = Readings(1)
    kept = Recent[int](read.clock)
    for number in range(recent.MOST + 1):
        kept.get(number, read)
    assert kept.get(recent.MOST, lambda: -1) == recent.MOST + 1
    assert kept.get(0, lambda: -1) == -1


def test_who_asks_the_same_meanwhile_waits_for_the_one_reading() -> None:
    read, begun, go_on = Readings(1), Event(), Event()
    kept = Recent[int](read.clock)

    def slowly() -> int:
        begun.set()
        assert go_on.wait(30)
        return read()

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(kept.get, "a", slowly)
        assert begun.wait(30)
        second = threads.submit(kept.get, "a", read)
        go_on.set()
        assert (first.result(30), second.result(30)) == (1, 1)
