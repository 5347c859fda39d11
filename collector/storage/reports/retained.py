"""Since when everything is stored, so that a time before it is not taken for an empty one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from collector.storage.reports.asking import Period, Question
from collector.storage.tables import UtcDateTime

PURGED = Question(
    """
    SELECT kind, max(before) AS before
    FROM report_purged
    WHERE project_id IN :projects AND before > :since
    GROUP BY kind
    ORDER BY kind
    """,
    {"before": UtcDateTime()},
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Purged:
    """Sessions or calls that began before this are not stored any more, or not all of them."""

    kind: str
    before: datetime


def purged(connection: sa.Connection, period: Period) -> list[Purged]:
    """What of the period was removed by its age."""
    return [Purged(**row) for row in PURGED.ask(connection, period.values())]
