"""Sends what is pending, earliest deadline first, and writes down every answer.

Before each request the lease is renewed and what is sent is marked as in doubt; after it the
answer and the verdicts are written in one transaction under the lease. A crash in between repeats
the request, which overwrites the same enrichments with the same content: at least once, and by
overwriting effectively once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Protocol

import structlog

from collector.contentsquare import Answer, Credentials, Outcome
from collector.domain import limits
from collector.domain.batching import CANARY, Isolation
from collector.domain.enrichment import Enrichment
from collector.domain.installation import Installation
from collector.errors import ContentsquareError
from collector.jobs import sentences
from collector.jobs.blame import Blame
from collector.jobs.progress import Progress
from collector.jobs.report import ProjectOutcome, ProjectReport
from collector.storage import deliveries, installations, leases, outbox, runs
from collector.storage.database import Connection, Database
from collector.storage.leases import Lease
from collector.storage.outbox import Due

#: Longer than the client spends on one batch. A session that has become too old is answered 200
#: all the same, so that what is sent at the last moment could be called accepted and be lost.
MARGIN = timedelta(minutes=5)

log = structlog.get_logger(__name__)


class Begin(Enum):
    """Whether a request may begin."""

    SEND = auto()
    STOP = auto()
    ANEW = auto()  #: no, but another batch may be put together


class Sender(Protocol):
    """The part of the API's client that delivery needs."""

    def send(
        self,
        credentials: Credentials,
        integration_version: int,
        enrichments: Sequence[Enrichment],
        begun: float,
    ) -> Answer: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """One installation's delivery in one run. ``monotonic`` is the clock of ``sender``, too."""

    database: Database
    sender: Sender
    credentials: Credentials
    integration_version: int
    lease: Lease
    run_id: str
    report: ProjectReport
    progress: Progress
    clock: Callable[[], datetime]
    monotonic: Callable[[], float]
    stopping: Callable[[], bool]

    def run(self) -> None:
        """Send batches until nothing is due, the API is not to be had, or a person is needed.

        Raises:
            ContentsquareError: the API refuses in a way that blames no enrichment.
            LeaseLostError: another worker has taken over.
        """
        project_id = self.lease.project_id
        with self.database.read() as connection:
            wait = outbox.send_after(connection, project_id)
            total = outbox.count_due(
                connection, project_id, self.integration_version, self.clock(), margin=MARGIN
            )
        if wait is not None and self.clock() < wait and total:
            self._end(ProjectOutcome.LATER, sentences.asked_to_wait(project_id, wait))
            return
        self.progress.begin("sending", total)
        while not self.stopping():
            with self.database.read() as connection:
                installation = installations.find(connection, project_id)
                batch = self._next(connection, installation) if installation else []
            # If it was removed meanwhile, nothing of it is left to send.
            if installation is None or not self._is_current(installation) or not batch:
                return
            if not self._send_isolating(batch, installation):
                return

    def _next(self, connection: Connection, installation: Installation) -> list[Due]:
        """A few as a canary, while nothing shows that the version is registered as we know it."""
        return outbox.next_due(
            connection,
            installation.project_id,
            self.integration_version,
            self.clock(),
            limits.MAX_BATCH if installation.is_proven else CANARY,
            margin=MARGIN,
            canary=not installation.is_proven,
        )

    def _send_isolating(self, batch: Sequence[Due], installation: Installation) -> bool:
        """Send one batch, searching what is refused; whether to go on with the next one."""
        isolation = Isolation(batch, refused_in_row=installation.refused_in_row)
        refusals: dict[str, runs.Batch] = {}
        begin, go_on = Begin.SEND, True
        while go_on and (group := isolation.next_group()):
            begun = self.monotonic()
            begin = self._begin(group)
            if begin is not Begin.SEND:
                go_on = begin is Begin.ANEW
                break
            answer = self._send(group, begun)
            sent = self._note(group, answer)
            if answer.outcome is Outcome.ACCEPTED:
                isolation.accepted(group)
            elif answer.outcome is Outcome.REJECTED:
                isolation.refused(_in_doubt_from(group, sent) if answer.in_doubt else group)
                refusals[group[0].call_id] = sent
            else:
                go_on = self._stop(answer)
        blame = Blame(
            database=self.database,
            lease=self.lease,
            report=self.report,
            progress=self.progress,
            clock=self.clock,
        )
        tried = batch if begin is Begin.SEND and go_on else None
        return blame.conclude(isolation, refusals, installation, tried) and go_on

    def _begin(self, group: Sequence[Due]) -> Begin:
        """Renew the lease, so that it outlives the request, and note what will be in doubt."""
        now = self.clock()
        with self.database.write() as connection:
            leases.hold(connection, self.lease, now)
            installation = installations.get(connection, self.lease.project_id)
            if installation.paused:
                self._end(ProjectOutcome.PAUSED, sentences.PAUSED_MEANWHILE)
                return Begin.STOP
            if not self._is_current(installation):
                return Begin.STOP
            # Retries take time. What is left out now is not in the next batch.
            too_late = min(item.deadline for item in group) <= now + MARGIN
            if too_late or outbox.is_outdated(connection, self.lease.project_id, group):
                return Begin.ANEW
            deliveries.mark_begun(connection, self.lease.project_id, group, now)
        return Begin.SEND

    def _is_current(self, installation: Installation) -> bool:
        """Whether it is still the integration, on the version, that this run has built for."""
        version, credentials = installation.integration_version, self.credentials
        if version != self.integration_version:
            self._end(ProjectOutcome.LATER, sentences.moved_meanwhile(version))
            return False
        if (installation.integration_id, installation.client_id) != (
            credentials.integration_id,
            credentials.client_id,
        ):
            self._end(ProjectOutcome.LATER, sentences.EDITED_MEANWHILE)
            return False
        return True

    def _send(self, group: Sequence[Due], begun: float) -> Answer:
        try:
            return self.sender.send(
                self.credentials,
                self.integration_version,
                [item.enrichment for item in group],
                begun,
            )
        except ContentsquareError as error:
            if not error.in_doubt:
                with self.database.write() as connection:
                    leases.hold(connection, self.lease, self.clock())
                    deliveries.mark_unstored(connection, self.lease.project_id, group)
            raise

    def _note(self, group: Sequence[Due], answer: Answer) -> runs.Batch:
        """Write down the answer to one group and what it means for its calls."""
        now = self.clock()
        batch = self._batch(group, answer, now)
        with self.database.write() as connection:
            leases.hold(connection, self.lease, now)
            runs.note_batch(connection, batch)
            self._apply(connection, group, answer, batch.batch_id, now)
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

    def _apply(
        self,
        connection: Connection,
        group: Sequence[Due],
        answer: Answer,
        batch_id: str,
        now: datetime,
    ) -> None:
        project_id = self.lease.project_id
        if answer.outcome is Outcome.ACCEPTED:
            deliveries.mark_accepted(
                connection,
                project_id,
                group,
                in_doubt=answer.in_doubt,
                batch_id=batch_id,
                now=now,
            )
            installations.note_accepted(
                connection,
                project_id,
                self.credentials.integration_id,
                self.integration_version,
            )
            return
        if answer.in_doubt:
            deliveries.mark_begun(connection, project_id, group, now)
        else:
            deliveries.mark_unstored(connection, project_id, group)
        if answer.outcome is Outcome.LATER:
            deliveries.postpone(connection, project_id, group, message=answer.message, now=now)
            # The server asks the sender to wait, not the enrichments that were in the batch.
            if answer.retry_after:
                until = now + timedelta(seconds=answer.retry_after)
                outbox.wait_until(connection, project_id, until)

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

    def _stop(self, answer: Answer) -> bool:
        """An answer after which nothing more is sent; always False: do not go on."""
        if answer.outcome is Outcome.LATER:
            self._end(ProjectOutcome.LATER, sentences.not_to_be_had(answer.message))
        else:
            project_id, version = self.lease.project_id, self.integration_version
            self._end(ProjectOutcome.PROBLEM, sentences.not_registered(project_id, version))
        return False

    def _end(self, outcome: ProjectOutcome, message: str) -> None:
        self.report.outcome, self.report.message = outcome, message


def _in_doubt_from(group: Sequence[Due], sent: runs.Batch) -> list[Due]:
    """The group as it stands after a request that was not answered at first."""
    return [
        replace(item, doubtful_revision=item.revision, doubtful_since=sent.sent_at)
        for item in group
    ]
