"""Beacons and sessions of a period."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from collector.storage.beacon_counts import NO_PROJECT
from collector.storage.reports.asking import Period, Question
from collector.storage.tables import UtcDateTime

BEACONS = Question(
    """
    SELECT project_id, outcome, origin, CAST(sum(beacons) AS bigint) AS beacons,
           max(last_at) AS last_at
    FROM report_beacons_daily
    WHERE project_id IN :projects AND day >= :first AND day <= :last
    GROUP BY project_id, outcome, origin
    """,
    {"last_at": UtcDateTime()},
)

SESSIONS = Question(
    """
    SELECT count(*) AS sessions
    FROM report_sessions
    WHERE project_id IN :projects AND first_seen >= :since AND first_seen < :until
    """
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Beacons:
    """So many beacons from one origin had this outcome; project 0 has those of no known one."""

    project_id: int
    outcome: str
    origin: str
    beacons: int
    last_at: datetime


def beacons(connection: sa.Connection, period: Period) -> list[Beacons]:
    """What became of the beacons, those besides that no known project can be told for."""
    asked = with_no_project(period)
    return [Beacons(**row) for row in BEACONS.ask(connection, asked.values())]


def with_no_project(period: Period) -> Period:
    """The period with those beacons besides that no known project can be told for."""
    projects = (NO_PROJECT, *period.projects)
    return Period(projects=projects, first=period.first, last=period.last)


def sessions(connection: sa.Connection, period: Period) -> int:
    """How many sessions were first seen."""
    (row,) = SESSIONS.ask(connection, period.values())
    return int(row["sessions"])
