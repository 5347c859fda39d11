"""Has several processes and machines hold one limit together, by way of a Redis.

No request waits for it. Each process counts in its memory and judges by that; once a second one
thread tells the Redis what was counted since, of those alone who have used up a twentieth of their
limit, and learns what the others have told. So a limit that somebody spreads over many machines is
held a little late; and when the Redis is away, beacons are taken, and each process counts for
itself as it would without one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Event, Lock, Thread

import structlog

from collector.errors import CountsUnavailableError
from collector.storage.shared_counts import TIMEOUT_SECONDS, SharedCounts
from collector.web.windows import Windows

EVERY_SECONDS = 1.0

#: When a Redis that did not answer is asked again.
RETRY_SECONDS = 5.0

#: So many counts of a limit are told at a time; the others wait for the next.
MAX_TOLD = 500

_log = structlog.get_logger(__name__)


class Together:
    """Tells and learns, in a thread that starts when it is first needed: a server may fork before.

    Args:
        tell: is told 1 when the Redis does not answer, and 0 when it does.
    """

    def __init__(
        self, counts: SharedCounts, windows: Mapping[str, Windows], tell: Callable[[int], None]
    ) -> None:
        self._counts = counts
        self._windows = windows
        self._tell = tell
        self._is_alone = False
        self._closed = Event()
        self._starting = Lock()
        self._thread: Thread | None = None

    def begin(self) -> None:
        """Have the thread at work; costs nothing once it is."""
        if self._thread is not None:
            return
        with self._starting:
            if self._thread is None and not self._closed.is_set():
                thread = Thread(target=self._go_on, name="limits", daemon=True)
                try:
                    thread.start()
                except RuntimeError:  # no thread is to be had: the next beacon asks again
                    return
                self._thread = thread

    def close(self) -> None:
        """Leave no thread behind, unless it waits for a Redis: that one goes with the process."""
        with self._starting:
            self._closed.set()
        if self._thread is not None:
            self._thread.join(2 * TIMEOUT_SECONDS)

    def exchange(self) -> bool:
        """Tell and learn once; False if the Redis does not answer."""
        try:
            self._counts.check()  # or nobody would know while there is nothing to tell
            for name, windows in self._windows.items():
                for untold in windows.untold(MAX_TOLD):
                    key = f"{name}/{untold.window}/{untold.key}"
                    total = self._counts.add(key, untold.amount, 2 * windows.seconds)
                    windows.learn(untold, total)
        except CountsUnavailableError as error:
            self._are_alone(True, str(error))
            return False
        self._are_alone(False)
        return True

    def _are_alone(self, alone: bool, error: str = "") -> None:
        if alone == self._is_alone:
            return
        self._is_alone = alone
        self._tell(int(alone))
        for windows in self._windows.values():
            windows.are_alone(alone)
        if alone:
            _log.warning("limits_alone", error=error)
        else:
            _log.info("limits_together")

    def _go_on(self) -> None:
        pause = EVERY_SECONDS
        while not self._closed.wait(pause):
            try:
                pause = EVERY_SECONDS if self.exchange() else RETRY_SECONDS
            except Exception as error:  # noqa: BLE001 - the limits go on without it
                _log.error("limits_not_shared", exc_info=error)
                return
