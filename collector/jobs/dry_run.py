"""Shows what a run would decide and send now. It reads only, and takes no lease."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from collector.domain.batching import batches_for
from collector.domain.definition import Definition
from collector.domain.identifiers import SessionId
from collector.domain.installation import Installation
from collector.domain.ledger import MARGIN
from collector.domain.verdicts import Verdict
from collector.jobs import sentences
from collector.jobs.examine import PAGE, Examiner, Plan
from collector.jobs.progress import Progress, Unwatched
from collector.jobs.reconcile import chosen
from collector.jobs.report import ProjectOutcome, ProjectReport, RunReport
from collector.storage import backup, examining, funnel, outbox
from collector.storage.database import Connection, Database
from collector.storage.funnel import Funnel

#: So many of the enrichments that would be built and sent are shown.
SHOWN = 20


def dry_run(
    database: Database,
    definition: Definition,
    project_id: int | None = None,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    progress: Progress | None = None,
) -> RunReport:
    """What a run would do; the funnel is the one that would stand before the API has answered.

    Raises:
        NotFoundError: the project has no installation.
    """
    now = clock()
    with database.read() as connection:
        standing = funnel.count(connection, project_id)
        reports = [
            _look(connection, definition, installation, standing, now, progress or Unwatched())
            for installation in chosen(connection, project_id)
        ]
    note = sentences.NOT_PULLED if definition.sql else None
    return RunReport(run_id="", dry_run=True, funnel=standing, projects=reports, note=note)


def _look(
    connection: Connection,
    definition: Definition,
    installation: Installation,
    standing: Funnel,
    now: datetime,
    progress: Progress,
) -> ProjectReport:
    project_id = installation.project_id
    report = ProjectReport(project_id=project_id, name=installation.name)
    version = definition.versions.get(installation.integration_version)
    if version is None:
        report.outcome = ProjectOutcome.PROBLEM
        report.message = sentences.version_not_defined(installation, definition)
        return report
    report.to_send_count = outbox.count_due(
        connection, project_id, version.number, now, margin=MARGIN
    )
    report.expired = outbox.count_overdue(connection, project_id, now)
    _move(standing, Verdict.PENDING, Verdict.EXPIRED, report.expired)
    examiner = Examiner(project_id, definition, version, backup.restored_at(connection, project_id))
    progress.begin("matching", examining.count_to_examine(connection, project_id))
    given: dict[SessionId, set[int]] = defaultdict(set)
    after = None
    while page := examining.to_examine(connection, project_id, after=after, limit=PAGE, lock=False):
        plan = examiner.plan(connection, examiner.find(connection, page, now), now, given=given)
        for draft in plan.drafts:
            given[draft.session].add(draft.draft.enrichment_number)
        verdicts = {item.call_id: item.judgement.verdict for item in plan.decisions}
        for examined in page:
            call_id = examined.call.call_id
            _move(standing, examined.judgement.verdict, verdicts[call_id], 1)
        report.decided.update(plan.verdicts())
        report.to_send_count += plan.verdicts()[Verdict.PENDING] - plan.due_before(now + MARGIN)
        report.to_send += _shown(plan, SHOWN - len(report.to_send))
        after = (page[-1].call.started_at, page[-1].call.call_id)
        progress.advance(len(page))
    if installation.paused:
        report.outcome = ProjectOutcome.PAUSED
        report.message = "paused, nothing would be sent"
        report.to_send_count, report.to_send = 0, []
    report.to_send_batches = batches_for(report.to_send_count, proven=installation.is_proven)
    return report


def _move(standing: Funnel, before: Verdict, after: Verdict, number: int) -> None:
    standing.verdicts[before] -= number
    standing.verdicts[after] += number


def _shown(plan: Plan, most: int) -> list[dict[str, Any]]:
    return [
        {
            "call_id": draft.call_id,
            "session_key": draft.session.session_key,
            "enrichment_number": draft.draft.enrichment_number,
            "revision": draft.draft.revision,
            "enrichment": dict(draft.fields),
        }
        for draft in plan.drafts[:most]
    ]
