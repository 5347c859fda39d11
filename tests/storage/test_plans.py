"""The job finds what it needs by indexes, on both databases, however much has come before."""

from __future__ import annotations

import sqlalchemy as sa

from collector.domain.call import Call
from collector.domain.definition import CallMapping, Definition, IntegrationVersion, Matching
from collector.domain.retention import Kind
from collector.domain.schema import Schema
from collector.jobs.examine import Examiner
from collector.storage import calls, candidates, examining, expiring, purging
from collector.storage.database import Database
from collector.storage.purged import EVER
from tests.domain.samples import DAY, MINUTE, NOON, a_call
from tests.plans import analyse, explained

#: Enough that no planner would rather read all of it.
PAST = 3000

NUMBER = "+33199001234"

#: Half of them at one popular number, a minute apart, until noon.
SEEN = f"""
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {PAST})
SELECT 162 AS project_id, 'u' || i AS user_id, 1 AS session_number,
    {{moment}} AS first_seen, {{moment}} AS last_seen, i FROM n
"""
MOMENTS = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f000', '2026-03-02 12:00:00', '-' || i || ' minutes')",
    "postgresql": "timestamptz '2026-03-02 12:00:00Z' - i * interval '1 minute'",
}
FILL = (
    """INSERT INTO session (project_id, user_id, session_number, first_seen, last_seen, beacons)
    SELECT project_id, user_id, session_number, first_seen, last_seen, 1 FROM ({seen}) AS seen""",
    """INSERT INTO sighting
    SELECT project_id, 'visitor_id', 'v' || i, user_id, session_number, first_seen, last_seen
    FROM ({seen}) AS seen""",
    """INSERT INTO sighting
    SELECT project_id, 'tracking_number', '{number}', user_id, session_number, first_seen,
        last_seen
    FROM ({seen}) AS seen WHERE i % 2 = 0""",
)
DELIVERED = """
INSERT INTO enrichment (project_id, user_id, session_number, enrichment_number, call_id, payload,
    payload_hash, integration_version, revision, accepted_revision, state, deadline, attempts,
    created_at, changed_at)
SELECT project_id, user_id, session_number, 1, 'old-' || (i - 1), '{{}}', '', 1, 1, 1, 'accepted',
    last_seen, 1, last_seen, last_seen FROM ({seen}) AS seen
"""
SPENT = """
INSERT INTO spent_number SELECT project_id, user_id, session_number, 2 FROM ({seen}) AS seen
"""


def filled(database: Database) -> list[Call]:
    """A long past, and two new calls."""
    with database.write() as connection:
        seen = SEEN.format(moment=MOMENTS[connection.dialect.name])
        for statement in FILL:
            connection.execute(sa.text(statement.format(seen=seen, number=NUMBER)))
        past = [a_call(f"old-{n}", caller=f"c{n % 900}",
                       keys={"tracking_number": NUMBER, "reference": f"r{n}"})
                for n in range(PAST)]  # fmt: skip
        new = [
            a_call(
                f"new-{n}",
                started_at=NOON - DAY + n * MINUTE,
                caller=f"c{n}",
                keys={"visitor_id": f"v{1440 - n}", "tracking_number": NUMBER,
                      "session_key": f"u{1440 - n}.1"},
            )
            for n in range(2)
        ]  # fmt: skip
        calls.store(connection, 162, [*past, *new], NOON)
        connection.execute(sa.text("UPDATE call SET examine = (call_id LIKE 'new-%')"))
        connection.execute(sa.text(DELIVERED.format(seen=seen)))
        connection.execute(sa.text(SPENT.format(seen=seen)))
    analyse(database)
    return new


def reading_all(lines: list[str]) -> list[str]:
    """The steps that read a whole table, or all that a project has of one."""
    tables = ("session", "sighting", "call", "call_key", "enrichment", "seen")
    return [
        line
        for line in lines
        if "Seq Scan" in line
        or line.startswith(tuple(f"SCAN {table}" for table in tables))
        or (line.endswith("(project_id=?)") and "call_examine_ix" not in line)
    ]


def test_a_page_of_calls_is_planned_and_written_by_indexes_alone(database: Database) -> None:
    filled(database)
    definition = Definition(
        name="Calls",
        mapping=CallMapping(id=("id",)),
        versions={1: IntegrationVersion(number=1, schema=Schema(fields=()), recipes={})},
    )
    examiner = Examiner(162, definition, definition.versions[1])
    with explained(database) as lines, database.write() as connection:
        page = examining.to_examine(connection, 162, after=None, limit=500)
        assert examining.are_unchanged(connection, 162, page)
        found = examiner.find(connection, page, NOON)
        examiner.plan(connection, found, NOON).write(connection, 162, NOON)
    assert len(page) == 2
    assert reading_all(lines) == []
    used = " ".join(lines)
    for index in (
        "call_examine_ix",
        "sighting_project_id_kind_value_last_seen_ix",
        "sighting_long_ix",
        "call_project_id_caller_started_at_ix",
        "enrichment_project_id_call_id_ix",
    ):
        assert index in used
    # What a caller has dialled before is not looked for among all who dialled the number.
    assert "call_key_project_id_kind_value_ix" not in used


def test_calls_are_revived_by_indexes_alone(database: Database) -> None:
    new = filled(database)
    with explained(database) as lines, database.write() as connection:
        found = candidates.revivable(
            connection, 162, Matching(), since=NOON - 10 * MINUTE, started_after=NOON - 7 * DAY
        )
        candidates.revive(connection, 162, [call.call_id for call in new])
    assert found == []
    assert reading_all(lines) == []
    used = " ".join(lines)
    for index in (
        "call_without_session_ix",
        "sighting_project_id_last_seen_ix",
        "session_project_id_first_seen_ix",
    ):
        assert index in used


def test_that_nothing_is_new_is_learnt_by_indexes_alone(database: Database) -> None:
    filled(database)
    with explained(database) as lines, database.read() as connection:
        assert examining.count_to_examine(connection, 162) == 2
        assert not expiring.is_any_overdue(connection, 162, NOON)
    assert reading_all(lines) == []
    assert all(index in " ".join(lines) for index in ("call_examine_ix", "enrichment_pending_ix"))


def test_what_is_old_is_removed_by_indexes_alone(database: Database) -> None:
    filled(database)
    cut = NOON - DAY
    with explained(database) as lines, database.write() as connection:
        for kind in (Kind.CALLS, Kind.SESSIONS):
            assert purging.is_any(connection, 162, kind, EVER, NOON)
            end = purging.end_of_page(connection, 162, kind, EVER, cut, 100)
            purging.drop_between(connection, 162, kind, cut - MINUTE, cut, cut)
            assert end <= cut
        for kind in purging.PLAIN:
            purging.drop_oldest(connection, 162, kind, NOON - 2 * DAY, 100)
    empty = ("_count", "Scan on batch", "Scan on refused_record")  # and so read whole
    assert [line for line in reading_all(lines) if not any(name in line for name in empty)] == []
    used = " ".join(lines)
    for index in (
        "session_project_id_first_seen_ix",
        "sighting_project_id_last_seen_ix",
        "call_project_id_started_at_ix",
        "call_project_id_user_id_session_number_ix",
    ):
        assert index in used
