"""Sends what is pending, earliest deadline first, and writes down every answer.

One thread thinks, the others only post. In one transaction under the lease it writes down the
answers that have come, and marks as in doubt what is to be sent next: so the lease outlives every
request in flight, and a crash repeats requests, which overwrite the same enrichments with the same
content: at least once, and by overwriting effectively once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from collector.contentsquare import Answer, Credentials, Outcome
from collector.domain.batching import Isolation, Row
from collector.domain.enrichment import Enrichment
from collector.domain.installation import Installation
from collector.domain.ledger import MARGIN
from collector.errors import ContentsquareError, UnavailableError
from collector.jobs import sentences
from collector.jobs.blame import Blame, Blamed, Search
from collector.jobs.noting import Group, Notes, in_doubt_from, log_noted
from collector.jobs.posting import Posted, Posting
from collector.jobs.progress import Progress
from collector.jobs.report import ProjectOutcome, ProjectReport
from collector.jobs.supply import Supply
from collector.logs import Logger
from collector.storage import deliveries, installations, leases, outbox, runs
from collector.storage.database import Connection, Database
from collector.storage.leases import Lease
from collector.storage.outbox import Due

#: So many groups are begun in one transaction at most: the first ones need not wait for the rest.
AT_ONCE = 2

log = Logger(__name__)


class Sender(Protocol):
    """The part of the API's client that delivery needs; called by several threads at once."""

    def send(
        self,
        credentials: Credentials,
        integration_version: int,
        enrichments: Sequence[Enrichment],
        begun: float,
    ) -> Answer: ...


