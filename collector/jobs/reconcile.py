"""The scheduled job: join calls to sessions, build and number enrichments, deliver them."""

from __future__ import annotations

import os
import socket
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Event, Lock

from collector import logs
from collector.domain.callers import CallerHash
from collector.domain.definition import Definition
from collector.domain.installation import Installation
from collector.domain.retention import Retention
from collector.errors import LeaseLostError
from collector.jobs import sentences
from collector.jobs.deliver import Sender
from collector.jobs.progress import Progress, Unwatched
from collector.jobs.purge import Purger
from collector.jobs.report import ProjectOutcome, ProjectReport, RunReport
from collector.jobs.turn import Turn
from collector.logs import Logger
from collector.storage import funnel, installations, leases, refusals, runs
from collector.storage.database import Connection, Database
from collector.storage.secrets import SecretBox

log = Logger(__name__)


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
    retention: Retention | None = None  #: None leaves what is old to others
    purge_seconds: float = 0  #: so long a run may remove what is old, of each installation
    connections: int = 1
    connections_per_installation: int = 1
    _matching: Lock = field(default_factory=Lock, init=False)

    def purger(self, retention: Retention) -> Purger:
        """Removes what is old, from now on for as long as a run may."""
        until = self.monotonic() + self.purge_seconds
        return Purger(
            database=self.database,
            retention=retention,
            over=lambda: self.stopping() or self.monotonic() >= until,
            clock=self.clock,
            monotonic=self.monotonic,
        )

    def run(self, project_id: int | None = None) -> RunReport:
        """Reconcile one project, or all; one installation's trouble stops no other.

        Raises:
            NotFoundError: the project has no installation.
            DatabaseUnavailableError: what was written before stays; the next run goes on.
        """
        run_id = runs.new_id()
        with logs.carrying(run_id=run_id):
            return self._run(run_id, project_id)

    def _run(self, run_id: str, project_id: int | None) -> RunReport:
        begun = self.monotonic()
        with self.database.write() as connection:
            to_do = chosen(connection, project_id)
            runs.close_interrupted(connection, self.clock())
            runs.start(connection, run_id, "reconcile", self.clock())
        log.debug("run_started", installations=len(to_do))
        reports = self._reconcile_all(run_id, to_do)
        if project_id is None and self.retention is not None:
            self._purge_others(self.retention)
        with self.database.read() as connection:
            report = RunReport(
                run_id=run_id,
                dry_run=False,
                funnel=funnel.count(connection, project_id),
                projects=reports,
            )
        outcome = "attention" if report.attention else "done"
        with self.database.write() as connection:
            runs.finish(
                connection,
                run_id,
                outcome=outcome,
                counts={"projects": [project.as_json() for project in reports]},
                now=self.clock(),
            )
        _log_run(reports, outcome, milliseconds=round((self.monotonic() - begun) * 1000))
        return report

    def _purge_others(self, retention: Retention) -> None:
        removed: Counter[str] = Counter()
        self.purger(retention).others(removed)
        if removed.total():
            log.info("purged", **removed)

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
        ids = {"run_id": run_id, "project_id": installation.project_id}
        with logs.carrying(**ids), ExitStack() as matching:
            matching.enter_context(self._matching)
            report = self._reconcile_in_turn(run_id, installation, matching)
            _log_finished(report)
            return report

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
            turn = Turn(
                job=self, run_id=run_id, installation=installation, lease=lease, report=report
            )
            turn.take(matched=matching.close)
            turn.purge()
            turn.close()
        except LeaseLostError as error:
            log.warning("lease_lost")
            report.outcome, report.message = ProjectOutcome.BUSY, sentences.clause(error)
        return report


def _log_run(reports: Sequence[ProjectReport], outcome: str, *, milliseconds: int) -> None:
    """Tell how it went: what has found nothing to do is told to nobody who has not asked."""
    counted: Counter[str] = Counter()
    for report in reports:
        counted.update(report.counted())
    write = log.debug if all(report.is_idle for report in reports) else log.info
    write(
        "run_finished",
        outcome=outcome,
        installations=len(reports),
        **counted,
        milliseconds=milliseconds,
    )


def _log_finished(report: ProjectReport) -> None:
    """The same of one installation, and why it did not go well, if it did not."""
    write = log.debug if report.is_idle else log.info
    if report.attention:
        write = log.warning
    message = report.message or (report.pulled and report.pulled.problem)
    write(
        "installation_finished",
        outcome=report.outcome.value,
        **({"message": message} if message else {}),
        **report.counted(),
    )


def chosen(connection: Connection, project_id: int | None) -> list[Installation]:
    """The installation of one project, or all of them.

    Raises:
        NotFoundError: the project has none.
    """
    if project_id is None:
        return installations.list_all(connection)
    return [installations.get(connection, project_id)]
