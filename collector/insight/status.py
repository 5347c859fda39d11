"""Where everything stands: the funnel, and the state of each installation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from collector.domain.installation import Installation
from collector.domain.ledger import MARGIN
from collector.domain.next_steps import Standing, next_step
from collector.domain.tokens import Token
from collector.insight.tokens import warning as of_token
from collector.storage import funnel, installations, outbox, pulls, refused, runs, sessions, tokens
from collector.storage.database import Connection, Database
from collector.storage.funnel import Expiring, Funnel
from collector.storage.pulls import PullState

#: What expires within this time is warned of before it does.
SOON = timedelta(hours=24)


@dataclass(frozen=True, kw_only=True, slots=True)
class InstallationStatus:
    """One installation with its own funnel.

    ``refused`` is how many call records could not be read within a day. ``worked_at`` is when the
    job was last at work for it; before ``send_after`` the API has asked to be left alone.
    """

    installation: Installation
    funnel: Funnel
    expiring: Expiring
    refused: int
    pull: PullState | None
    tokens: Sequence[Token]
    last_beacon: datetime | None
    worked_at: datetime | None
    send_after: datetime | None
    now: datetime

    @property
    def state(self) -> str:
        """``active``, ``paused`` or ``problem``."""
        if self.installation.paused:
            return "paused"
        return "problem" if self.installation.problem else "active"

    @property
    def warnings(self) -> list[str]:
        """What is nearly too late or too late already, and what was refused, with the next step."""
        told = []
        if self.expiring.first_deadline is not None:
            told.append(
                f"{self.expiring.soon} pending enrichment(s) expire within 24 hours, the first at "
                f"{_moment(self.expiring.first_deadline)}. {self.next_step}"
            )
        if self.expiring.too_late:
            told.append(
                f"{self.expiring.too_late} pending enrichment(s) are too late to be sent; when "
                "their seven days are over, the next run marks them expired"
            )
        if self.pull and self.pull.problem:
            told.append(
                f"Calls could not be pulled at {_moment(self.pull.pulled_at)}: {self.pull.problem}"
            )
        if self.refused:
            told.append(
                f"{self.refused} call record(s) were refused within 24 hours. To see why: "
                f"collector calls refused --project-id {self.installation.project_id} --since 1d"
            )
        endings = (of_token(token, self.now) for token in self.tokens)
        return [*told, *(text for text in endings if text is not None)]

    @property
    def next_step(self) -> str:
        """What keeps its pending enrichments from being sent, and what to do about it."""
        standing = Standing(
            project_id=self.installation.project_id,
            paused=self.installation.paused,
            problem=self.installation.problem,
            worked_at=self.worked_at,
            send_after=self.send_after,
        )
        return next_step(standing, self.now)

    def as_json(self) -> dict[str, Any]:
        return {
            "project_id": self.installation.project_id,
            "name": self.installation.name,
            "integration_version": self.installation.integration_version,
            "state": self.state,
            "problem": self.installation.problem,
            "sessions": self.funnel.sessions,
            "calls": self.funnel.calls,
            "verdicts": self.funnel.verdicts,
            "expiring_within_24_hours": self.expiring.soon,
            "first_deadline": self.expiring.first_deadline,
            "too_late_to_send": self.expiring.too_late,
            "refused_within_24_hours": self.refused,
            "pull": asdict(self.pull) if self.pull else None,
            "warnings": self.warnings,
            "last_beacon": self.last_beacon,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """The whole, at one moment."""

    funnel: Funnel
    installations: list[InstallationStatus]
    last_run: dict[str, Any] | None

    def as_json(self) -> dict[str, Any]:
        return {
            "sessions": self.funnel.sessions,
            "calls": self.funnel.calls,
            "verdicts": self.funnel.verdicts,
            "installations": [item.as_json() for item in self.installations],
            "last_run": self.last_run,
        }


def read_status(database: Database, project_id: int | None, now: datetime) -> Status:
    """The status of one project, or of all.

    Raises:
        NotFoundError: the project has no installation.
    """
    with database.read() as connection:
        found = (
            installations.list_all(connection)
            if project_id is None
            else [installations.get(connection, project_id)]
        )
        return Status(
            funnel=funnel.count(connection, project_id),
            installations=[_of_one(connection, item, now) for item in found],
            last_run=runs.last(connection, now),
        )


def _of_one(
    connection: Connection, installation: Installation, now: datetime
) -> InstallationStatus:
    project_id = installation.project_id
    return InstallationStatus(
        installation=installation,
        funnel=funnel.count(connection, project_id),
        expiring=funnel.count_expiring(connection, project_id, now + MARGIN, now + SOON),
        refused=refused.count(connection, refused.Chosen(project_id=project_id, since=now - SOON)),
        pull=pulls.find(connection, project_id),
        tokens=tokens.list_all(connection, project_id),
        last_beacon=sessions.last_beacon(connection, project_id),
        worked_at=runs.searched_until(connection, project_id),
        send_after=outbox.send_after(connection, project_id),
        now=now,
    )


def _moment(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"
