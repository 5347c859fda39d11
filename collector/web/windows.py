"""Counts who asks, in memory: two numbers of each, in a window that moves by the clock.

The library's own memory was measured and left: it keeps a lock for each key, and a thread goes
through all keys up to a hundred times a second. Here a beacon takes a microsecond, and what is
kept is bounded by the keys, which are numbers of clients (`collector.web.clients`) or projects that
have an installation.
"""

from __future__ import annotations

from _thread import allocate_lock
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from math import ceil

from collector.domain.rates import Rate

#: Of what a limit lets through, one part of so many stays untold: most clients never come near
#: their limit, and nobody else need hear of them.
UNTOLD_SHARE = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Untold:
    """What this process has counted of somebody and no other knows yet."""

    key: int
    window: int
    amount: int


class Windows:
    """The counts of one limit. Safe to share between threads.

    Args:
        rate: what is let through of each key by all processes together.
        processes: how many there are, if each counts for itself.
        together: what is counted is to be told to others, and theirs to be learnt.
    """

    def __init__(self, rate: Rate, *, processes: int = 1, together: bool = False) -> None:
        self.seconds = rate.seconds
        self._whole = rate
        self._share = rate.shared_by(processes)
        self._together = together
        self._let_through(rate if together else self._share)
        self._lock = allocate_lock()  # guards what follows
        self._begins = self._ends = 0.0
        self._current: dict[int, int] = {}
        self._previous: dict[int, int] = {}
        self._untold: dict[int, int] = {}

    def hit(self, key: int, now: float) -> int:
        """Count one and return 0, or say in how many seconds there is room for it.

        Args:
            now: seconds since 1970, so that all machines begin their windows at once.
        """
        with self._lock:
            if not self._begins <= now < self._ends:
                self._turn(now)
            current = self._current.get(key, 0)
            previous = self._previous.get(key, 0)
            # The first is true of nearly all, and quicker.
            if current + previous < self._surely or self._has_room(current, previous, now):
                self._current[key] = current + 1
                if self._together:
                    self._untold[key] = self._untold.get(key, 0) + 1
                return 0
            return self._wait(current, previous, now)

    def wait(self, key: int, now: float) -> int:
        """The same without counting anything."""
        with self._lock:
            if not self._begins <= now < self._ends:
                self._turn(now)
            current = self._current.get(key, 0)
            previous = self._previous.get(key, 0)
            if self._has_room(current, previous, now):
                return 0
            return self._wait(current, previous, now)

    def _has_room(self, current: int, previous: int, now: float) -> bool:
        return self._rate.has_room(current, previous, now - self._begins)

    def _wait(self, current: int, previous: int, now: float) -> int:
        wait = self._rate.seconds_until_room(current, previous, now - self._begins)
        return max(1, ceil(wait))

    def _turn(self, now: float) -> None:
        # A clock that was set forgets what was counted, which is nobody's harm.
        seconds = self.seconds
        is_next = self._ends <= now < self._ends + seconds
        self._previous = self._current if is_next else {}
        self._current, self._untold = {}, {}
        self._begins = now // seconds * seconds
        self._ends = self._begins + seconds

    @property
    def _window(self) -> int:
        return int(self._begins // self.seconds)

    def untold(self, most: int) -> list[Untold]:
        """What is worth telling others."""
        with self._lock:
            return [*islice(self._worth_telling(), most)]

    def _worth_telling(self) -> Iterator[Untold]:
        least = self._whole.amount / UNTOLD_SHARE
        for key, amount in self._untold.items():
            if self._current[key] >= least:
                yield Untold(key=key, window=self._window, amount=amount)

    def learn(self, told: Untold, total: int) -> None:
        """It was told, and so many all have counted together."""
        with self._lock:
            if told.window != self._window or told.key not in self._untold:
                return
            # What was counted since is told the next time, after that of others.
            since = self._untold.pop(told.key) - told.amount
            if since:
                self._untold[told.key] = since
            self._current[told.key] = total + since

    def are_alone(self, alone: bool) -> None:
        """Whether others cannot be told at the moment: each then lets through its share alone."""
        self._let_through(self._share if alone else self._whole)

    def _let_through(self, rate: Rate) -> None:
        self._rate = rate
        self._surely = int(rate.amount)

    def __len__(self) -> int:
        return len(self._current) + len(self._previous)
