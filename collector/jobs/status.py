"""Where everything stands: the funnel, and the state of each installation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from collector.domain.installation import Installation
from collector.storage import funnel, installations, runs, sessions
from collector.storage.database import Database
from collector.storage.funnel import Funnel

#: What expires within this time is warned of before it does.
SOON = timedelta(hours=24)


@dataclass(frozen=True, kw_only=True, slots=True)
class InstallationStatus:
    """One installation with its own funnel."""

    installation: Installation
    funnel: Funnel
    expiring: int
    last_beacon: datetime | None

    @property
    def state(self) -> str:
        """``active``, ``paused`` or ``problem``."""
        if self.installation.paused:
            return "paused"
        return "problem" if self.installation.problem else "active"


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
            "installations": [
                {
                    "project_id": item.installation.project_id,
                    "name": item.installation.name,
                    "integration_version": item.installation.integration_version,
                    "state": item.state,
                    "problem": item.installation.problem,
                    "sessions": item.funnel.sessions,
                    "calls": item.funnel.calls,
                    "verdicts": item.funnel.verdicts,
                    "expiring_within_24_hours": item.expiring,
                    "last_beacon": item.last_beacon,
                }
                for item in self.installations
            ],
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
            installations=[
                InstallationStatus(
                    installation=item,
                    funnel=funnel.count(connection, item.project_id),
                    expiring=funnel.count_expiring(connection, item.project_id, now, SOON),
                    last_beacon=sessions.last_beacon(connection, item.project_id),
                )
                for item in found
            ],
            last_run=runs.last(connection),
        )
