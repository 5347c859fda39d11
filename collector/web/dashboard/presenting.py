"""What the pages of single things share: their blueprints, and what their templates are given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from collector.domain.identifiers import MAX_PROJECT_ID
from collector.domain.next_steps import Standing, next_step
from collector.domain.verdicts import MEANING
from collector.errors import RequestRefusedError
from collector.storage.database import Connection
from collector.storage.reports import asking, installations
from collector.storage.reports.asking import Period
from collector.storage.reports.installations import Installed
from collector.web import answers, state
from collector.web.dashboard import guard, linking, pages, steps, wording

#: What is counted on a page is counted for so many UTC days, today among them.
DAYS = 7


class MissingError(RequestRefusedError):
    """There is no such thing; the page that says so helps to find another one."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(404, code, message)


def blueprint(name: str) -> Blueprint:
    """One for pages behind the login."""
    made = Blueprint(name, __name__)
    guard.protect(made)
    made.record(linking.install)
    made.context_processor(_in_templates)
    made.register_error_handler(MissingError, _missing)
    return made


@contextmanager
def reading() -> Iterator[Connection]:
    """A transaction in which all questions are answered from one moment."""
    with state.current().database.read() as connection:
        asking.one_moment(connection)
        yield connection


def installation(connection: Connection, project_id: int) -> Installed:
    """The installation of a project.

    Raises:
        MissingError: there is none.
    """
    found = None if project_id > MAX_PROJECT_ID else installations.find(connection, project_id)
    if found is None:
        raise MissingError(
            "unknown_project",
            f"Project {project_id} has no installation. Known ones: collector installation list",
        )
    return found


def what_keeps(installed: Installed, now: datetime) -> str:
    """What keeps its pending enrichments from being sent, and what to do about it."""
    standing = Standing(
        project_id=installed.project_id,
        paused=installed.state == "paused",
        problem=installed.problem,
        worked_at=installed.worked_at,
        send_after=installed.send_after,
    )
    return next_step(standing, now)


def last_days(project_id: int, now: datetime) -> Period:
    """The days for which a page counts."""
    today = now.date()
    return Period(projects=(project_id,), first=today - timedelta(days=DAYS - 1), last=today)


def _in_templates() -> dict[str, Any]:
    return {
        "now": datetime.now(UTC),
        "words": wording,
        "meaning": MEANING,
        "step": steps.read,
        "call_url": linking.call_url,
        "session_url": linking.session_url,
        "days": DAYS,
    }


def _missing(error: MissingError) -> ResponseReturnValue:
    if not pages.is_for_people():
        return answers.failure(error.status, error.code, str(error))
    headers = {answers.CODE_HEADER: error.code}
    return render_template("dashboard/missing.html", text=str(error)), error.status, headers