@dataclass(kw_only=True, slots=True)
class Delivery:
    """One installation's delivery in one run, to be run once.

    ``monotonic`` is the clock of ``sender``, too; at most ``connections`` requests are in flight.
    """

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
    connections: int = 1

    _supply: Supply = field(init=False)
    _row: Row = field(init=False, default_factory=Row)
    #: Batches of which something was refused, and whose next group can be sent.
    _ready: deque[Search] = field(init=False, default_factory=deque)
    #: How many batches are on their way, the ready ones included.
    _open: int = field(init=False, default=0)
    #: A canary is no part of the supply's order, so nothing else is taken before it is done.
    _is_canary_open: bool = field(init=False, default=False)
    #: Nothing can begin before an answer comes; or nothing will any more.
    _blocked: bool = field(init=False, default=False)
    _over: bool = field(init=False, default=False)
    _errors: list[Exception] = field(init=False, default_factory=list)
    #: Who is blamed in the transaction that is under way.
    _blamed: Blamed = field(init=False, default_factory=Blamed)

    def __post_init__(self) -> None:
        self._supply = Supply(
            self.database,
            self.lease.project_id,
            self.integration_version,
            margin=MARGIN,
            ahead=self.connections > 1,
        )

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
            self.report.end(ProjectOutcome.LATER, sentences.asked_to_wait(project_id, wait))
            return
        self.progress.begin("sending", total)
        if not total:
            return
        with (
            closing(self._supply),
            Posting(self._post, self.connections, self.stopping) as posting,
        ):
            while self._turn(posting):
                pass
        if self._errors:
            # What a person has to look at comes before what the next run may find well again.
            raise min(self._errors, key=lambda error: isinstance(error, UnavailableError))

    def _post(self, group: Group) -> Answer:
        enrichments = [item.enrichment for item in group.items]
        return self.sender.send(
            self.credentials, self.integration_version, enrichments, group.begun
        )

    def _turn(self, posting: Posting[Group]) -> bool:
        """Write down what has come, and begin what comes next; whether there is more to come."""
        posted = posting.collect(wait=not self._may_begin(posting))
        self._note_pace(posting)
        self._over = self._over or self.stopping()
        begun, now = self.monotonic(), self.clock()
        groups: list[Group] = []
        self._blamed = Blamed()
        with self.database.write() as connection:
            leases.hold(connection, self.lease, now)
            batches = [self._learn(connection, one, now) for one in posted]
            if posted and (self._ready or not self._open or not self._supply.is_at_end):
                self._blocked = False
            if self._may_begin(posting):
                groups = self._begin(connection, min(AT_ONCE, posting.room), begun, now)
            if self._over:
                self._end(connection, posting.take_back(), now)
        posting.put(groups)
        log_noted(batches, self._blamed)
        return not posting.is_empty or self._may_begin(posting)

    def _may_begin(self, posting: Posting[Group]) -> bool:
        return not (self._over or self._blocked) and posting.room > 0

    def _learn(
        self, connection: Connection, posted: Posted[Group], now: datetime
    ) -> runs.Batch | None:
        """Write down one answer, and what it means for the batch that its group is part of."""
        group, answer, batch = posted.group, posted.answer, None
        isolation = group.search.isolation
        if isinstance(answer, Exception):
            self._errors.append(answer)
            self._over = True
            if isinstance(answer, ContentsquareError) and not answer.in_doubt:
                deliveries.mark_unstored(connection, self.lease.project_id, group.items)
        else:
            is_news = not group.search.installation.is_proven or self._row.refused > 0
            batch = self._notes(now).write(connection, group.items, answer, is_news=is_news)
            if answer.outcome is Outcome.ACCEPTED:
                isolation.accepted(group.items)
                self.report.accepted += len(group.items)
                self.progress.advance(len(group.items))
            elif answer.outcome is Outcome.REJECTED:
                items = group.items
                isolation.refused(in_doubt_from(items, batch) if answer.in_doubt else items)
                group.search.refusals[items[0].call_id] = batch
            else:
                self._stop(answer)
        if isolation.next_group():
            self._ready.append(group.search)
        else:
            self._conclude(connection, group.search, now, is_complete=True)
        return batch

    def _begin(
        self, connection: Connection, number: int, begun: float, now: datetime
    ) -> list[Group]:
        """The groups to send next, so many at most, marked as in doubt."""
        installation = installations.get(connection, self.lease.project_id)
        if not self._may_send(installation):
            self._over = True
            return []
        groups: list[Group] = []
        while len(groups) < number and (
            search := self._next_part(connection, now)
            or self._next_batch(connection, installation, now)
        ):
            items = search.isolation.next_group()
            groups.append(Group(search=search, items=items, begun=begun))
        # What comes next depends on an answer.
        self._blocked = len(groups) < number or (self._supply.is_at_end and not self._ready)
        return groups

    def _next_part(self, connection: Connection, now: datetime) -> Search | None:
        """A batch of which something was refused, with the next part of it begun."""
        while self._ready:
            search = self._ready.popleft()
            group = search.isolation.next_group()
            # Retries take time. What is left out now is due again, but for what is outdated.
            too_late = min(item.deadline for item in group) <= now + MARGIN
            if not too_late and not outbox.is_outdated(connection, self.lease.project_id, group):
                deliveries.mark_begun(connection, self.lease.project_id, group, now)
                return search
            self._conclude(connection, search, now, is_complete=False)
        return None

    def _next_batch(
        self, connection: Connection, installation: Installation, now: datetime
    ) -> Search | None:
        """A new batch, begun: the next of what is due that is in no other one."""
        batch: Sequence[Due] = ()
        if installation.is_proven and not self._is_canary_open:
            batch = self._supply.take(connection, now, may_restart=not self._open)
        elif not self._open:
            # A few as a canary, while nothing shows that the version is registered as we know it.
            batch = self._supply.canary(connection, now)
            self._is_canary_open = bool(batch)
        if not batch:
            return None
        if not self._open:
            self._row.refused = installation.refused_in_row
        self._open += 1
        return Search(
            batch=batch, installation=installation, isolation=Isolation(batch, row=self._row)
        )

    def _end(self, connection: Connection, unposted: Sequence[Group], now: datetime) -> None:
        """No group begins any more. What was begun and not posted is as it was before."""
        items = [item for group in unposted for item in group.items]
        if items:
            deliveries.mark_unstored(connection, self.lease.project_id, items)
        for search in [*self._ready, *(group.search for group in unposted)]:
            self._conclude(connection, search, now, is_complete=False)
        self._ready.clear()

    def _conclude(
        self, connection: Connection, search: Search, now: datetime, *, is_complete: bool
    ) -> None:
        self._open -= 1
        self._is_canary_open = False
        blame = Blame(
            project_id=self.lease.project_id,
            report=self.report,
            progress=self.progress,
            blamed=self._blamed,
        )
        if not blame.conclude(connection, search, now, is_complete=is_complete):
            self._over = True

    def _may_send(self, installation: Installation) -> bool:
        """Whether it is still the integration, on the version, that this run has built for."""
        version, credentials = installation.integration_version, self.credentials
        if installation.paused:
            self.report.end(ProjectOutcome.PAUSED, sentences.PAUSED_MEANWHILE)
        elif version != self.integration_version:
            self.report.end(ProjectOutcome.LATER, sentences.moved_meanwhile(version))
        elif (installation.integration_id, installation.client_id) != (
            credentials.integration_id,
            credentials.client_id,
        ):
            self.report.end(ProjectOutcome.LATER, sentences.EDITED_MEANWHILE)
        else:
            return True
        return False

    def _stop(self, answer: Answer) -> None:
        """An answer after which nothing more is sent."""
        self._over = True
        if answer.outcome is Outcome.LATER:
            self.report.end(ProjectOutcome.LATER, sentences.not_to_be_had(answer.message))
        else:
            project_id, version = self.lease.project_id, self.integration_version
            self.report.end(ProjectOutcome.PROBLEM, sentences.not_registered(project_id, version))

    def _note_pace(self, posting: Posting[Group]) -> None:
        if posting.connections < (self.report.slowed_to or self.connections):
            self.report.slowed_to = posting.connections
            log.warning("slowed", connections=posting.connections)

    def _notes(self, now: datetime) -> Notes:
        return Notes(
            project_id=self.lease.project_id,
            integration_id=self.credentials.integration_id,
            integration_version=self.integration_version,
            run_id=self.run_id,
            report=self.report,
            now=now,
        )
