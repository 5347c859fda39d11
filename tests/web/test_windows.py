"""What one process counts, alone and together with others."""

from __future__ import annotations

from collector.domain.rates import Rate
from collector.web.windows import Untold, Windows

RATE = Rate(20, 60)


def let_through(windows: Windows, number: int, now: float, key: int = 1) -> int:
    return sum(windows.hit(key, now) == 0 for _ in range(number))


def test_who_comes_too_often_is_told_how_long_to_wait_and_waiting_helps() -> None:
    windows = Windows(RATE)
    assert let_through(windows, 30, now=6000) == 20
    assert windows.hit(2, 6000) == 0
    wait = windows.hit(1, 6030)
    assert wait == windows.wait(1, 6030) == 33  # a twentieth of the next window besides
    assert windows.hit(1, 6030 + wait) == 0
    assert let_through(windows, 30, now=6090) == 9


def test_asking_counts_nothing() -> None:
    windows = Windows(RATE)
    assert [windows.wait(1, 6000) for _ in range(100)] == [0] * 100
    assert let_through(windows, 30, now=6000) == 20


def test_what_is_kept_goes_with_its_window_and_a_clock_that_jumps_locks_nobody_out() -> None:
    windows = Windows(RATE)
    for key in range(1000):
        windows.hit(key, 6000)
    assert len(windows) == 1000
    let_through(windows, 20, now=6000)
    assert windows.hit(1, 9000) == 0
    assert len(windows) == 1
    assert let_through(windows, 30, now=60) == 20


def test_processes_that_count_apart_let_through_no_more_together() -> None:
    apart = [Windows(RATE, processes=4) for _ in range(4)]
    assert [let_through(windows, 30, now=6000) for windows in apart] == [5] * 4


def exchange(counts: dict[tuple[int, int], int], windows: Windows) -> int:
    """As the thread does with a Redis; returns how many clients were told of."""
    told = windows.untold(100)
    for untold in told:
        key = (untold.window, untold.key)
        counts[key] = counts.get(key, 0) + untold.amount
        windows.learn(untold, counts[key])
    return len(told)


def test_processes_that_count_together_hold_one_limit() -> None:
    counts: dict[tuple[int, int], int] = {}
    one, other = (Windows(RATE, processes=2, together=True) for _ in range(2))
    assert let_through(one, 12, now=6000) == let_through(other, 6, now=6000) + 6 == 12
    assert [exchange(counts, windows) for windows in (one, other, one)] == [1, 1, 0]
    assert counts == {(100, 1): 18}
    assert let_through(other, 12, now=6000) == 2
    assert exchange(counts, other) == 1
    one.hit(1, 6000)
    exchange(counts, one)
    assert one.hit(1, 6000) > 0
    # In the next window what all had counted is the past of each.
    assert let_through(other, 20, now=6060 + 30) == 10


def test_who_is_far_from_the_limit_is_told_to_nobody() -> None:
    windows = Windows(Rate(100, 60), together=True)
    let_through(windows, 4, now=6000)
    let_through(windows, 5, now=6000, key=2)
    assert windows.untold(100) == [Untold(key=2, window=100, amount=5)]
    assert windows.untold(0) == []


def test_what_was_counted_while_it_was_told_is_told_the_next_time() -> None:
    windows = Windows(RATE, together=True)
    let_through(windows, 5, now=6000)
    (untold,) = windows.untold(100)
    let_through(windows, 2, now=6000)
    windows.learn(untold, 15)
    assert windows.untold(100) == [Untold(key=1, window=100, amount=2)]
    assert let_through(windows, 30, now=6000) == 3
    windows.hit(1, 6119)
    windows.learn(untold, 15)  # too late: its window is over
    assert windows.untold(100) == [Untold(key=1, window=101, amount=1)]


def test_alone_each_lets_through_its_share() -> None:
    windows = Windows(RATE, processes=2, together=True)
    windows.are_alone(True)
    assert let_through(windows, 30, now=6000) == 10
    windows.are_alone(False)
    assert let_through(windows, 30, now=6000) == 10
