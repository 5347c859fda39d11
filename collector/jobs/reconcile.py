"""The scheduled job: join calls to sessions, build and number enrichments, deliver them."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Event, Lock

from collector.contentsquare import Credentials
from collector.domain import limits
from collector.domain.callers import CallerHash
from collector.domain.definition import Definition, IntegrationVersion
from collector.domain.installation import Installation
from collector.errors import (
    CollectorError,
    ContentsquareError,
    LeaseLostError,
    SecretError,
    UnavailableError,
)
from collector.jobs import sentences
from collector.jobs.deliver import Delivery, Sender
from collector.jobs.examine import Examiner
from collector.jobs.pages import Pages
from collector.jobs.progress import Progress, Unwatched
from collector.jobs.pull import Pull
from collector.jobs.report import ProjectOutcome, ProjectReport, RunReport
from collector.logs import Logger
from collector.storage import (
    candidates,
    examining,
    expiring,
    funnel,
    installations,
    leases,
    outbox,
    pulls,
    refusals,
    runs,
)
from collector.storage.database import Connection, Database
from collector.storage.leases import Lease
from collector.storage.secrets import SecretBox

log = Logger(__name__)

#: How far back newly seen keys are looked at again: longer than a beacon takes to be stored.
OVERLAP = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """Everything a run needs. ``stopping`` is asked between pages and batches.

    ``monotonic`` has to be the clock of ``sender``, too. ``calls_url`` stands in for the URL of
    the provider's own database that the definition names. ``connections`` are those of ``sender``;
    as many installations are worked on at once, of which one is being matched and the others
    deliver.
    """

    database: Database
    definition: Definition
    sender: Sender
    secrets: SecretBox
    caller_hash: CallerHash | None = None
    calls_url: str | None = None
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic
    stopping: Callable[[], bool] = lambda: False
    progress: Progress = field(default_factory=Unwatched)
    refused_for: timedelta = refusals.KEPT_FOR  #: so long refused records are kept
    connections: int = 1
    connections_per_installation: int = 1
    _matching: Lock = field(default_factory=Lock, init=False)

    def run(self, project_id: int | None = None) -> RunReport:
        """Reconcile one project, or all; one installation's trouble stops no other.

        Raises:
            NotFoundError: the project has no installation.
            DatabaseUnavailableError: what was written before stays; the next run goes on.
        """
        run_id = runs.new_id()
        with self.database.write() as connection:
            to_do = chosen(connection, project_id)
            runs.close_interrupted(connection, self.clock())
            runs.start(connection, run_id, "reconcile", self.clock())
        reports = self._reconcile_all(run_id, to_do)
        with self.database.read() as connection:
            report = RunReport(
                run_id=run_id,
                dry_run=False,
                funnel=funnel.count(connection, project_id),
                projects=reports,
            )
        with self.database.write() as connection:
            runs.finish(
                connection,
                run_id,
                outcome="attention" if report.attention else "done",
                counts={"projects": [project.as_json() for project in reports]},
                now=self.clock(),
            )
        return report

    def _reconcile_all(self, run_id: str, to_do: Sequence[Installation]) -> list[ProjectReport]:
        """Their reports, in their order; what failed for good ends the run for the others too."""
        failed = Event()

        def reconcile(installation: Installation) -> ProjectReport | None:
            if failed.is_set() or self.stopping():
                return None
            try:
                return self._reconcile(run_id, installation)
            except BaseException:
                failed.set()
                raise

        with ThreadPoolExecutor(min(self.connections, len(to_do)) or 1) as threads:
            return [report for report in threads.map(reconcile, to_do) if report]

    def _reconcile(self, run_id: str, installation: Installation) -> ProjectReport:
        # One installation is matched at a time: that is work for a processor and the database,
        # while the others wait for answers.
        with ExitStack() as matching:
            matching.enter_context(self._matching)
            return self._reconcile_in_turn(run_id, installation, matching)

    def _reconcile_in_turn(
        self, run_id: str, installation: Installation, matching: ExitStack
    ) -> ProjectReport:
        report = ProjectReport(project_id=installation.project_id, name=installation.name)
        owner = f"{socket.gethostname()[:50]}:{os.getpid()}:{run_id}"
        with self.database.write() as connection:
            lease = leases.take(connection, installation.project_id, owner, self.clock())
            # What an operator changed since the run began holds from here on.
            installation = installations.find(connection, installation.project_id) or installation
        if lease is None:
            report.outcome = ProjectOutcome.BUSY
            report.message = (
                "another worker is at it, or was killed less than five minutes ago; nothing was "
                "done here"
            )
            return report
        try:
            self._attempt(run_id, installation, lease, report, matching)
            self._close(lease, report)
        except LeaseLostError as error:
            report.outcome, report.message = ProjectOutcome.BUSY, _clause(error)
        return report

    def _attempt(
        self,
        run_id: str,
        installation: Installation,
        lease: Lease,
        report: ProjectReport,
        matching: ExitStack,
    ) -> None:
        """Do the work, and turn what can go wrong for one installation into its outcome."""
        try:
            version = self._match(installation, lease, report)
            matching.close()
            if version is not None:
                self._deliver(run_id, installation, version, lease, report)
        except UnavailableError as error:
            report.end(ProjectOutcome.LATER, f"{_clause(error)}; the rest waits for the next run")
            self._wait(lease, error.retry_after)
        except (ContentsquareError, SecretError) as error:
            report.end(ProjectOutcome.PROBLEM, _clause(error))
        except CollectorError:
            raise  # the lease or the database: this run is over, and the next one goes on
        except Exception as error:
            # Unforeseen, so of this installation alone until shown otherwise.
            log.exception("installation_failed", project_id=lease.project_id, run_id=run_id)
            report.outcome = ProjectOutcome.PROBLEM
            report.message = f"an error nobody foresaw ({type(error).__name__}); see the log"

    def _close(self, lease: Lease, report: ProjectReport) -> None:
        with self.database.write() as connection:
            # Paused or not to be had, nothing has shown that the last problem is gone.
            if report.outcome in {ProjectOutcome.DONE, ProjectOutcome.PROBLEM}:
                problem = report.message if report.outcome is ProjectOutcome.PROBLEM else None
                installations.note_problem(connection, lease.project_id, problem)
            if self.definition.sql is None:
                pulls.forget_problem(connection, lease.project_id)
            leases.release(connection, lease)
            refusals.drop_old(connection, lease.project_id, self.clock() - self.refused_for)

    def _deliver(
        self,
        run_id: str,
        installation: Installation,
        version: IntegrationVersion,
        lease: Lease,
        report: ProjectReport,
    ) -> None:
        if installation.paused:
            report.outcome = ProjectOutcome.PAUSED
            report.message = (
                "paused, nothing was sent; go on with: "
                f"collector installation resume {installation.project_id}"
            )
            return
        Delivery(
            database=self.database,
            sender=self.sender,
            credentials=self._credentials(installation),
            integration_version=version.number,
            lease=lease,
            run_id=run_id,
            report=report,
            progress=self.progress,
            clock=self.clock,
            monotonic=self.monotonic,
            stopping=self.stopping,
            connections=min(self.connections, self.connections_per_installation),
        ).run()
        self._expire(lease, report)

    def _match(
        self, installation: Installation, lease: Lease, report: ProjectReport
    ) -> IntegrationVersion | None:
        """Bring everything to where it can be sent; None if that cannot be."""
        self._pull(installation, lease, report)
        version = self.definition.versions.get(installation.integration_version)
        if version is None:
            report.outcome = ProjectOutcome.PROBLEM
            report.message = sentences.version_not_defined(installation, self.definition)
            return None
        self._revive(lease, report)
        self._examine(Examiner(installation.project_id, self.definition, version), lease, report)
        self._expire(lease, report)
        return version

    def _wait(self, lease: Lease, seconds: float | None) -> None:
        """The API has asked not to be asked before."""
        if seconds:
            with self.database.write() as connection:
                leases.hold(connection, lease, self.clock())
                until = self.clock() + timedelta(seconds=seconds)
                outbox.wait_until(connection, lease.project_id, until)

    def _pull(self, installation: Installation, lease: Lease, report: ProjectReport) -> None:
        if self.definition.sql is not None:
            Pull(
                database=self.database,
                definition=self.definition,
                source=self.definition.sql,
                url=self.calls_url,
                secrets=self.secrets,
                caller_hash=self.caller_hash,
                installation=installation,
                lease=lease,
                report=report,
                progress=self.progress,
                clock=self.clock,
                stopping=self.stopping,
            ).run()

    def _revive(self, lease: Lease, report: ProjectReport) -> None:
        """A key seen of late may be the one that an unmatched call has waited for."""
        now, project_id = self.clock(), lease.project_id
        rules = self.definition.matching_of(project_id)
        found: list[str] = []
        # Asked before the transaction that writes: beacons need not wait for it.
        with self.database.read() as connection:
            since = runs.searched_until(connection, project_id)
            oldest = now - limits.ENRICHABLE_FOR - rules.skew
            if since is not None:
                # In the future it was noted by a clock that was wrong.
                since = oldest if since > now + OVERLAP else since - OVERLAP
                found = candidates.revivable(
                    connection, project_id, rules, since=since, started_after=oldest
                )
        with self.database.write() as connection:
            leases.hold(connection, lease, now)
            candidates.revive(connection, project_id, found)
            runs.note_searched(connection, project_id, now)
        report.revived = len(found)

    def _examine(self, examiner: Examiner, lease: Lease, report: ProjectReport) -> None:
        with self.database.read() as connection:
            total = examining.count_to_examine(connection, lease.project_id)
        self.progress.begin("matching", total)
        if not total:
            return
        with Pages(self.database, examiner, lease, self.clock) as pages:
            while not self.stopping() and (plan := pages.write_next()):
                report.decided.update(plan.verdicts())
                self.progress.advance(len(plan.decisions))

    def _expire(self, lease: Lease, report: ProjectReport) -> None:
        with self.database.read() as connection:
            if not expiring.is_any_overdue(connection, lease.project_id, self.clock()):
                return
        with self.database.write() as connection:
            leases.hold(connection, lease, self.clock())
            report.expired += expiring.expire(connection, lease.project_id, self.clock())

    def _credentials(self, installation: Installation) -> Credentials:
        with self.database.read() as connection:
            sealed = installations.sealed_secret(connection, installation.project_id)
        return Credentials(
            project_id=installation.project_id,
            integration_id=installation.integration_id,
            client_id=installation.client_id,
            client_secret=self.secrets.open(sealed),
        )


def chosen(connection: Connection, project_id: int | None) -> list[Installation]:
    """The installation of one project, or all of them.

    Raises:
        NotFoundError: the project has none.
    """
    if project_id is None:
        return installations.list_all(connection)
    return [installations.get(connection, project_id)]


def _clause(error: Exception) -> str:
    """What an error says, to stand within a sentence."""
    return str(error).rstrip(".")
