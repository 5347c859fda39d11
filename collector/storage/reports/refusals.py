"""What was refused within a period: call records, enrichments, batches."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from collector.storage.reports.asking import Period, Question
from collector.storage.tables import UtcDateTime

#: So many different refusals of each kind are told, the most frequent.
MOST = 50

RECORDS = Question(
    """
    SELECT project_id, code, records, times, refused_at, message
    FROM (
        SELECT project_id, code, refused_at, message,
               count(*) OVER (PARTITION BY project_id, code) AS records,
               CAST(sum(times) OVER (PARTITION BY project_id, code) AS bigint) AS times,
               row_number() OVER (PARTITION BY project_id, code
                                  ORDER BY refused_at DESC, message) AS place
        FROM report_refused
        WHERE project_id IN :projects AND refused_at >= :since AND refused_at < :until
    ) AS told
    WHERE place = 1
    ORDER BY records DESC, project_id, code
    """,
    {"refused_at": UtcDateTime()},
)

CALLS = Question(
    f"""
    SELECT project_id, verdict, reason, detail, count(*) AS calls, max(decided_at) AS decided_at
    FROM report_calls
    WHERE project_id IN :projects AND started_at >= :since AND started_at < :until
      AND verdict IN ('rejected', 'invalid')
    GROUP BY project_id, verdict, reason, detail
    ORDER BY calls DESC, project_id, detail
    LIMIT {MOST}
    """,  # noqa: S608 - a number of ours
    {"decided_at": UtcDateTime()},
)

BATCHES = Question(
    f"""
    SELECT project_id, outcome, status, message, count(*) AS batches,
           CAST(sum(enrichments) AS bigint) AS enrichments, max(sent_at) AS sent_at
    FROM report_batches
    WHERE project_id IN :projects AND sent_at >= :since AND sent_at < :until
      AND outcome <> 'accepted'
    GROUP BY project_id, outcome, status, message
    ORDER BY batches DESC, project_id, message
    LIMIT {MOST}
    """,  # noqa: S608 - a number of ours
    {"sent_at": UtcDateTime()},
)

BATCH_TOTALS = Question(
    """
    SELECT outcome, count(*) AS batches, CAST(sum(enrichments) AS bigint) AS enrichments
    FROM report_batches
    WHERE project_id IN :projects AND sent_at >= :since AND sent_at < :until
    GROUP BY outcome
    ORDER BY outcome
    """
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Records:
    """So many call records were refused for one reason; ``message`` is the newest one's."""

    project_id: int
    code: str
    records: int
    times: int
    refused_at: datetime
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Calls:
    """So many calls were refused by the API, or could not be built, for one reason."""

    project_id: int
    verdict: str
    reason: str
    detail: str
    calls: int
    decided_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Batches:
    """So many batches were not accepted, with the same answer; ``status`` None if none came."""

    project_id: int
    outcome: str
    status: int | None
    message: str
    batches: int
    enrichments: int
    sent_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchTotal:
    """All batches with one outcome."""

    outcome: str
    batches: int
    enrichments: int


def records(connection: sa.Connection, period: Period) -> list[Records]:
    """The call records that could not be read, by code."""
    return [Records(**row) for row in RECORDS.ask(connection, period.values())]


def calls(connection: sa.Connection, period: Period) -> list[Calls]:
    """The calls that were refused or could not be built, the most frequent details of them."""
    return [Calls(**row) for row in CALLS.ask(connection, period.values())]


def batches(connection: sa.Connection, period: Period) -> list[Batches]:
    """The batches that were not accepted, by answer, the most frequent ones."""
    return [Batches(**row) for row in BATCHES.ask(connection, period.values())]


def batch_totals(connection: sa.Connection, period: Period) -> list[BatchTotal]:
    """All batches by outcome."""
    return [BatchTotal(**row) for row in BATCH_TOTALS.ask(connection, period.values())]
