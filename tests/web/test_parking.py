"""What waits in an event loop is written together, and answered when it is on disk."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from threading import active_count
from typing import Any

import pytest

from collector.web.committing import MAX_TOGETHER, TooManyWaitingError
from collector.web.parking import Parking
from tests.web.test_committing import PATIENCE_SECONDS, Disk


def run(what: Coroutine[Any, Any, None], parking: Parking[str]) -> None:
    async def closed_at_the_end() -> None:
        try:
            await asyncio.wait_for(what, PATIENCE_SECONDS)
        finally:
            parking.close()

    asyncio.run(closed_at_the_end())


async def is_writing(disk: Disk) -> None:
    await asyncio.to_thread(disk.is_writing.wait, PATIENCE_SECONDS)


def test_what_comes_at_once_is_written_together_and_the_rest_with_the_next() -> None:
    disk = Disk()
    parking = Parking(disk, limit=10)

    async def scenario() -> None:
        first = [parking.store("a"), parking.store("b")]
        await is_writing(disk)
        second = [parking.store("c"), parking.store("d")]
        await asyncio.sleep(0)
        assert not any(each.done() for each in first + second)
        disk.may_go_on.set()
        await asyncio.gather(*first, *second)
        await parking.store("later")

    run(scenario(), parking)
    assert disk.written == [["a", "b"], ["c", "d"], ["later"]]


def test_what_fails_fails_those_alone_who_were_written_with_it() -> None:
    disk = Disk()
    disk.may_go_on.set()
    parking = Parking(disk, limit=10)

    async def scenario() -> None:
        good, poison = parking.store("good"), parking.store("poison")
        await good
        with pytest.raises(ValueError, match="poison"):
            await poison
        for each in (parking.store("broken disk"), parking.store("its neighbour")):
            with pytest.raises(OSError, match="broken disk"):
                await each
        await parking.store("afterwards")

    run(scenario(), parking)


def test_what_comes_when_too_many_wait_is_sent_away_at_once() -> None:
    disk = Disk()
    parking = Parking(disk, limit=2)

    async def scenario() -> None:
        waiting = [parking.store("a"), parking.store("b")]
        with pytest.raises(TooManyWaitingError):
            parking.store("one too many")
        disk.may_go_on.set()
        await asyncio.gather(*waiting)
        await parking.store("later")

    run(scenario(), parking)
    assert disk.written == [["a", "b"], ["later"]]


def test_a_crowd_is_written_in_several_transactions_and_who_has_gone_harms_nobody() -> None:
    disk = Disk()
    disk.may_go_on.set()
    parking = Parking(disk, limit=1000)
    crowd = [str(number) for number in range(2 * MAX_TOGETHER + 1)]

    async def scenario() -> None:
        waiting = [parking.store(each) for each in crowd]
        waiting[0].cancel()
        await asyncio.gather(*waiting[1:])

    run(scenario(), parking)
    assert [each for together in disk.written for each in together] == crowd
    assert max(map(len, disk.written)) == MAX_TOGETHER


def test_closing_writes_what_is_queued_and_leaves_no_thread_behind() -> None:
    disk = Disk()
    parking = Parking(disk, limit=10)
    threads = active_count()

    async def scenario() -> None:
        waiting = [parking.store("a")]
        await is_writing(disk)
        waiting.append(parking.store("b"))
        disk.may_go_on.set()
        await asyncio.to_thread(parking.close)
        await asyncio.gather(*waiting)

    run(scenario(), parking)
    assert disk.written == [["a"], ["b"]]
    assert active_count() == threads


def test_without_a_thread_to_be_had_the_beacon_fails_and_the_next_one_asks_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    disk = Disk()
    disk.may_go_on.set()
    parking = Parking(disk, limit=1)

    def refuse(_thread: object) -> None:
        raise RuntimeError("can't start new thread")

    async def scenario() -> None:
        with monkeypatch.context() as patched:
            patched.setattr("collector.web.parking.Thread.start", refuse)
            with pytest.raises(RuntimeError):
                await parking.store("a")
        await parking.store("b")

    run(scenario(), parking)
    assert disk.written == [["b"]]


def test_how_many_wait_is_told_when_it_changes() -> None:
    disk, told = Disk(), list[int]()
    parking = Parking(disk, limit=10, tell=told.append)

    async def scenario() -> None:
        first = [parking.store("a"), parking.store("b")]
        await is_writing(disk)
        second = parking.store("c")
        await asyncio.sleep(0)
        assert told == [2, 3]
        disk.may_go_on.set()
        await asyncio.gather(*first, second)
        assert told[-1] == 0

    run(scenario(), parking)
