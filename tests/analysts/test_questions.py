"""Each question of docs/analysts.md is answered by its query, the same on both databases."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from collector.storage import runs
from collector.storage.database import Database
from tests.analysts.page import queries
from tests.analysts.week import NUMBER, lived

#: A percent sign is no parameter.
AS_IT_IS = {"no_parameters": True}

#: The rows of each answer, in their order; moments and days as text.
ANSWERS: dict[str, list[tuple[Any, ...]]] = {
    "What holds": [
        ("stands", "text", None,
         "yes if the API accepted it, perhaps if it was sent and never answered."),
    ],
    "How did the calls of this week fare?": [
        ("accepted", "delivered", 4),
        ("ambiguous", "several_users", 1),
        ("rejected", "refused_by_api", 1),
        ("unmatched", "no_keys", 1),
        ("unmatched", "no_session", 1),
    ],
    "Which call centres get calls from sessions of this week?": [("RENNES", 3), ("LYON", 2)],
    "What is the match rate, per day and rule?": [
        ("2026-03-02", "visitor_id", 3, 75.0),
        ("2026-03-02", None, 1, 25.0),
        ("2026-03-03", None, 2, 100.0),
        ("2026-03-04", "visitor_id", 2, 100.0),
    ],
    "Which calls were lost to the seven days, by source?": [
        ("invoca", 1, "2026-02-22 10:05:00", "2026-03-03 10:00:00"),
    ],
    "How long is it from a call's end to its acceptance?": [(4, 525.0, 1425.0)],
    "What share of the calls was answered, by verdict?": [
        ("accepted", 4, 100.0),
        ("ambiguous", 1, 100.0),
        ("rejected", 1, 100.0),
        ("unmatched", 1, 0.0),
    ],
    "Which sessions led to several calls?": [
        ("d.1", 2, "2026-03-02 12:05:00", "2026-03-02 12:20:00"),
    ],
    "Which calls are ambiguous, and who was shown their numbers at the time?": [
        ("c-2", "2026-03-02 11:02:00", NUMBER, "c.1", "2026-03-02 11:01:00",
         "2026-03-02 11:01:00"),
        ("c-2", "2026-03-02 11:02:00", NUMBER, "b.1", "2026-03-02 11:00:00",
         "2026-03-02 11:00:00"),
    ],
    "Which pages' beacons are refused, and why?": [
        ("origin_not_allowed", "https://copy.example", 7, "2026-03-03 09:00:00"),
        ("unknown_project", "https://shop.example", 3, "2026-03-03 09:00:00"),
    ],
    "Which batches were refused, and why?": [
        ("rejected", 400, "HTTP 400: enrichments don't match expected payload", 2, 3),
        ("later", 503, "HTTP 503: sandbox fault: server_error", 1, 1),
    ],
    "What expires within a day?": [("c-10", "h.1", "2026-03-06 09:00:00", 1)],
    "What stands in sessions that their calls no longer point to?": [
        ("c-8", "f.1", 1, "yes", "2026-03-04 10:30:00", "g.1"),
    ],
    "Which installations have sent no beacon since yesterday?": [
        (163, "Other shop", "active", None),
        (164, "Quiet shop", "active", "2026-03-03 09:00:00"),
    ],
    "How does a project's funnel go, week by week?": [
        ("2026-02-16", 0, 1, 1, 1, 0),
        ("2026-02-23", 0, 1, 1, 1, 0),
        ("2026-03-02", 70, 6, 8, 5, 4),
    ],
    "What are the accepted calls worth, by source?": [("own", 3, 2, 75.5), ("twilio", 1, 0, None)],
    "Which runs did not end well?": [
        ("2026-03-04 07:00:00", "reconcile", "interrupted", 11700.0),
        ("2026-03-04 10:30:00", "reconcile", "attention", 0.0),
    ],
    "How late do calls arrive?": [("own", 6, 17.75, 58.75), ("twilio", 2, 10.25, 18.75)],
    "Which records could not be read, and why?": [
        ("own", "bad_time", 1, 2, "2026-03-03 08:00:00"),
    ],
    "Which visits led to calls, and which to none?": [
        ("2026-03-02", 0, 2),
        ("2026-03-02", 1, 1),
        ("2026-03-02", 2, 1),
        ("2026-03-04", 1, 2),
    ],
    "Does every call have a verdict?": [(10, 10)],
}  # fmt: skip


def test_each_question_has_the_answer_that_is_known(database: Database) -> None:
    with lived(database):
        answers = {}
        for question, query in queries(database.dialect).items():
            with database.read() as connection:
                rows = connection.exec_driver_sql(query, execution_options=AS_IT_IS).all()
            answers[question] = [tuple(map(_plain, row)) for row in rows]
    assert answers == ANSWERS


def test_a_moment_as_the_page_writes_it_is_the_same_on_both_databases(database: Database) -> None:
    """Its first microsecond belongs to the span that it begins, the last before it does not."""
    moment = datetime(2026, 3, 2, tzinfo=UTC)
    with database.write() as connection:
        runs.start(connection, "before", "reconcile", moment - timedelta(microseconds=1))
        runs.start(connection, "at", "reconcile", moment)
    for comparison, found in ((">=", "at"), ("<", "before")):
        with database.read() as connection:
            assert connection.exec_driver_sql(
                f"SELECT run_id FROM report_runs WHERE started_at {comparison} "
                "'2026-03-02 00:00:00+00'"
            ).scalars().all() == [found]  # fmt: skip


def _plain(value: Any) -> Any:
    """A value as both databases could have told it."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, date):
        return value.isoformat()
    return value.removesuffix(".000000") if isinstance(value, str) else value
