"""One commit for all threads whose beacons came while the last one was under way.

A commit waits for the disk, and costs nearly the same whatever is in it. So whoever comes first
commits, for everybody who has queued up by then, and then hands over to the first who has come
meanwhile. There is no timer, and no thread besides those that wait for their own answer: nothing
has to be started after a fork, and at a stop nothing is left to drain.
"""

from __future__ import annotations

from _thread import LockType, allocate_lock
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Generic, TypeVar

Item = TypeVar("Item")

#: What is written in one transaction at most, so that no one waits for a crowd.
MAX_TOGETHER = 256


class TooManyWaitingError(Exception):
    """So many wait already that this one was not even queued."""


class _Waiting(Generic[Item]):
    """One thread with what it wants to be written; ``turn`` is released when it may go on.

    It then releases ``following``, who was written with it. Woken all at once, they would only
    crowd round the interpreter's lock: that took a third of the throughput.
    """

    __slots__ = ("failure", "following", "is_done", "item", "turn")

    def __init__(self, item: Item) -> None:
        self.item = item
        self.is_done = False
        self.failure: BaseException | None = None
        self.following: _Waiting[Item] | None = None
        # The lock of the interpreter itself: an Event costs ten times as much.
        self.turn: LockType = allocate_lock()
        self.turn.acquire()


class GroupCommit(Generic[Item]):
    """Writes what several threads bring, together.

    Args:
        write: writes items in one transaction; for each it returns None, or why it was not
            written. What it raises is raised to all of that transaction, and to nobody else.
        limit: so many may wait at a time, those included that are being written.
        tell: is told how many wait, whenever that changes.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Item]], Sequence[BaseException | None]],
        limit: int,
        tell: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._write = write
        self._limit = limit
        self._tell = tell
        self._lock = allocate_lock()  # guards what follows, and is never held while SQL runs
        self._queue: list[_Waiting[Item]] = []
        self._waiting = 0
        self._is_writing = False

    def __call__(self, item: Item) -> None:
        """Have an item written. On return it is.

        Raises:
            TooManyWaitingError: it was not even tried.
            Exception: why it was not written.
        """
        me = _Waiting(item)
        with self._lock:
            if self._waiting >= self._limit:
                raise TooManyWaitingError
            self._waiting += 1
            self._tell(self._waiting)
            self._queue.append(me)
            is_first, self._is_writing = not self._is_writing, True
        if not is_first:
            me.turn.acquire()
        if not me.is_done:
            self._write_queue()
        if me.following is not None:
            me.following.turn.release()
        if me.failure is not None:
            raise me.failure

    def _write_queue(self) -> None:
        """Write what is queued; whoever calls this is the first of it."""
        with self._lock:
            together, self._queue = self._queue[:MAX_TOGETHER], self._queue[MAX_TOGETHER:]
        try:
            failures = self._write([each.item for each in together])
        except BaseException as error:  # noqa: BLE001 - raised again, by each of them
            failures = [error] * len(together)
        with self._lock:
            self._waiting -= len(together)
            self._tell(self._waiting)
            next_writer = self._queue[0] if self._queue else None
            self._is_writing = next_writer is not None
        if next_writer is not None:
            next_writer.turn.release()  # before the others, so that the disk need not wait
        for each, failure in zip(together, failures, strict=True):
            each.failure, each.is_done = failure, True
        for each, following in pairwise(together):
            each.following = following
