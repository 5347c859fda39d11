"""How long an event loop waits for what clients send: one timer for all of them.

The standard library's ``asyncio.timeout`` is a timer for each, and costs a beacon five
microseconds, which is one in twenty of all that the server does for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

Read = TypeVar("Read")

#: Looked at as often, at least, in seconds.
EVERY_SECONDS = 1.0

_Task = asyncio.Task[Any]


class Patience:
    """For use in one event loop."""

    def __init__(self) -> None:
        self._until: dict[_Task, float] = {}
        self._ended: set[_Task] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def wait(self, reading: Awaitable[Read], seconds: float) -> Read:
        """What is read, within so many seconds, or up to a second later.

        Raises:
            TimeoutError: it did not come.
        """
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None  # noqa: S101 - whatever is awaited runs in one
        self._until[task] = loop.time() + seconds
        if self._timer is None:
            self._timer = loop.call_later(min(seconds, EVERY_SECONDS), self._look, loop)
        try:
            return await reading
        except asyncio.CancelledError:
            if task not in self._ended:
                raise
            task.uncancel()
            raise TimeoutError from None
        finally:
            del self._until[task]
            self._ended.discard(task)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for task, until in self._until.items():
            if until <= now and task not in self._ended:
                self._ended.add(task)
                task.cancel()
        self._timer = loop.call_later(EVERY_SECONDS, self._look, loop) if self._until else None
