"""The questions of docs/analysts.md are answered by indexes, however much has come before."""

from __future__ import annotations

import re

import sqlalchemy as sa

from collector.storage.database import Database
from tests.analysts.page import queries
from tests.analysts.test_questions import AS_IT_IS
from tests.plans import analyse, explained

#: Enough that no planner would rather read all of it; of months, until the week that is asked for.
PAST = 3000

#: These count all of a project's sessions and calls, as the page says.
OF_ALL_DAYS = {
    "How does a project's funnel go, week by week?",
    "Does every call have a verdict?",
}

LARGE = "session|sighting|call|call_key|enrichment"

#: A whole table, or all that a project has of one. SQLite says aliases, PostgreSQL both.
READS_ALL = re.compile(
    rf"(?:^|-> +)(?:Parallel )?Seq Scan on (?:{LARGE})\b"
    rf"|^SCAN (?:{LARGE}|[scek])\b"
    rf"|^SEARCH (?:{LARGE}|[scek]) .*\(project_id=\?\)$"
)

MOMENTS = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f000', '2026-03-02 12:00:00', '-' || (2 * i) || ' hours')",
    "postgresql": "timestamptz '2026-03-02 12:00:00Z' - i * interval '2 hours'",
}
SEEN = f"""
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {PAST})
SELECT 162 AS project_id, 'u' || i AS user_id, 1 AS session_number, {{moment}} AS at, i FROM n
"""
FILL = (
    """INSERT INTO session (project_id, user_id, session_number, first_seen, last_seen, beacons)
    SELECT project_id, user_id, session_number, at, at, 1 FROM ({seen}) AS seen""",
    """INSERT INTO sighting
    SELECT project_id, 'tracking_number', 'n' || (i % 50), user_id, session_number, at, at
    FROM ({seen}) AS seen""",
    """INSERT INTO call (project_id, call_id, started_at, ended_at, attributes, content_hash,
        received_at, changed_at, verdict, reason, detail, decided_at, examine, user_id,
        session_number, rule)
    SELECT project_id, 'c' || i, at, at, '{{}}', '', at, at,
        CASE WHEN i % 50 = 0 THEN 'ambiguous' ELSE 'accepted' END, '', '', at, false, user_id,
        session_number, 'visitor_id'
    FROM ({seen}) AS seen""",
    """INSERT INTO call_key SELECT project_id, 'c' || i, 'tracking_number', 'n' || (i % 50)
    FROM ({seen}) AS seen""",
    """INSERT INTO enrichment (project_id, user_id, session_number, enrichment_number, call_id,
        payload, payload_hash, integration_version, revision, accepted_revision, state, deadline,
        attempts, created_at, changed_at)
    SELECT project_id, user_id, session_number, 1, 'c' || i, '{{}}', '', 1, 1, 1,
        CASE WHEN i % 500 = 0 THEN 'superseded' ELSE 'accepted' END, at, 1, at, at
    FROM ({seen}) AS seen""",
)


def test_each_question_goes_by_indexes_but_for_those_of_all_days(database: Database) -> None:
    with database.write() as connection:
        seen = SEEN.format(moment=MOMENTS[connection.dialect.name])
        for statement in FILL:
            filling = statement.format(seen=seen).replace(":", "\\:")
            connection.execute(sa.text(filling))
    analyse(database)
    reading_all = {}
    for question, query in queries(database.dialect).items():
        with explained(database) as lines, database.read() as connection:
            connection.exec_driver_sql(query, execution_options=AS_IT_IS).all()
        assert lines, question
        if found := [line for line in lines if READS_ALL.search(line)]:
            reading_all[question] = found
    assert set(reading_all) == OF_ALL_DAYS, reading_all
