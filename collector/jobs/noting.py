"""Writes down the answer to one group, and what it means for its enrichments and their calls."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from collector.contentsquare import Answer, Outcome
from collector.jobs.blame import Blamed, Search
from collector.jobs.report import ProjectReport
from collector.logs import Logger
from collector.storage import deliveries, installations, outbox, runs
from collector.storage.database import Connection
from collector.storage.outbox import Due

log = Logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """What goes out in one request: all of a batch, or a part of one that is searched.

    ``begun`` is from before the lease was renewed for it, by the sender's clock.
    """

    search: Search
    items: Sequence[Due]
    begun: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Notes:
    """What is written at one moment, in a transaction under the lease."""

    project_id: int
    integration_id: int
    integration_version: int
    run_id: str
    report: ProjectReport
    now: datetime

    def write(
        self, connection: Connection, group: Sequence[Due], answer: Answer, *, is_news: bool
    ) -> runs.Batch:
        """The batch as it was sent, and what became of its enrichments.

        Args:
            is_news: an acceptance would prove the version, or end a row of refusals.
        """
        batch = self._batch(group, answer)
        runs.note_batch(connection, batch)
        if answer.outcome is Outcome.ACCEPTED:
            deliveries.mark_accepted(
                connection,
                self.project_id,
                group,
                in_doubt=answer.in_doubt,
                batch_id=batch.batch_id,
                now=self.now,
            )
            if is_news:
                installations.note_accepted(
                    connection, self.project_id, self.integration_id, self.integration_version
                )
        else:
            self._write_refusal(connection, group, answer)
        self.report.batches += 1
        return batch

    def _write_refusal(self, connection: Connection, group: Sequence[Due], answer: Answer) -> None:
        if answer.in_doubt:
            deliveries.mark_begun(connection, self.project_id, group, self.now)
        else:
            deliveries.mark_unstored(connection, self.project_id, group)
        if answer.outcome is Outcome.LATER:
            deliveries.postpone(
                connection, self.project_id, group, message=answer.message, now=self.now
            )
            # The server asks the sender to wait, not the enrichments that were in the batch.
            if answer.retry_after:
                until = self.now + timedelta(seconds=answer.retry_after)
                outbox.wait_until(connection, self.project_id, until)

    def _batch(self, group: Sequence[Due], answer: Answer) -> runs.Batch:
        return runs.Batch(
            project_id=self.project_id,
            batch_id=runs.new_id(),
            run_id=self.run_id,
            sent_at=self.now - timedelta(milliseconds=answer.milliseconds),
            integration_version=group[0].integration_version,
            size=len(group),
            outcome=answer.outcome.value,
            status=answer.status,
            message=answer.message,
            milliseconds=answer.milliseconds,
        )


def in_doubt_from(group: Sequence[Due], sent: runs.Batch) -> list[Due]:
    """The group as it stands after a request that was not answered at first."""
    return [
        replace(item, doubtful_revision=item.revision, doubtful_since=sent.sent_at)
        for item in group
    ]


def log_noted(batches: Iterable[runs.Batch | None], blamed: Blamed) -> None:
    """Once it is on disk."""
    for batch in filter(None, batches):
        log.info(
            "batch",
            batch_id=batch.batch_id,
            size=batch.size,
            outcome=batch.outcome,
            status=batch.status,
            milliseconds=batch.milliseconds,
        )
    for call_id, batch in blamed.rejected:
        log.warning(
            "enrichment_rejected", call_id=call_id, batch_id=batch.batch_id, status=batch.status
        )
    if blamed.is_paused:
        log.warning("installation_paused")
