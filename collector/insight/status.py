"""Where everything stands: the funnel, and the state of each installation."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from collector.domain.installation import Installation
from collector.insight import standing
from collector.insight.standing import Standing
from collector.storage import funnel, installations, runs, sessions
from collector.storage.database import Connection, Database
from collector.storage.funnel import Funnel


@dataclass(frozen=True, kw_only=True, slots=True)
class InstallationStatus:
    """One installation with its own funnel."""

    standing: Standing
    funnel: Funnel
    last_beacon: datetime | None

    def as_json(self) -> dict[str, Any]:
        return {
            "project_id": self.standing.installation.project_id,
            "name": self.standing.installation.name,
            "integration_version": self.standing.installation.integration_version,
            "state": self.standing.state,
            "problem": self.standing.installation.problem,
            "sessions": self.funnel.sessions,
            "calls": self.funnel.calls,
            "verdicts": self.funnel.verdicts,
            "expiring_within_24_hours": self.standing.expiring.soon,
            "first_deadline": self.standing.expiring.first_deadline,
            "too_late_to_send": self.standing.expiring.too_late,
            "refused_within_24_hours": self.standing.refused,
            "pull": asdict(self.standing.pull) if self.standing.pull else None,
            "warnings": self.standing.warnings,
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
    return InstallationStatus(
        standing=standing.read(connection, installation, now),
        funnel=funnel.count(connection, installation.project_id),
        last_beacon=sessions.last_beacon(connection, installation.project_id),
    )
