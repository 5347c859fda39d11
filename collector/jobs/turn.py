"""What a run does for one installation while it holds its lease: pull, match, deliver."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from collector.contentsquare import Credentials
from collector.domain import limits
from collector.domain.definition import IntegrationVersion
from collector.domain.installation import Installation
from collector.errors import CollectorError, ContentsquareError, SecretError, UnavailableError
from collector.jobs import sentences
from collector.jobs.deliver import Delivery
from collector.jobs.examine import Examiner
from collector.jobs.pages import Pages
from collector.jobs.pull import Pull
from collector.jobs.purge import under
from collector.jobs.report import ProjectOutcome, ProjectReport
from collector.logs import Logger
from collector.storage import (
    backup,
    candidates,
    examining,
    expiring,
    installations,
    leases,
    outbox,
    pulls,
    refusals,
    runs,
)
from collector.storage.leases import Lease

if TYPE_CHECKING:
    from collector.jobs.reconcile import Job

log = Logger(__name__)

#: How far back newly seen keys are looked at again: longer than a beacon takes to be stored.
OVERLAP = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """One installation's turn in a run. ``report`` is filled on the way."""

    job: Job
    run_id: str
    installation: Installation
    lease: Lease
    report: ProjectReport

    def take(self, matched: Callable[[], None]) -> None:
        """Do the work, and turn what can go wrong for this installation into its outcome.

        Args:
            matched: told when only delivery is left.

        Raises:
            LeaseLostError: another worker has taken over.
            StorageError: what was written before stays; the next run goes on.
        """
        try:
            version = self._match()
            matched()
            if version is not None:
                self._deliver(version)
        except UnavailableError as error:
            message = f"{sentences.clause(error)}; the rest waits for the next run"
            self.report.end(ProjectOutcome.LATER, message)
            self._wait(error.retry_after)
        except (ContentsquareError, SecretError) as error:
            self.report.end(ProjectOutcome.PROBLEM, sentences.clause(error))
        except CollectorError:
            raise  # the lease or the database: this run is over, and the next one goes on
        except Exception as error:
            # Unforeseen, so of this installation alone until shown otherwise.
            log.exception("installation_failed")
            self.report.outcome = ProjectOutcome.PROBLEM
            self.report.message = f"an error nobody foresaw ({type(error).__name__}); see the log"

    def purge(self) -> None:
        """Remove what is old, for as long as a run may; the rest is the next one's.

        Raises:
            LeaseLostError, StorageError: as `take`.
        """
        job, removed = self.job, self.report.purged
        if job.retention is None:
            return
        try:
            job.purger(job.retention).installation(
                self.lease.project_id, under(self.lease), removed, thorough=False
            )
        except CollectorError:
            raise
        except Exception as error:
            log.exception("installation_failed")
            self.report.end(
                ProjectOutcome.PROBLEM,
                f"what is old could not be removed ({type(error).__name__}); see the log",
            )
        if removed.total():
            log.info("purged", **removed)

    def close(self) -> None:
        """Note how it went, and give the lease back."""
        lease, report = self.lease, self.report
        with self.job.database.write() as connection:
            # Paused or not to be had, nothing has shown that the last problem is gone.
            if report.outcome in {ProjectOutcome.DONE, ProjectOutcome.PROBLEM}:
                problem = report.message if report.outcome is ProjectOutcome.PROBLEM else None
                installations.note_problem(connection, lease.project_id, problem)
            if self.job.definition.sql is None:
                pulls.forget_problem(connection, lease.project_id)
            leases.release(connection, lease)
            refusals.drop_old(connection, lease.project_id, self.job.clock() - self.job.refused_for)

    def _deliver(self, version: IntegrationVersion) -> None:
        if self.installation.paused:
            self.report.outcome = ProjectOutcome.PAUSED
            self.report.message = (
                "paused, nothing was sent; go on with: "
                f"collector installation resume {self.installation.project_id}"
            )
            return
        Delivery(
            database=self.job.database,
            sender=self.job.sender,
            credentials=self._credentials(),
            integration_version=version.number,
            lease=self.lease,
            run_id=self.run_id,
            report=self.report,
            progress=self.job.progress,
            clock=self.job.clock,
            monotonic=self.job.monotonic,
            stopping=self.job.stopping,
            connections=min(self.job.connections, self.job.connections_per_installation),
        ).run()
        self._expire()

    def _match(self) -> IntegrationVersion | None:
        """Bring everything to where it can be sent; None if that cannot be."""
        self._pull()
        definition = self.job.definition
        version = definition.versions.get(self.installation.integration_version)
        if version is None:
            self.report.outcome = ProjectOutcome.PROBLEM
            self.report.message = sentences.version_not_defined(self.installation, definition)
            return None
        self._revive()
        project_id = self.installation.project_id
        with self.job.database.read() as connection:
            restored_at = backup.restored_at(connection, project_id)
        self._examine(Examiner(project_id, definition, version, restored_at))
        self._expire()
        return version

    def _wait(self, seconds: float | None) -> None:
        """The API has asked not to be asked before."""
        if seconds:
            with self.job.database.write() as connection:
                now = self.job.clock()
                leases.hold(connection, self.lease, now)
                until = now + timedelta(seconds=seconds)
                outbox.wait_until(connection, self.lease.project_id, until)

    def _pull(self) -> None:
        if self.job.definition.sql is not None:
            Pull(
                database=self.job.database,
                definition=self.job.definition,
                source=self.job.definition.sql,
                url=self.job.calls_url,
                secrets=self.job.secrets,
                caller_hash=self.job.caller_hash,
                installation=self.installation,
                lease=self.lease,
                report=self.report,
                progress=self.job.progress,
                clock=self.job.clock,
                stopping=self.job.stopping,
            ).run()

    def _revive(self) -> None:
        """A key seen of late may be the one that an unmatched call has waited for."""
        now, project_id = self.job.clock(), self.lease.project_id
        rules = self.job.definition.matching_of(project_id)
        found: list[str] = []
        # Asked before the transaction that writes: beacons need not wait for it.
        with self.job.database.read() as connection:
            since = runs.searched_until(connection, project_id)
            oldest = now - limits.ENRICHABLE_FOR - rules.skew
            if since is not None:
                # In the future it was noted by a clock that was wrong.
                since = oldest if since > now + OVERLAP else since - OVERLAP
                found = candidates.revivable(
                    connection, project_id, rules, since=since, started_after=oldest
                )
        with self.job.database.write() as connection:
            leases.hold(connection, self.lease, now)
            candidates.revive(connection, project_id, found)
            runs.note_searched(connection, project_id, now)
        self.report.revived = len(found)

    def _examine(self, examiner: Examiner) -> None:
        with self.job.database.read() as connection:
            total = examining.count_to_examine(connection, self.lease.project_id)
        self.job.progress.begin("matching", total)
        if not total:
            return
        with closing(Pages(self.job.database, examiner, self.lease, self.job.clock)) as pages:
            while not self.job.stopping() and (plan := pages.write_next()):
                self.report.decided.update(plan.verdicts())
                self.job.progress.advance(len(plan.decisions))

    def _expire(self) -> None:
        now, project_id = self.job.clock(), self.lease.project_id
        with self.job.database.read() as connection:
            if not expiring.is_any_overdue(connection, project_id, now):
                return
        with self.job.database.write() as connection:
            leases.hold(connection, self.lease, now)
            self.report.expired += expiring.expire(connection, project_id, now)

    def _credentials(self) -> Credentials:
        installation = self.installation
        with self.job.database.read() as connection:
            sealed = installations.sealed_secret(connection, installation.project_id)
        return Credentials(
            project_id=installation.project_id,
            integration_id=installation.integration_id,
            client_id=installation.client_id,
            client_secret=self.job.secrets.open(sealed),
        )
