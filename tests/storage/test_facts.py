"""What speaks against candidates is looked up for each call by itself, however many are asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from collector.domain.call import Call
from collector.domain.definition import Matching
from collector.domain.identifiers import SessionId, parse_session_key
from collector.domain.matching import Candidate
from collector.domain.objections import REMEMBERED, Facts
from collector.storage import calls, facts, sessions
from collector.storage.database import Database
from tests.domain.samples import DAY, MICROSECOND, MINUTE, NOON, a_beacon, a_call

NUMBER = "+33199001234"
TRACKING = "tracking_number"


def dialling(
    call_id: str,
    at: datetime = NOON,
    *,
    caller: str | None = "c",
    number: str = NUMBER,
    **keys: str,
) -> Call:
    return a_call(call_id, started_at=at, caller=caller, keys={TRACKING: number, **keys})


def candidate(call: Call, session: SessionId, kind: str = TRACKING) -> Candidate:
    seen = call.started_at - MINUTE
    return Candidate(
        call_id=call.call_id,
        kind=kind,
        session=session,
        first_seen=seen,
        last_seen=seen,
        key_first_seen=seen,
        key_last_seen=seen,
    )


def gather(database: Database, asked: Sequence[Call], *candidates: Candidate) -> Facts:
    """The facts for these calls, whose only candidate is u.1 unless others are given."""
    found = candidates or tuple(candidate(call, parse_session_key("u.1")) for call in asked)
    with database.read() as connection:
        return facts.gather(connection, 162, asked, found, Matching())


def stored(database: Database, *told: Call, project_id: int = 162) -> None:
    with database.write() as connection:
        calls.store(connection, project_id, told, NOON)


def test_the_first_use_of_a_key_by_the_caller_is_told_of_each_call_alone(
    database: Database,
) -> None:
    earlier = dialling("earlier", NOON - 40 * DAY)
    again = dialling("again", NOON - 20 * DAY)
    late = dialling("late", NOON)
    stored(database, earlier, again, late)
    expected = {
        ("earlier", TRACKING): NOON - 40 * DAY,
        ("again", TRACKING): NOON - 40 * DAY,
        ("late", TRACKING): NOON - 20 * DAY,
    }
    assert gather(database, [earlier, again, late]).dialled == expected
    alone = [gather(database, [call]).dialled for call in (earlier, again, late)]
    assert alone == [{at: first} for at, first in expected.items()]


def test_what_another_call_of_the_page_dialled_is_no_earlier_use_of_this_ones_number(
    database: Database,
) -> None:
    one, other = dialling("one", NOON - DAY), dialling("other", number="+33199004321")
    stored(database, one, other)
    expected = {("one", TRACKING): NOON - DAY, ("other", TRACKING): NOON}
    assert gather(database, [one, other]).dialled == expected


@pytest.mark.parametrize(
    ("before", "remembered"),
    [(REMEMBERED, True), (REMEMBERED + MICROSECOND, False), (-MICROSECOND, False)],
)
def test_a_number_is_remembered_for_a_while_and_not_before_it_was_dialled(
    database: Database, before: timedelta, remembered: bool
) -> None:
    call = dialling("call")
    stored(database, dialling("other", NOON - before), call)
    first = NOON - before if remembered else NOON
    assert gather(database, [call]).dialled == {("call", TRACKING): first}


def test_other_callers_numbers_and_customers_are_no_earlier_use(database: Database) -> None:
    call = dialling("call")
    stored(
        database,
        dialling("another's", NOON - DAY, caller="d"),
        dialling("withheld", NOON - DAY, caller=None),
        dialling("elsewhere", NOON - DAY, number="+33199004321"),
        call,
    )
    stored(database, dialling("another customer's", NOON - DAY), project_id=163)
    assert gather(database, [call]).dialled == {("call", TRACKING): NOON}


def test_a_session_is_known_by_all_that_it_was_told_and_by_nothing_that_others_were(
    database: Database,
) -> None:
    for key, value in (("u.1", "v1"), ("u.1", "v2"), ("u.2", "v3"), ("w.1", "v4")):
        sessions.record(database, a_beacon(key, visitor_id=value, reference="r"), NOON)
    call = dialling("call", caller=None, visitor_id="v1")
    one = parse_session_key("u.1")
    told = gather(database, [call], candidate(call, one)).told
    assert told == {one: {("visitor_id", "v1"), ("visitor_id", "v2")}}


def test_of_a_session_that_was_told_nothing_nothing_is_known(database: Database) -> None:
    sessions.record(database, a_beacon("u.1", tracking_number=NUMBER), NOON)
    assert gather(database, [dialling("call", caller=None, visitor_id="v1")]).told == {}


def test_more_sessions_can_be_asked_about_than_a_statement_has_parameters(
    database: Database,
) -> None:
    sessions.record(database, a_beacon("u.17000", visitor_id="v2"), NOON)
    call = dialling("call", visitor_id="v1")
    many = [
        candidate(call, SessionId(user_id="u", session_number=number)) for number in range(1, 17001)
    ]
    told = gather(database, [call], *many).told
    assert told == {many[-1].session: {("visitor_id", "v2")}}


@contextmanager
def statements(connection: sa.Connection) -> Iterator[list[tuple[str, Any]]]:
    """Each statement with its parameters, as it goes to the database."""
    seen: list[tuple[str, Any]] = []

    def note(*passed: object) -> None:
        seen.append((str(passed[2]), passed[3]))

    sa.event.listen(connection, "before_cursor_execute", note)
    yield seen
    sa.event.remove(connection, "before_cursor_execute", note)


@pytest.mark.parametrize("number", [1, 500])
def test_sqlite_goes_by_the_index_of_what_is_asked_about(
    sqlite_template: Path, number: int
) -> None:
    asked = [dialling(f"call-{n}", caller=f"c{n}", visitor_id="v") for n in range(number)]
    found = [candidate(call, parse_session_key(f"{call.call_id}.1")) for call in asked]
    with Database(f"sqlite:///{sqlite_template}") as database, database.read() as connection:
        with statements(connection) as seen:
            facts.gather(connection, 162, asked, found, Matching())
        assert len(seen) == 2
        plans = [
            " ".join(
                row.detail
                for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", parameters)
            )
            for text, parameters in seen
        ]
    assert (
        "sighting_project_id_user_id_session_number_ix "
        "(project_id=? AND user_id=? AND session_number=?)" in plans[0]
    )
    assert (
        "call_project_id_caller_started_at_ix "
        "(project_id=? AND caller=? AND started_at>? AND started_at<?)" in plans[1]
    )
    assert "(project_id=? AND call_id=? AND kind=?)" in plans[1]
