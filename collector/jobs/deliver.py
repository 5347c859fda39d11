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

#: Longer than the client spends on one batch. A session that has become too old is answered 200
#: all the same, so that what is sent at the last moment could be called accepted and be lost.
MARGIN = timedelta(minutes=5)

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
            wait = deliveries.send_after(connection, project_id)
            total = deliveries.count_due(connection, project_id, self.clock(), margin=MARGIN)
        if wait is not None and self.clock() < wait and total:
            self._wait_on(wait)
            return
        self.progress.begin("sending", total)
        while not self.stopping():
            with self.database.read() as connection:
                batch = deliveries.due(
                    connection, project_id, self.clock(), limits.MAX_BATCH, margin=MARGIN
                )
            if not batch or not self._send_isolating(batch):
                return

    def _send_isolating(self, batch: Sequence[Due]) -> bool:
        """Send one batch, searching what is refused; whether to go on with the next one."""
        isolation = Isolation(batch)
        refusals: dict[str, runs.Batch] = {}
        go_on = True
        while go_on and (group := isolation.next_group()):
            # Renewed here so that the lease outlives the request; checked again when writing.
            with self.database.write() as connection:
                leases.hold(connection, self.lease, self.clock())
                paused = installations.get(connection, self.lease.project_id).paused
            if paused:
                go_on = self._stop_paused()
                break
            if min(item.deadline for item in group) <= self.clock() + MARGIN:
                break  # retries took long; what is too late now is left out of the next batch
            answer = self.sender.send(
                self.credentials,
                group[0].integration_version,
                [item.enrichment for item in group],
            )
            sent = self._note(group, answer)
            if answer.outcome is Outcome.ACCEPTED:
                isolation.accepted(group)
            elif answer.outcome is Outcome.REJECTED:
                isolation.refused(group)
                refusals[group[0].call_id] = sent
            else:
                go_on = self._stop(group, answer)
        if isolation.is_given_up:
            self._give_up()
            return False
        self._blame([(culprit, refusals[culprit.call_id]) for culprit in isolation.culprits])
        return go_on

    def _note(self, group: Sequence[Due], answer: Answer) -> runs.Batch:
        """Write down the answer to one group and what it means for its calls."""
        now = self.clock()
        batch = self._batch(group, answer, now)
        with self.database.write() as connection:
            leases.hold(connection, self.lease, now)
            runs.note_batch(connection, batch)
            if answer.outcome is Outcome.ACCEPTED:
                deliveries.mark_accepted(connection, batch.project_id, group, batch.batch_id, now)
            elif answer.outcome is Outcome.LATER:
                deliveries.postpone(
                    connection,
                    batch.project_id,
                    group,
                    until=now + timedelta(seconds=answer.retry_after)
                    if answer.retry_after
                    else None,
                    message=answer.message,
                    now=now,
                )
        self.report.batches += 1
        if answer.outcome is Outcome.ACCEPTED:
            self.report.accepted += len(group)
            self.progress.advance(len(group))
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
        return batch

    def _blame(self, culprits: Sequence[tuple[Due, runs.Batch]]) -> None:
        """Mark what was refused alone; only once it is clear that the batch was not at fault."""
        if not culprits:
            return
        now = self.clock()
        with self.database.write() as connection:
            leases.hold(connection, self.lease, now)
            for culprit, batch in culprits:
                deliveries.mark_rejected(
                    connection,
                    batch.project_id,
                    culprit,
                    batch_id=batch.batch_id,
                    message=batch.message,
                    now=now,
                )
        self.report.rejected += len(culprits)
        self.progress.advance(len(culprits))

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

    def _stop(self, group: Sequence[Due], answer: Answer) -> bool:
        """Explain an answer after which nothing more is sent; always False: do not go on."""
        if answer.outcome is Outcome.LATER:
            self.report.outcome = ProjectOutcome.LATER
            self.report.message = (
                f"the API is not to be had now ({answer.message}); what is pending stays so and is "
                "sent by the next run"
            )
        else:
            self.report.outcome = ProjectOutcome.PROBLEM
            self.report.message = (
                f"Contentsquare does not know integration version {group[0].integration_version} "
                "of this installation; no enrichment was blamed. Have the version registered, or "
                f"go back: collector installation edit {self.lease.project_id} "
                "--integration-version N"
            )
        return False

    def _wait_on(self, until: datetime) -> None:
        self.report.outcome = ProjectOutcome.LATER
        self.report.message = (
            f"the API has asked to be left alone until {until:%Y-%m-%d %H:%M:%S} UTC; what is "
            "pending is sent by the first run after that. To ask it now: "
            f"collector installation resume {self.lease.project_id}"
        )

    def _stop_paused(self) -> bool:
        """The operator paused the installation during the run; always False: do not go on."""
        self.report.outcome = ProjectOutcome.PAUSED
        self.report.message = "paused meanwhile, the rest was not sent"
        return False

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
