"""Which kinds of match keys the sessions of a day carry: without any, no call finds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from collector.storage.reports import installations
from collector.storage.reports.asking import Period, Question

# Where all that is asked of a sighting stands in a key, SQLite goes through the key of the whole
# project for each session instead of looking its sightings up.
KEYS = Question(
    """
    SELECT kind, count(*) AS sessions
    FROM (
      SELECT DISTINCT k.kind, k.user_id, k.session_number
      FROM report_sessions s
      JOIN report_sightings k ON k.project_id = s.project_id AND k.user_id = s.user_id
        AND k.session_number = s.session_number AND k.first_seen IS NOT NULL
      WHERE s.project_id IN :projects AND s.first_seen >= :since AND s.first_seen < :until
    ) AS carried
    GROUP BY kind
    ORDER BY sessions DESC, kind
    """
)

WITHOUT_KEY = Question(
    """
    SELECT count(*) AS sessions
    FROM report_sessions
    WHERE project_id IN :projects AND first_seen >= :since AND first_seen < :until
      AND match_keys = 0
    """
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Shares:
    """The sessions first seen on a UTC day: all, those with a key of each kind, those without."""

    day: date
    sessions: int
    kinds: Mapping[str, int]
    without: int


def of_day(connection: sa.Connection, project_id: int, day: date) -> Shares:
    """How many sessions of a day carry which kinds of keys, the most frequent first."""
    period = Period(projects=(project_id,), first=day, last=day)
    (without,) = WITHOUT_KEY.ask(connection, period.values())
    return Shares(
        day=day,
        sessions=installations.sessions(connection, period),
        kinds={row["kind"]: row["sessions"] for row in KEYS.ask(connection, period.values())},
        without=without["sessions"],
    )
