"""Counts that several machines keep together in a Redis, as the library limits keeps them there.

It is no database of ours: what is counted is gone with its window, and while no Redis answers each
machine counts for itself.
"""

from __future__ import annotations

from importlib.util import find_spec
from threading import Lock
from typing import TYPE_CHECKING, cast

from collector.config import mask_url
from collector.errors import CountsUnavailableError, SettingError

if TYPE_CHECKING:
    from limits.storage import RedisStorage

#: The setting under which each process counts for itself.
MEMORY = "memory://"

#: Seconds that a Redis may take to connect, and again to answer.
TIMEOUT_SECONDS = 1.0

PREFIX = "collector"

#: The library looks for the version of what another thread may still be loading.
_opening = Lock()


class SharedCounts:
    """One Redis. Nothing is asked of it before the first count."""

    def __init__(self, url: str) -> None:
        """Raises SettingError if what speaks to a Redis is not installed."""
        if not find_spec("redis"):
            raise SettingError(
                "COLLECTOR_LIMITS_URL names a Redis, and what speaks to it is not installed. Run: "
                "pip install 'session-collector[redis]'"
            )
        self._url = url
        self._opened: RedisStorage | None = None

    @property
    def _storage(self) -> RedisStorage:
        with _opening:
            return self._open()

    def _open(self) -> RedisStorage:
        if self._opened is None:
            from limits.storage import storage_from_string  # noqa: PLC0415 - takes long to load

            self._opened = cast(
                "RedisStorage",
                storage_from_string(
                    self._url,
                    key_prefix=PREFIX,
                    socket_timeout=TIMEOUT_SECONDS,
                    socket_connect_timeout=TIMEOUT_SECONDS,
                ),
            )
        return self._opened

    def add(self, key: str, amount: int, seconds: int) -> int:
        """Count so many more, and return how many that makes; forgotten after ``seconds``.

        Raises:
            CountsUnavailableError: no Redis answers there, or not in time.
        """
        try:
            return self._storage.incr(key, seconds, amount)
        except Exception as error:
            raise self._unavailable(error) from error

    def check(self) -> None:
        """Ask whether it is there.

        Raises:
            CountsUnavailableError: it is not.
        """
        try:
            self._storage.get_connection().ping()
        except Exception as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: Exception) -> CountsUnavailableError:
        # What an error says may hold the password.
        return CountsUnavailableError(
            f"No Redis answers at {mask_url(self._url)} ({type(error).__name__}). Start it, or "
            "correct COLLECTOR_LIMITS_URL."
        )
