"""Keeps what was read for a moment, so that many who look cost the database little more than one.

What took long to read is kept longer, so that reading takes up at most a tenth of the time,
however often it is asked for; what is read in no time is read anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

#: It is kept for so many times as long as it took to read, but no longer than `LONGEST`.
WORTH = 10

#: In seconds.
LONGEST = 30

#: So many different questions are remembered.
MOST = 32

_T = TypeVar("_T")


class Recent(Generic[_T]):
    """The newest answers by question. One who asks reads, others with the same question wait."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._reading: dict[Hashable, Lock] = {}
        self._kept: dict[Hashable, tuple[float, _T]] = {}

    def get(self, key: Hashable, read: Callable[[], _T]) -> _T:
        """What ``read`` gives, or gave a moment ago. What it raises is not kept."""
        with self._lock:
            reading = self._reading.setdefault(key, Lock())
        with reading:
            until, kept = self._kept.get(key, (None, None))
            if until is not None and kept is not None and self._clock() < until:
                return kept
            begun = self._clock()
            found = read()
            taken = self._clock() - begun
            with self._lock:
                self._kept[key] = (self._clock() + min(taken * WORTH, LONGEST), found)
                self._forget()
            return found

    def _forget(self) -> None:
        while len(self._kept) > MOST:
            oldest = min(self._kept, key=lambda key: self._kept[key][0])
            del self._kept[oldest]
            self._reading.pop(oldest, None)
