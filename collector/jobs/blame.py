"""What follows from the refusals of a batch: who is blamed, and when nobody is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from collector.domain.batching import Isolation
from collector.domain.installation import Installation
from collector.jobs import sentences
from collector.jobs.progress import Progress
from collector.jobs.report import ProjectOutcome, ProjectReport
from collector.storage import deliveries, installations, runs
from collector.storage.database import Connection
from collector.storage.outbox import Due


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """A batch on its way, and the search for what is refused of it.

    One group of it is in flight at a time. ``installation`` is as it was when the batch was put
    together; ``refusals`` are the batches in which its culprits were refused alone, by call id.
    """

    batch: Sequence[Due]
    installation: Installation
    isolation: Isolation[Due]
    refusals: dict[str, runs.Batch] = field(default_factory=dict)


@dataclass(kw_only=True, slots=True)
class Blamed:
    """What one transaction has concluded: calls with the batches in which they were refused."""

    rejected: list[tuple[str, runs.Batch]] = field(default_factory=list)
    is_paused: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Blame:
    """The conclusions of one installation's delivery in one run, to be drawn under its lease.

    ``blamed`` is filled on the way.
    """

    project_id: int
    report: ProjectReport
    progress: Progress
    blamed: Blamed = field(default_factory=Blamed)

    def conclude(
        self, connection: Connection, search: Search, now: datetime, *, is_complete: bool
    ) -> bool:
        """Blame whom there is evidence against; whether to go on with other batches.

        Args:
            is_complete: all of the batch was sent. An interrupted search proves nothing but what
                it has found beside something that was accepted.
        """
        isolation, tried = search.isolation, search.batch
        if isolation.is_over_budget or (is_complete and isolation.row.is_too_long):
            message = sentences.too_many_refused(self.project_id)
            self._distrust(connection, isolation.culprits, message, now, pause=True)
            return False
        if not isolation.culprits:
            return True
        # Accepted in this run, by this very definition.
        evidence = isolation.any_accepted or self.report.accepted > 0
        is_alone = is_complete and len(tried) == 1 and search.installation.is_proven
        if evidence or is_alone:
            self._reject(connection, search, now)
            return True
        if not is_complete:
            return True
        message = sentences.all_refused(search.installation, len(tried))
        self._distrust(connection, tried, message, now, pause=False)
        return False

    def _reject(self, connection: Connection, search: Search, now: datetime) -> None:
        culprits = search.isolation.culprits
        for culprit in culprits:
            batch = search.refusals[culprit.call_id]
            deliveries.mark_rejected(
                connection,
                self.project_id,
                culprit,
                batch_id=batch.batch_id,
                message=batch.message,
                now=now,
            )
            self.blamed.rejected.append((culprit.call_id, batch))
        installations.note_refused(connection, self.project_id, search.isolation.row.refused)
        self.report.rejected += len(culprits)
        self.progress.advance(len(culprits))

    def _distrust(
        self,
        connection: Connection,
        refused: Sequence[Due],
        message: str,
        now: datetime,
        *,
        pause: bool,
    ) -> None:
        """Nothing shows that the API takes what is built.

        Others are tried first the next time, and all is built anew: the definition may be mended.
        """
        self.report.end(ProjectOutcome.PROBLEM, message)
        self.blamed.is_paused |= pause
        installations.distrust(connection, self.project_id, pause=pause, now=now)
        deliveries.postpone(
            connection, self.project_id, refused, message=sentences.REFUSED_AS_ALL, now=now
        )
