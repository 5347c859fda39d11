"""What became of the calls that started within a period: verdicts, rules, and how long it took."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from collector.storage.reports.asking import Period, Question

CALLS = Question(
    """
    SELECT count(*) AS calls
    FROM report_calls
    WHERE project_id IN :projects AND started_at >= :since AND started_at < :until
    """
)

FATES = Question(
    """
    SELECT project_id, day, verdict, rule, count(*) AS calls, count(user_id) AS matched
    FROM report_calls
    WHERE project_id IN :projects AND started_at >= :since AND started_at < :until
    GROUP BY project_id, day, verdict, rule
    """,
    {"day": sa.Date()},
)

# Nearest rank: the smallest number of seconds that at least this share of the calls did not
# exceed. A row without a day is of all days.
SECONDS = Question(
    """
    WITH taken AS (
        SELECT day, CASE verdict WHEN 'accepted' THEN seconds_to_acceptance END AS seconds
        FROM report_calls
        WHERE project_id IN :projects AND started_at >= :since AND started_at < :until
    ), placed AS (
        SELECT day, seconds,
               row_number() OVER (PARTITION BY day ORDER BY seconds) AS place,
               count(*) OVER (PARTITION BY day) AS calls
        FROM (SELECT day, seconds FROM taken WHERE seconds IS NOT NULL
              UNION ALL
              SELECT NULL, seconds FROM taken WHERE seconds IS NOT NULL) AS doubled
    )
    SELECT day, calls,
           min(CASE WHEN 2 * place >= calls THEN seconds END) AS median,
           min(CASE WHEN 20 * place >= 19 * calls THEN seconds END) AS percentile_95,
           max(seconds) AS longest
    FROM placed
    GROUP BY day, calls
    """,
    {"day": sa.Date()},
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fate:
    """So many calls of a day have this verdict, and were matched by this rule, if by any."""

    project_id: int
    day: date
    verdict: str
    rule: str | None
    calls: int
    matched: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Seconds:
    """How long accepted calls took, from their end to their acceptance; without a day, of all."""

    day: date | None
    calls: int
    median: float
    percentile_95: float
    longest: float


def count(connection: sa.Connection, period: Period) -> int:
    """How many calls there are, counted without a look at their verdicts."""
    (row,) = CALLS.ask(connection, period.values())
    return int(row["calls"])


def fates(connection: sa.Connection, period: Period) -> list[Fate]:
    """The calls by all that the overview sums over."""
    return [Fate(**row) for row in FATES.ask(connection, period.values())]


def seconds(connection: sa.Connection, period: Period) -> list[Seconds]:
    """From the end of the calls to their acceptance, by day and over all."""
    return [Seconds(**row) for row in SECONDS.ask(connection, period.values())]
