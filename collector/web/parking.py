"""One commit for all beacons that wait in an event loop, without a thread for any of them.

A beacon that waits for the disk is a future. One thread writes what has gathered, transaction after
transaction, while the loop judges what comes next; and a whole transaction is answered by one call
into the loop, since to wake a thread for each beacon costs more than to judge it. The thread starts
at the first beacon, so that a server may fork after the application was made.
"""

from __future__ import annotations

import asyncio
from _thread import LockType, allocate_lock
from collections import deque
from collections.abc import Callable, Sequence
from threading import Thread
from typing import Generic, TypeVar

from collector.web.committing import MAX_TOGETHER, TooManyWaitingError

Item = TypeVar("Item")

_Parked = tuple[Item, "asyncio.Future[None]"]


class Parking(Generic[Item]):
    """Writes what one event loop brings, together. Only for use in that loop.

    Args:
        write: as for `collector.web.committing.GroupCommit`.
        limit: so many may wait at a time, those included that are being written.
        tell: is told how many wait, once for all that have come or gone together.
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
        self._waiting = 0
        self._is_calling = False
        self._thread: Thread | None = None
        # Released to let the writer go on; the lock of the interpreter itself is the cheapest.
        self._turn: LockType = allocate_lock()
        self._lock = allocate_lock()  # guards what follows, and is never held while SQL runs
        self._queue: deque[_Parked[Item]] = deque()
        self._is_idle = False
        self._is_closed = False

    def store(self, item: Item) -> asyncio.Future[None]:
        """Have an item written. When the future is done it is, or the future tells why not.

        Raises:
            TooManyWaitingError: it was not even tried.
        """
        if self._waiting >= self._limit:
            raise TooManyWaitingError
        self._waiting += 1
        loop = asyncio.get_running_loop()
        stored = loop.create_future()
        with self._lock:
            self._queue.append((item, stored))
        if not self._is_calling:
            # After all that the loop has at hand, which goes into the same transaction.
            self._is_calling = True
            loop.call_soon(self._call_writer, loop)
        return stored

    def close(self) -> None:
        """Have what is queued written, and end the thread."""
        with self._lock:
            self._is_closed = True
        self._wake_writer()
        if self._thread is not None:
            self._thread.join()

    def _call_writer(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_calling = False
        self._tell(self._waiting)
        if self._thread is not None:
            self._wake_writer()
            return
        self._turn.acquire()
        thread = Thread(target=self._write_on, args=(loop,), name="beacons", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # no thread is to be had: the next beacon asks again
            self._turn.release()
            self._answer([*self._queue], [error] * len(self._queue))
            self._queue.clear()
        else:
            self._thread = thread

    def _wake_writer(self) -> None:
        with self._lock:
            was_idle, self._is_idle = self._is_idle, False
        if was_idle:
            self._turn.release()

    def _write_on(self, loop: asyncio.AbstractEventLoop) -> None:
        """What the writer does as long as it lives."""
        while True:
            with self._lock:
                number = min(len(self._queue), MAX_TOGETHER)
                together = [self._queue.popleft() for _ in range(number)]
                if not together and self._is_closed:
                    return
                self._is_idle = not together
            if not together:
                self._turn.acquire()
                continue
            try:
                failures = self._write([item for item, _ in together])
            except BaseException as error:  # noqa: BLE001 - raised again, by each of them
                failures = [error] * len(together)
            loop.call_soon_threadsafe(self._answer, together, failures)

    def _answer(
        self, together: Sequence[_Parked[Item]], failures: Sequence[BaseException | None]
    ) -> None:
        self._waiting -= len(together)
        self._tell(self._waiting)
        for (_, stored), failure in zip(together, failures, strict=True):
            if stored.cancelled():  # nobody waits for it any more
                continue
            if failure is None:
                stored.set_result(None)
            else:
                stored.set_exception(failure)
