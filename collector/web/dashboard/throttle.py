"""How often logins may be tried: by name and by the client's address, in a moving window.

Each process counts by itself. To count together, `STORAGE` would name a Redis.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from threading import BoundedSemaphore, Lock
from typing import TYPE_CHECKING, Literal

from flask import Flask, current_app

if TYPE_CHECKING:
    from limits import RateLimitItem
    from limits.strategies import MovingWindowRateLimiter

STORAGE = "memory://"

WINDOW_MINUTES = 10

#: Passwords tried within the window for one name. Four processes take 5760 a day, of which none
#: finds one of twelve characters.
FOR_A_NAME = 10

#: Those of one address. Behind a proxy that nobody has configured everybody has the same
#: (`collector.web.clients`).
OF_AN_ADDRESS = 60

#: Passwords compared at once in a process. Each takes 19 MiB and a core, which beacons want too.
AT_ONCE = 4

_EXTENSION = "collector.throttle"


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """Too many were tried by this; in so many seconds there is room for another one."""

    by: Literal["name", "address"]
    seconds: int


class Throttle:
    """Counts the logins that this process is asked for."""

    def __init__(self) -> None:
        self._free = BoundedSemaphore(AT_ONCE)
        self._opening = Lock()
        self._opened: MovingWindowRateLimiter | None = None

    @property
    def _limiter(self) -> MovingWindowRateLimiter:
        with self._opening:
            if self._opened is None:
                # Loaded with the first login: it takes longer than all the rest of the dashboard.
                from limits.storage import storage_from_string  # noqa: PLC0415
                from limits.strategies import MovingWindowRateLimiter  # noqa: PLC0415

                self._opened = MovingWindowRateLimiter(storage_from_string(STORAGE))
            return self._opened

    def refused(self, name: str, client: str) -> Refused | None:
        """Count a login that is tried, before anything is compared; None if it may be.

        Args:
            client: `collector.web.clients.Clients.network`.
        """
        return self._refused_by("address", OF_AN_ADDRESS, client) or self._refused_by(
            "name", FOR_A_NAME, name
        )

    def _refused_by(self, by: Literal["name", "address"], most: int, of: str) -> Refused | None:
        item, key = _item(most), (by, _bounded(of))
        if self._limiter.hit(item, *key):
            return None
        free_at = self._limiter.get_window_stats(item, *key).reset_time
        return Refused(by=by, seconds=max(1, ceil(free_at - time.time())))

    def forget(self, name: str) -> None:
        """Somebody has logged in by this name: what was tried before were slips."""
        self._limiter.clear(_item(FOR_A_NAME), "name", _bounded(name))

    @contextmanager
    def turn(self) -> Iterator[bool]:
        """Whether a password may be compared now, while the block runs."""
        has_turn = self._free.acquire(blocking=False)
        try:
            yield has_turn
        finally:
            if has_turn:
                self._free.release()


def install(app: Flask) -> None:
    """Give the application its count."""
    app.extensions[_EXTENSION] = Throttle()


def current() -> Throttle:
    """The count of the application that answers this request."""
    found: Throttle = current_app.extensions[_EXTENSION]
    return found


def _item(most: int) -> RateLimitItem:
    from limits import RateLimitItemPerMinute  # noqa: PLC0415

    return RateLimitItemPerMinute(most, WINDOW_MINUTES)


def _bounded(text: str) -> str:
    """One of 65,536 keys, so that invented names take no memory that grows with them."""
    return hashlib.sha256(text.encode()).hexdigest()[:4]
