"""What is due, batch after batch, read ahead by a thread of its own.

Reading a batch and writing down what became of another need not wait for each other. What was read
ahead is looked at again when it is begun.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.domain import limits
from collector.domain.batching import CANARY
from collector.storage import deliveries, outbox
from collector.storage.database import Connection, Database
from collector.storage.outbox import Due


@dataclass(frozen=True, kw_only=True, slots=True)
class _Page:
    """What is due next; ``is_last`` if nothing came after it when it was read."""

    items: Sequence[Due]
    is_last: bool


class Supply:
    """The batches of one installation, earliest deadline first, each marked as begun.

    Args:
        margin: what reaches its deadline within so much time is not begun.
        ahead: whether to read ahead.
    """

    def __init__(
        self,
        database: Database,
        project_id: int,
        integration_version: int,
        *,
        margin: timedelta,
        ahead: bool,
    ) -> None:
        self._database = database
        self._project_id = project_id
        self._version = integration_version
        self._margin = margin
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="reading") if ahead else None
        self._ahead: Future[_Page] | None = None
        self._last: Due | None = None
        self.is_at_end = False

    def close(self) -> None:
        """Wait for what is being read, and read no more."""
        if self._reader:
            self._reader.shutdown(cancel_futures=True)

    def canary(self, connection: Connection, now: datetime) -> Sequence[Due]:
        """A few, those tried least first."""
        found = outbox.next_due(
            connection,
            self._project_id,
            self._version,
            now,
            CANARY,
            margin=self._margin,
            canary=True,
        )
        if found:
            deliveries.mark_begun(connection, self._project_id, found, now)
        return found

    def take(self, connection: Connection, now: datetime, *, may_restart: bool) -> Sequence[Due]:
        """The next ones in order; empty at the end.

        Args:
            may_restart: nothing is in flight, so that what is due from the start is in no other
                batch: some may have become so meanwhile.
        """
        found = self._next(connection, now)
        if not found and may_restart and self._last is not None:
            self._last, self.is_at_end = None, False
            found = self._next(connection, now)
        return found

    def _next(self, connection: Connection, now: datetime) -> Sequence[Due]:
        if self.is_at_end:
            return ()
        page = self._claimed_ahead(connection, now) if self._ahead else None
        if page is None:
            page = self._read(connection, now)
            if page.items:
                deliveries.mark_begun(connection, self._project_id, page.items, now)
        self.is_at_end = page.is_last
        if page.items:
            self._last = page.items[-1]
        if self._reader and not self.is_at_end:
            self._ahead = self._reader.submit(copy_context().run, self._read_ahead, now)
        return page.items

    def _claimed_ahead(self, connection: Connection, now: datetime) -> _Page | None:
        """What was read ahead, if it still stands so."""
        ahead, self._ahead = self._ahead, None
        page = ahead.result() if ahead else None
        if page is None or any(item.deadline <= now + self._margin for item in page.items):
            return None
        if deliveries.claim(connection, self._project_id, page.items, now):
            return page
        deliveries.mark_unstored(connection, self._project_id, page.items)
        return None

    def _read_ahead(self, now: datetime) -> _Page:
        with self._database.read() as connection:
            return self._read(connection, now)

    def _read(self, connection: Connection, now: datetime) -> _Page:
        # One more than a batch holds: whether there are more need not be asked again.
        found = outbox.next_due(
            connection,
            self._project_id,
            self._version,
            now,
            limits.MAX_BATCH + 1,
            margin=self._margin,
            after=self._last,
        )
        return _Page(items=found[: limits.MAX_BATCH], is_last=len(found) <= limits.MAX_BATCH)
