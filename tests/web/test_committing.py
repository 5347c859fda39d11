"""Who comes while a commit is under way is written by the next one, and only then goes on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event

import pytest

from collector.web.committing import MAX_TOGETHER, GroupCommit, TooManyWaitingError

PATIENCE_SECONDS = 30


class Disk:
    """Notes what was written together; the first write lasts until it is let go."""

    def __init__(self) -> None:
        self.written: list[list[str]] = []
        self.is_writing = Event()
        self.may_go_on = Event()

    def __call__(self, items: Sequence[str]) -> list[BaseException | None]:
        self.is_writing.set()
        assert self.may_go_on.wait(PATIENCE_SECONDS)
        self.written.append(list(items))
        if "broken disk" in items:
            raise OSError("broken disk")
        return [ValueError(item) if item == "poison" else None for item in items]


def queue_up(commit: GroupCommit[str], pool: ThreadPoolExecutor, *items: str) -> list[Future[None]]:
    """Have these brought by a thread each, and wait until all of them are queued, in order."""
    brought = []
    for item in items:
        queued = len(commit._queue)
        brought.append(pool.submit(commit, item))
        give_up = time.monotonic() + PATIENCE_SECONDS
        while len(commit._queue) == queued:
            assert time.monotonic() < give_up
            time.sleep(0)
    return brought


def test_whoever_comes_during_a_commit_is_written_with_the_next_one() -> None:
    disk = Disk()
    commit = GroupCommit(disk, limit=10)
    with ThreadPoolExecutor(10) as pool:
        first = pool.submit(commit, "first")
        assert disk.is_writing.wait(PATIENCE_SECONDS)
        others = queue_up(commit, pool, "a", "b", "c")
        assert not any(each.done() for each in [first, *others])
        disk.may_go_on.set()
        for each in [first, *others]:
            each.result(PATIENCE_SECONDS)
    assert disk.written == [["first"], ["a", "b", "c"]]


def test_what_fails_fails_those_alone_who_were_written_with_it() -> None:
    disk = Disk()
    commit = GroupCommit(disk, limit=10)
    with ThreadPoolExecutor(10) as pool:
        first = pool.submit(commit, "first")
        assert disk.is_writing.wait(PATIENCE_SECONDS)
        good, poison = queue_up(commit, pool, "good", "poison")
        disk.may_go_on.set()
        first.result(PATIENCE_SECONDS)
        good.result(PATIENCE_SECONDS)
        assert isinstance(poison.exception(PATIENCE_SECONDS), ValueError)

        disk.is_writing.clear()
        disk.may_go_on.clear()
        before = pool.submit(commit, "before")
        assert disk.is_writing.wait(PATIENCE_SECONDS)
        failing = queue_up(commit, pool, "broken disk", "its neighbour")
        disk.may_go_on.set()
        before.result(PATIENCE_SECONDS)
        for each in failing:
            assert isinstance(each.exception(PATIENCE_SECONDS), OSError)
        commit("afterwards")


def test_who_comes_when_too_many_wait_is_sent_away_at_once() -> None:
    disk = Disk()
    commit = GroupCommit(disk, limit=3)
    with ThreadPoolExecutor(10) as pool:
        first = pool.submit(commit, "first")
        assert disk.is_writing.wait(PATIENCE_SECONDS)
        others = queue_up(commit, pool, "a", "b")
        with pytest.raises(TooManyWaitingError):
            commit("one too many")
        disk.may_go_on.set()
        for each in [first, *others]:
            each.result(PATIENCE_SECONDS)
    commit("later")
    assert disk.written == [["first"], ["a", "b"], ["later"]]


def test_however_many_threads_bring_something_each_is_written_once() -> None:
    written: list[int] = []
    found: set[int] = set()

    def write(items: Sequence[int]) -> list[BaseException | None]:
        assert 0 < len(items) <= MAX_TOGETHER
        written.extend(items)
        found.update(items)
        return [None] * len(items)

    commit = GroupCommit(write, limit=100)

    def bring(thread: int) -> None:
        for number in range(200):
            commit(thread * 200 + number)
            assert thread * 200 + number in found

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(bring, range(20)))
    assert sorted(written) == list(range(4000))


def test_how_many_wait_is_told_when_it_changes() -> None:
    disk, told = Disk(), list[int]()
    commit = GroupCommit(disk, limit=10, tell=told.append)
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(commit, "a")
        assert disk.is_writing.wait(PATIENCE_SECONDS)
        others = queue_up(commit, pool, "b", "c")
        assert told == [1, 2, 3]
        disk.may_go_on.set()
        for each in (first, *others):
            each.result(PATIENCE_SECONDS)
    assert told == [1, 2, 3, 2, 0]
