"""Sends what is pending, earliest deadline first, and writes down every answer.

Before each request the lease is renewed, and after it the answer and the verdicts are written in
one transaction under the lease. A crash in between repeats the request, which overwrites the same
enrichments with the same content: at least once, and by overwriting effectively once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from collector.contentsquare import Answer, Credentials, Outcome
from collector.domain import limits
from collector.domain.batching import Isolation
from collector.domain.enrichment import Enrichment
from collector.jobs.progress import Progress
from collector.jobs.report import ProjectOutcome, ProjectReport
from collector.storage import deliveries, installations, leases, runs
from collector.storage.database import Database
from collector.storage.deliveries import Due
from collector.storage.leases import Lease

log = structlog.get_logger(__name__)


class Sender(Protocol):
    """The part of the API's client that delivery needs."""

    def send(
        self,
        credentials: Credentials,
        integration_version: int,
        enrichments: Sequence[Enrichment],
    ) -> Answer: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """One installation's delivery in one run."""

    database: Database
    sender: Sender
    credentials: Credentials
    lease: Lease
    run_id: str
    report: ProjectReport
    progress: Progress
    clock: Callable[[], datetime]
    stopping: Callable[[], bool]

    def run(self) -> None:
        """Send batches until nothing is due, the API is not to be had, or a person is needed.

        Raises:
            ContentsquareError: the API refuses in a way that blames no enrichment.
            LeaseLostError: another worker has taken over.
        """
        project_id = self.lease.project_id
        with self.database.read() as connection:
            total = deliveries.count_due(connection, project_id, self.clock())
        self.progress.begin("sending", total)
        while not self.stopping():
            with self.database.read() as connection:
                batch = deliveries.due(connection, project_id, self.clock(), limits.MAX_BATCH)
            if not batch or not self._send_isolating(batch):
                return

    def _send_isolating(self, batch: Sequence[Due]) -> bool:
        """Send one batch, halving what is refused; whether to go on with the next one."""
        isolation = Isolation(batch)
        while (group := isolation.next_group()) is not None:
            # Renewed here so that the lease outlives the request; checked again when writing.
            with self.database.write() as connection:
                leases.hold(connection, self.lease, self.clock())
            in_time = [item for item in group if item.deadline > self.clock()]
            if not in_time:
                continue
            answer = self.sender.send(
                self.credentials,
                in_time[0].integration_version,
                [item.enrichment for item in in_time],
            )
            if not self._note(in_time, answer, isolation):
                return False
        if isolation.is_given_up:
            self._give_up()
            return False
        return True

    def _note(self, group: Sequence[Due], answer: Answer, isolation: Isolation[Due]) -> bool:
        """Write down the answer to one group; whether to go on."""
        now = self.clock()
        batch = self._batch(group, answer, now)
        self.report.batches += 1
        log.info(
            "batch",
            project_id=batch.project_id,
            run_id=batch.run_id,
            batch_id=batch.batch_id,
            size=batch.size,
            outcome=batch.outcome,
            status=batch.status,
            milliseconds=batch.milliseconds,
        )
        culprit = isolation.refused(group) if answer.outcome is Outcome.REJECTED else None
        with self.database.write() as connection:
            leases.hold(connection, self.lease, now)
            runs.note_batch(connection, batch)
            if answer.outcome is Outcome.ACCEPTED:
                deliveries.mark_accepted(connection, batch.project_id, group, batch.batch_id, now)
            elif answer.outcome is Outcome.LATER:
                until = now + timedelta(seconds=answer.retry_after or 0)
                deliveries.postpone(
                    connection,
                    batch.project_id,
                    group,
                    until=until,
                    message=answer.message,
                    now=now,
                )
            elif culprit is not None:
                deliveries.mark_rejected(
                    connection,
                    batch.project_id,
                    culprit,
                    batch_id=batch.batch_id,
                    message=answer.message,
                    now=now,
                )
        return self._go_on(group, answer)

    def _batch(self, group: Sequence[Due], answer: Answer, now: datetime) -> runs.Batch:
        return runs.Batch(
            project_id=self.lease.project_id,
            batch_id=runs.new_id(),
            run_id=self.run_id,
            sent_at=now - timedelta(milliseconds=answer.milliseconds),
            integration_version=group[0].integration_version,
            size=len(group),
            outcome=answer.outcome.value,
            status=answer.status,
            message=answer.message,
            milliseconds=answer.milliseconds,
        )

    def _go_on(self, group: Sequence[Due], answer: Answer) -> bool:
        match answer.outcome:
            case Outcome.ACCEPTED:
                self.report.accepted += len(group)
                self.progress.advance(len(group))
            case Outcome.REJECTED:
                if len(group) == 1:
                    self.report.rejected += 1
                    self.progress.advance(1)
            case Outcome.LATER:
                self.report.outcome = ProjectOutcome.LATER
                self.report.message = (
                    f"the API is not to be had now ({answer.message}); what is pending stays so "
                    "and is sent by the next run"
                )
                return False
            case Outcome.BAD_VERSION:
                version = group[0].integration_version
                self.report.outcome = ProjectOutcome.PROBLEM
                self.report.message = (
                    f"Contentsquare does not know integration version {version} of this "
                    "installation; nothing was refused. Have the version registered, or go back: "
                    f"collector installation edit {self.lease.project_id} --integration-version N"
                )
                return False
        return True

    def _give_up(self) -> None:
        """Too much of one batch was refused to blame single enrichments."""
        project_id = self.lease.project_id
        self.report.outcome = ProjectOutcome.PROBLEM
        self.report.message = (
            "the API refuses so many enrichments of one batch that the cause is no single record; "
            "the installation is paused. Compare the definition with the registered schema "
            f"(collector integration check), then: collector installation resume {project_id}"
        )
        with self.database.write() as connection:
            leases.hold(connection, self.lease, self.clock())
            installations.edit(connection, project_id, {"paused": True}, self.clock())
