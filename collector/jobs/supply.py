"""What is due, batch after batch, read ahead by a thread of its own.

Reading a batch and writing down what became of another need not wait for each other. What was read
ahead is looked at again when it is begun.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from collector.domain import limits
from collector.domain.batching import CANARY
from collector.storage import deliveries, outbox
from collector.storage.database import Connection, Database
from collector.storage.outbox import Due


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
        self._ahead: Future[Sequence[Due]] | None = None
        self._last: Due | None = None
        self.is_at_end = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
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
        found = self._claimed_ahead(connection, now) if self._ahead else None
        if found is None:
            found = self._read(connection, now)
            if found:
                deliveries.mark_begun(connection, self._project_id, found, now)
        # Of a full batch, there may be more.
        self.is_at_end = len(found) < limits.MAX_BATCH
        if found:
            self._last = found[-1]
        if self._reader and not self.is_at_end:
            self._ahead = self._reader.submit(self._read_ahead, now)
        return found

    def _claimed_ahead(self, connection: Connection, now: datetime) -> Sequence[Due] | None:
        """What was read ahead, if it still stands so."""
        ahead, self._ahead = self._ahead, None
        found = ahead.result() if ahead else ()
        if any(item.deadline <= now + self._margin for item in found):
            return None
        if deliveries.claim(connection, self._project_id, found, now):
            return found
        deliveries.mark_unstored(connection, self._project_id, found)
        return None

    def _read_ahead(self, now: datetime) -> Sequence[Due]:
        with self._database.read() as connection:
            return self._read(connection, now)

    def _read(self, connection: Connection, now: datetime) -> Sequence[Due]:
        return outbox.next_due(
            connection,
            self._project_id,
            self._version,
            now,
            limits.MAX_BATCH,
            margin=self._margin,
            after=self._last,
        )
