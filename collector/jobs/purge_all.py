"""Removes what is old of one installation or of all, as a run of its own; or counts it."""

from __future__ import annotations

import os
import socket
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from collector import logs
from collector.domain.installation import Installation
from collector.domain.retention import Kind
from collector.errors import NotFoundError
from collector.jobs.purge import BusyError, Purger, while_idle
from collector.jobs.reconcile import chosen
from collector.logs import Logger
from collector.storage import purging, runs

log = Logger(__name__)

#: The job of these runs.
JOB = "purge"

#: So often it asks for an installation that the job is at, which is longer than a lease lasts.
TRIES = 360


@dataclass(frozen=True, kw_only=True, slots=True)
class ProjectPurge:
    """What was removed of one installation, or would be. Another worker was at it if ``busy``."""

    installation: Installation
    removed: Counter[str] = field(default_factory=Counter)
    busy: bool = False

    def as_json(self) -> dict[str, Any]:
        return {
            "project_id": self.installation.project_id,
            "name": self.installation.name,
            "busy": self.busy,
            "removed": {kind.value: self.removed[kind] for kind in Kind},
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class PurgeReport:
    """What a purge did; ``others`` is of no installation, and not asked for one alone."""

    run_id: str
    dry_run: bool
    projects: list[ProjectPurge]
    others: Counter[str]
    stopped: bool = False

    def as_json(self) -> dict[str, Any]:
        return {
            "run_id": self.run_id,
            "dry_run": self.dry_run,
            "stopped": self.stopped,
            "projects": [project.as_json() for project in self.projects],
            "others": dict(self.others),
        }


def look(purger: Purger, project_id: int | None) -> PurgeReport:
    """Count what a purge would remove; it changes nothing.

    Raises:
        NotFoundError: the project has no installation.
    """
    cuts = purger.retention.cuts(purger.clock())
    with purger.database.read() as connection:
        projects = [
            ProjectPurge(
                installation=one,
                removed=Counter(purging.count(connection, one.project_id, cuts)),
            )
            for one in chosen(connection, project_id)
        ]
        others: Counter[str] = Counter()
        if project_id is None:
            cut = purger.retention.runs_cut(purger.clock())
            others["runs"] = purging.count_runs(connection, cut)
    return PurgeReport(run_id="", dry_run=True, projects=projects, others=others)


def purge(purger: Purger, project_id: int | None) -> PurgeReport:
    """Remove all that is old of one project or of all.

    Raises:
        NotFoundError: the project has no installation.
        DatabaseUnavailableError: what was removed before stays so; the next one goes on.
    """
    run_id, purger = runs.new_id(), replace(purger, tries=TRIES)
    with logs.carrying(run_id=run_id):
        expected = look(purger, project_id)
        total = sum(one.removed.total() for one in expected.projects) + expected.others.total()
        purger.progress.begin("removing", total)
        with purger.database.write() as connection:
            runs.start(connection, run_id, JOB, purger.clock())
        projects = [_purge_one(purger, one.installation, run_id) for one in expected.projects]
        others: Counter[str] = Counter()
        if project_id is None:
            purger.others(others)
        report = PurgeReport(
            run_id=run_id,
            dry_run=False,
            projects=projects,
            others=others,
            stopped=purger.over(),
        )
        with purger.database.write() as connection:
            # The key "projects" is of the runs that reconcile.
            counts = {"purged": [one.as_json() for one in projects], "others": dict(others)}
            runs.finish(connection, run_id, outcome="done", counts=counts, now=purger.clock())
    return report


def _purge_one(purger: Purger, installation: Installation, run_id: str) -> ProjectPurge:
    project_id, removed = installation.project_id, Counter[str]()
    owner = f"{socket.gethostname()[:50]}:{os.getpid()}:{run_id}"
    busy = False
    with logs.carrying(project_id=project_id):
        try:
            purger.installation(project_id, while_idle(project_id, owner), removed, thorough=True)
        except NotFoundError:
            pass  # it was removed meanwhile: there is nothing to wait for
        except BusyError:
            busy = True
        if removed.total():
            log.info("purged", **removed)
    return ProjectPurge(installation=installation, removed=removed, busy=busy)
