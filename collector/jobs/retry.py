"""Takes up again what was refused, not built or not matched, once its cause has been mended.

It only marks: the next run of the job builds from the calls as they are then, with the definition
as it is then, and sends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from collector.domain.installation import Installation
from collector.domain.ledger import MARGIN, Judgement
from collector.domain.verdicts import Reason, Verdict
from collector.storage import installations, retries
from collector.storage.database import Database
from collector.storage.retries import Selection

#: The reasons that a fix can do away with: of a deadline, the fix of a clock; of the last ones,
#: that of the rules of matching.
RETRIABLE = (
    Reason.REFUSED_BY_API,
    Reason.FIELDS_INVALID,
    Reason.DEADLINE_PASSED,
    *retries.WITHOUT_SESSION,
)

#: Calls in one transaction: few enough that imports and the job hardly wait.
PAGE = 500


@dataclass(kw_only=True, slots=True)
class ProjectRetry:
    """What was found for one installation, by reason; of a dry run, what would be marked."""

    installation: Installation
    marked: dict[Reason, int] = field(default_factory=dict)
    too_late: dict[Reason, int] = field(default_factory=dict)

    @property
    def found(self) -> bool:
        """Whether anything of this installation was chosen at all."""
        return any(self.marked.values()) or any(self.too_late.values())

    def as_json(self) -> dict[str, Any]:
        return {
            "project_id": self.installation.project_id,
            "name": self.installation.name,
            "paused": self.installation.paused,
            "problem": self.installation.problem,
            "marked": self.marked,
            "too_late": self.too_late,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryReport:
    """``not_fitting`` are calls that were named, but are not among those that were chosen."""

    dry_run: bool
    projects: list[ProjectRetry]
    not_fitting: list[str]

    @property
    def marked(self) -> int:
        return sum(sum(project.marked.values()) for project in self.projects)

    @property
    def too_late(self) -> int:
        return sum(sum(project.too_late.values()) for project in self.projects)

    def as_json(self) -> dict[str, Any]:
        return {
            "dry_run": self.dry_run,
            "marked": self.marked,
            "too_late": self.too_late,
            "not_fitting": self.not_fitting,
            "projects": [project.as_json() for project in self.projects],
        }


def retry(
    database: Database,
    project_id: int | None,
    reasons: Sequence[Reason],
    selection: Selection,
    *,
    now: datetime,
    dry_run: bool,
) -> RetryReport:
    """Mark the chosen calls of one project, or of all, for the job's next run.

    What was refused becomes pending at once; what is invalid or without a session stays so
    until the run. A call whose
    deadline leaves no time to send it stays as it is, and is counted as too late.

    Raises:
        NotFoundError: the project has no installation.
    """
    with database.read() as connection:
        to_do = (
            installations.list_all(connection)
            if project_id is None
            else [installations.get(connection, project_id)]
        )
    projects = []
    named: set[str] = set()
    for installation in to_do:
        project = ProjectRetry(installation=installation)
        for reason in reasons:
            with database.read() as connection:
                found = retries.chosen(
                    connection, installation.project_id, reason, selection, now + MARGIN
                )
            named.update(found)
            in_time = [call_id for call_id in found if found[call_id]]
            project.too_late[reason] = len(found) - len(in_time)
            project.marked[reason] = (
                len(in_time)
                if dry_run
                else _mark(database, installation.project_id, reason, selection, in_time, now)
            )
        projects.append(project)
    not_fitting = set(selection.call_ids or ()) - named
    return RetryReport(dry_run=dry_run, projects=projects, not_fitting=sorted(not_fitting))


def _mark(
    database: Database,
    project_id: int,
    reason: Reason,
    selection: Selection,
    call_ids: Sequence[str],
    now: datetime,
) -> int:
    """Mark page by page; stopped half-way and begun again, it goes on with the rest."""
    marked = 0
    for start in range(0, len(call_ids), PAGE):
        page = replace(selection, call_ids=call_ids[start : start + PAGE])
        with database.write() as connection:
            installations.queue_up(connection, project_id)
            # Asked again, since the job may have written them until now.
            still = list(retries.chosen(connection, project_id, reason, page, now + MARGIN))
            if reason is Reason.REFUSED_BY_API:
                retries.send_again(connection, project_id, still, _asked(now), now)
            else:
                retries.look_again(connection, project_id, still)
        marked += len(still)
    return marked


def _asked(now: datetime) -> Judgement:
    return Judgement(
        verdict=Verdict.PENDING,
        reason=Reason.RETRIED,
        detail=f"to be sent again, as asked on {now:%Y-%m-%d}; the next run rebuilds it",
    )
