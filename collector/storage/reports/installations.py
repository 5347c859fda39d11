"""One installation as the views tell of it: its settings, and what came of it within some days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from collector.domain.verdicts import Verdict
from collector.storage.beacon_counts import NO_PROJECT
from collector.storage.reports.asking import Period, Question
from collector.storage.tables import Json, UtcDateTime

NAMES = Question("SELECT project_id, name FROM report_installations ORDER BY project_id")

INSTALLATION = Question(
    """
    SELECT project_id, name, integration_id, integration_version, proven_version, region, origins,
           honour_gpc, state, problem, last_beacon_at, worked_at, send_after, lease_owner,
           lease_until, pulled_at, pulled_until, pull_problem, created_at, changed_at
    FROM report_installations
    WHERE project_id = :project
    """,
    {
        "origins": Json,
        "honour_gpc": sa.Boolean(),
        **dict.fromkeys(
            (
                "last_beacon_at",
                "worked_at",
                "send_after",
                "lease_until",
                "pulled_at",
                "pulled_until",
                "created_at",
                "changed_at",
            ),
            UtcDateTime(),
        ),
    },
)

SESSIONS = Question(
    """
    SELECT count(*) AS sessions
    FROM report_sessions
    WHERE project_id IN :projects AND first_seen >= :since AND first_seen < :until
    """
)

VERDICTS = Question(
    """
    SELECT verdict, count(*) AS calls
    FROM report_calls
    WHERE project_id IN :projects AND started_at >= :since AND started_at < :until
    GROUP BY verdict
    """
)

BEACONS = Question(
    """
    SELECT outcome, CAST(sum(beacons) AS bigint) AS beacons
    FROM report_beacons_daily
    WHERE project_id IN :projects AND day >= :first AND day <= :last
    GROUP BY outcome
    """
)

REFUSALS = Question(
    """
    SELECT outcome, origin, project_id, CAST(sum(beacons) AS bigint) AS beacons,
           max(last_at) AS last_at
    FROM report_beacons_daily
    WHERE project_id IN (0, :project) AND day >= :first AND day <= :last
      AND outcome <> 'accepted'
    GROUP BY outcome, origin, project_id
    ORDER BY outcome, beacons DESC
    """
)

REFUSED_BEACONS = Question(
    """
    SELECT project_id, origin, CAST(sum(beacons) AS bigint) AS beacons
    FROM report_beacons_daily
    WHERE project_id IN :projects AND day >= :first AND day <= :last AND outcome <> 'accepted'
    GROUP BY project_id, origin
    """
)

EXPIRING = Question(
    """
    SELECT call_id, session_key, enrichment_number, deadline
    FROM report_enrichments
    WHERE project_id = :project AND state = 'pending' AND deadline <= :latest
    ORDER BY deadline, call_id
    LIMIT :most
    """,
    {"deadline": UtcDateTime()},
)

REFUSED = Question(
    """
    SELECT code, count(*) AS records, CAST(sum(times) AS bigint) AS times,
           max(refused_at) AS refused_at
    FROM report_refused
    WHERE project_id IN :projects AND refused_at >= :since AND refused_at < :until
    GROUP BY code
    ORDER BY records DESC, code
    """,
    {"refused_at": UtcDateTime()},
)

# Asked for an order, SQLite would go through all that was refused, since an index has it.
REFUSED_OF_A_CALL = Question(
    """
    SELECT project_id, refused_at, source, code, message, times
    FROM report_refused
    WHERE project_id IN :projects AND call_id = :call
    LIMIT :most
    """,
    {"refused_at": UtcDateTime()},
)

BATCHES = Question(
    """
    SELECT sent_at, integration_version, enrichments, outcome, status, message, milliseconds
    FROM report_batches
    WHERE project_id = :project
    ORDER BY sent_at DESC
    LIMIT :most
    """,
    {"sent_at": UtcDateTime()},
)

HAS_CALLS = Question("SELECT call_id FROM report_calls WHERE project_id = :project LIMIT 1")

#: So many of what a page lists one by one are shown.
MOST = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Installed:
    """An installation without its credentials."""

    project_id: int
    name: str
    integration_id: int
    integration_version: int
    proven_version: int | None
    region: str | None
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
    pulled_until: datetime | None
    pull_problem: str | None
    created_at: datetime
    changed_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Expiring:
    """A pending enrichment whose seven days are nearly over."""

    call_id: str
    session_key: str
    enrichment_number: int
    deadline: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """So many call records were refused for one reason, so often altogether."""

    code: str
    records: int
    times: int
    refused_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class RefusedOfCall:
    """A record of one call that was refused."""

    project_id: int
    refused_at: datetime
    source: str
    code: str
    message: str
    times: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """One batch with its answer."""

    sent_at: datetime
    integration_version: int
    enrichments: int
    outcome: str
    status: int | None
    message: str
    milliseconds: int


def names(connection: sa.Connection) -> dict[int, str]:
    """The names of all installations, by project."""
    return {row["project_id"]: row["name"] for row in NAMES.ask(connection, {})}


def find(connection: sa.Connection, project_id: int) -> Installed | None:
    """The installation of a project, if there is one."""
    rows = INSTALLATION.ask(connection, {"project": project_id})
    return Installed(**rows[0]) if rows else None


def sessions(connection: sa.Connection, period: Period) -> int:
    """How many sessions were first seen."""
    (row,) = SESSIONS.ask(connection, period.values())
    return int(row["sessions"])


def verdicts(connection: sa.Connection, period: Period) -> Mapping[str, int]:
    """The calls that started, by verdict, all nine; they sum to the calls."""
    found = {row["verdict"]: row["calls"] for row in VERDICTS.ask(connection, period.values())}
    return {verdict.value: found.get(verdict.value, 0) for verdict in Verdict}


def beacons(connection: sa.Connection, period: Period) -> Mapping[str, int]:
    """The beacons that came, by outcome."""
    return {row["outcome"]: row["beacons"] for row in BEACONS.ask(connection, period.values())}


def refused_beacons(connection: sa.Connection, period: Period, origins: Sequence[str]) -> int:
    """How many beacons were refused, or lost a key.

    Args:
        origins: what named no known project, or was refused before it was known, counts if it came
            from a page of these.
    """
    everywhere = (NO_PROJECT, *period.projects)
    asked = Period(projects=everywhere, first=period.first, last=period.last)
    return sum(
        row["beacons"]
        for row in REFUSED_BEACONS.ask(connection, asked.values())
        if row["project_id"] != NO_PROJECT or row["origin"] in origins
    )


def expiring(connection: sa.Connection, project_id: int, latest: datetime) -> list[Expiring]:
    """The first that reach their deadline at ``latest`` or before, one more than `MOST` at most."""
    values = {"project": project_id, "latest": latest, "most": MOST + 1}
    return [Expiring(**row) for row in EXPIRING.ask(connection, values)]


def refused(connection: sa.Connection, period: Period) -> list[Refused]:
    """The call records that were refused, by reason."""
    return [Refused(**row) for row in REFUSED.ask(connection, period.values())]


def refused_of(
    connection: sa.Connection, project_ids: Sequence[int], call_id: str
) -> list[RefusedOfCall]:
    """The records that were refused of the calls with this id, the newest first."""
    if not project_ids:
        return []
    values = {"projects": tuple(project_ids), "call": call_id, "most": MOST}
    found = [RefusedOfCall(**row) for row in REFUSED_OF_A_CALL.ask(connection, values)]
    return sorted(found, key=lambda record: record.refused_at, reverse=True)


def last_batches(connection: sa.Connection, project_id: int) -> list[Batch]:
    """The newest batches, no more than `MOST`."""
    rows = BATCHES.ask(connection, {"project": project_id, "most": MOST})
    return [Batch(**row) for row in rows]


def has_calls(connection: sa.Connection, project_id: int) -> bool:
    """Whether any call was ever stored."""
    return bool(HAS_CALLS.ask(connection, {"project": project_id}))
