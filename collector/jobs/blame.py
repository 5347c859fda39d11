"""What follows from the refusals of a batch: who is blamed, and when nobody is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from collector.domain.batching import Isolation
from collector.domain.installation import Installation
from collector.jobs import sentences
from collector.jobs.progress import Progress
from collector.jobs.report import ProjectOutcome, ProjectReport
from collector.storage import deliveries, installations, leases, runs
from collector.storage.database import Database
from collector.storage.leases import Lease
from collector.storage.outbox import Due


@dataclass(frozen=True, kw_only=True, slots=True)
class Blame:
    """The conclusions of one installation's delivery in one run."""

    database: Database
    lease: Lease
    report: ProjectReport
    progress: Progress
    clock: Callable[[], datetime]

    def conclude(
        self,
        isolation: Isolation[Due],
        refusals: Mapping[str, runs.Batch],
        installation: Installation,
        tried: Sequence[Due] | None,
    ) -> bool:
        """Blame whom there is evidence against; whether to go on with the next batch.

        Args:
            refusals: for each culprit's call id, the batch in which it was refused alone.
            tried: the batch, if all of it was sent. An interrupted search proves nothing but what
                it has found beside something that was accepted.
        """
        if isolation.is_over_budget or (tried and isolation.is_over_row):
            message = sentences.too_many_refused(self.lease.project_id)
            return self._distrust(isolation.culprits, message, pause=True)
        if not isolation.culprits:
            return True
        # Accepted in this run, by this very definition.
        evidence = isolation.any_accepted or self.report.accepted > 0
        if evidence or (tried and len(tried) == 1 and installation.is_proven):
            self._reject(isolation, refusals)
            return True
        if not tried:
            return True
        return self._distrust(tried, sentences.all_refused(installation, len(tried)), pause=False)

    def _reject(self, isolation: Isolation[Due], refusals: Mapping[str, runs.Batch]) -> None:
        now = self.clock()
        with self.database.write() as connection:
            leases.hold(connection, self.lease, now)
            for culprit in isolation.culprits:
                batch = refusals[culprit.call_id]
                deliveries.mark_rejected(
                    connection,
                    batch.project_id,
                    culprit,
                    batch_id=batch.batch_id,
                    message=batch.message,
                    now=now,
                )
            installations.note_refused(connection, self.lease.project_id, isolation.refused_in_row)
        self.report.rejected += len(isolation.culprits)
        self.progress.advance(len(isolation.culprits))

    def _distrust(self, refused: Sequence[Due], message: str, *, pause: bool) -> bool:
        """Nothing shows that the API takes what is built; always False: do not go on.

        Others are tried first the next time, and all is built anew: the definition may be mended.
        """
        self.report.outcome, self.report.message = ProjectOutcome.PROBLEM, message
        project_id, now = self.lease.project_id, self.clock()
        with self.database.write() as connection:
            leases.hold(connection, self.lease, now)
            installations.distrust(connection, project_id, pause=pause, now=now)
            deliveries.postpone(
                connection, project_id, refused, message=sentences.REFUSED_AS_ALL, now=now
            )
        return False
