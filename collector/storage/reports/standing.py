"""How things stand now: installations, what expires soon, and the last runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from collector.storage.reports.asking import Question
from collector.storage.tables import Json, UtcDateTime

INSTALLATIONS = Question(
    """
    SELECT project_id, name, integration_version, origins, honour_gpc, state, problem,
           last_beacon_at, worked_at, send_after, lease_owner, lease_until,
           pulled_at, pull_problem
    FROM report_installations
    ORDER BY project_id
    """,
    {
        "origins": Json,
        "honour_gpc": sa.Boolean(),
        **dict.fromkeys(
            ("last_beacon_at", "worked_at", "send_after", "lease_until", "pulled_at"),
            UtcDateTime(),
        ),
    },
)

EXPIRING = Question(
    """
    SELECT project_id,
           count(CASE WHEN deadline > :soonest THEN 1 END) AS soon,
           min(CASE WHEN deadline > :soonest THEN deadline END) AS first_deadline,
           count(CASE WHEN deadline <= :soonest THEN 1 END) AS too_late
    FROM report_enrichments
    WHERE project_id IN :projects AND state = 'pending' AND deadline <= :latest
    GROUP BY project_id
    ORDER BY project_id
    """,
    {"first_deadline": UtcDateTime()},
)

RUNS = Question(
    """
    SELECT run_id, job, started_at, finished_at, seconds, outcome, counts
    FROM report_runs
    ORDER BY started_at DESC
    LIMIT :most
    """,
    {"started_at": UtcDateTime(), "finished_at": UtcDateTime(), "counts": Json},
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Installed:
    """An installation as its view tells of it."""

    project_id: int
    name: str
    integration_version: int
    origins: Sequence[str]
    honour_gpc: bool
    state: str
    problem: str | None
    last_beacon_at: datetime | None
    worked_at: datetime | None
    send_after: datetime | None
    lease_owner: str | None
    lease_until: datetime | None
    pulled_at: datetime | None
    pull_problem: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Expiring:
    """Pending enrichments of a project whose seven days are nearly over, or too far gone."""

    project_id: int
    soon: int
    first_deadline: datetime | None
    too_late: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One run of a job; ``counts`` as it wrote them, empty until it ends."""

    run_id: str
    job: str
    started_at: datetime
    finished_at: datetime | None
    seconds: float | None
    outcome: str
    counts: dict[str, Any]


def installations(connection: sa.Connection) -> list[Installed]:
    """All of them."""
    return [Installed(**row) for row in INSTALLATIONS.ask(connection, {})]


def expiring(
    connection: sa.Connection, projects: tuple[int, ...], soonest: datetime, latest: datetime
) -> list[Expiring]:
    """What reaches its deadline at ``latest`` or before; up to ``soonest`` it is too late."""
    values = {"projects": projects, "soonest": soonest, "latest": latest}
    return [Expiring(**row) for row in EXPIRING.ask(connection, values)]


def runs(connection: sa.Connection, most: int) -> list[Run]:
    """The last ones, the newest first."""
    return [Run(**row) for row in RUNS.ask(connection, {"most": most})]
