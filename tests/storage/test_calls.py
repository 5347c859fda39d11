"""Call records: the same again is nothing, a change an update, an older record nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from collector.domain.call import Call
from collector.domain.identifiers import parse_session_key
from collector.domain.ledger import Judgement
from collector.domain.matching import Match
from collector.domain.verdicts import Reason, Verdict
from collector.storage import calls, examining, sessions
from collector.storage.calls import Stored
from collector.storage.database import Database
from collector.storage.examining import Decision
from collector.storage.tables import CallRow
from tests.domain.samples import MINUTE, NOON, SECOND, a_beacon, a_call

NEW, UPDATED, UNCHANGED = Stored.NEW, Stored.UPDATED, Stored.UNCHANGED
LATER = NOON + timedelta(hours=2)


def store(
    database: Database, *records: Call, project_id: int = 162, at: datetime = NOON
) -> list[Stored]:
    with database.write() as connection:
        return calls.store(connection, project_id, records, at)


def find(database: Database, call_id: str = "call-1", project_id: int = 162) -> Call:
    with database.read() as connection:
        found = examining.find(connection, project_id, call_id)
    assert found is not None
    return found.call


def decide(database: Database, call_id: str = "call-1", **changes: Any) -> None:
    """Write a verdict, as the job does."""
    standard: dict[str, Any] = {
        "judgement": Judgement(
            verdict=Verdict.UNMATCHED, reason=Reason.NO_SESSION, detail="nobody"
        ),
        "match": None,
        "examine_again": False,
    }
    with database.write() as connection:
        decision = Decision(call_id=call_id, **(standard | changes))
        examining.write_decisions(connection, 162, [decision], NOON)


def to_examine(database: Database, **options: Any) -> list[str]:
    with database.write() as connection:
        page = examining.to_examine(connection, 162, **({"after": None, "limit": 10} | options))
    return [examined.call.call_id for examined in page]


def row(database: Database) -> sa.Row[Any]:
    with database.read() as connection:
        return connection.execute(sa.select(CallRow.__table__)).one()


def test_a_new_call_comes_back_as_it_was_and_waits_for_the_job(database: Database) -> None:
    call = a_call(
        updated_at=NOON + MINUTE,
        keys={"visitor_id": "v1", "tracking_number": "+33199001234"},
        attributes={
            "text": "é\n\u2028",
            "number": 75,
            "fraction": 4.5,
            "big": 2**60,
            "truth": True,
            "nothing": None,
            "empty": "",
        },
    )
    assert store(database, call) == [NEW]
    assert find(database) == call
    assert find(database).content_hash() == call.content_hash()
    assert (row(database).verdict, row(database).reason) == (Verdict.WAITING, Reason.NEW)
    assert to_examine(database) == ["call-1"]


def test_a_call_with_only_what_it_must_have(database: Database) -> None:
    call = a_call(ended_at=None)
    assert store(database, call) == [NEW]
    assert find(database) == call


def test_the_same_content_again_changes_nothing(database: Database) -> None:
    call = a_call(keys={"visitor_id": "v"}, attributes={"b": 1, "a": "x"})
    store(database, call)
    decide(database)
    before = row(database)
    again = a_call(updated_at=LATER, keys={"visitor_id": "v"}, attributes={"a": "x", "b": 1})
    assert store(database, again, at=LATER) == [UNCHANGED]
    # When it was last said is remembered: what was said before that and comes later has lost.
    assert row(database)._asdict() == {**before._asdict(), "updated_at": LATER}
    assert to_examine(database) == []


CHANGES: Sequence[dict[str, Any]] = (
    {"started_at": NOON - SECOND},
    {"ended_at": None},
    {"keys": {"visitor_id": "w"}},
    {"keys": {}},
    {"keys": {"visitor_id": "v", "reference": "r"}},
    {"attributes": {"rating": 5}},
    {"attributes": {}},
)


def test_every_change_is_an_update_that_the_job_looks_at_again(database: Database) -> None:
    first = {"keys": {"visitor_id": "v"}, "attributes": {"rating": 4}}
    originals = [a_call(f"call-{number}", **first) for number in range(len(CHANGES))]
    store(database, *originals)
    for call in originals:
        decide(database, call.call_id)
    changed = [
        a_call(f"call-{number}", **(first | change)) for number, change in enumerate(CHANGES)
    ]
    assert store(database, *changed, at=LATER) == [UPDATED] * len(CHANGES)
    assert [find(database, call.call_id) for call in changed] == changed
    assert sorted(to_examine(database)) == [call.call_id for call in originals]


def test_the_verdict_of_a_changed_call_stays_until_the_job_has_looked(
    database: Database,
) -> None:
    store(database, a_call())
    decide(database)
    store(database, a_call(attributes={"rating": 5}), at=LATER)
    found = row(database)
    assert (found.verdict, found.detail, found.examine) == ("unmatched", "nobody", True)
    assert (found.received_at, found.changed_at) == (NOON, LATER)


@pytest.mark.parametrize(
    ("stored", "incoming", "outcome"),
    [
        (NOON, NOON - SECOND, UNCHANGED),
        (NOON, NOON, UPDATED),
        (NOON, NOON + SECOND, UPDATED),
        (NOON, None, UPDATED),
        (None, NOON - SECOND, UPDATED),
        (None, None, UPDATED),
    ],
)
@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_a_record_updated_before_what_is_stored_changes_nothing(
    database: Database, stored: datetime | None, incoming: datetime | None, outcome: Stored
) -> None:
    store(database, a_call(updated_at=stored, attributes={"rating": 4}))
    newer = a_call(updated_at=incoming, attributes={"rating": 5})
    assert store(database, newer, at=LATER) == [outcome]
    assert find(database).attributes == {"rating": 4 if outcome is UNCHANGED else 5}


def test_a_late_older_record_changes_nothing_on_either_database(database: Database) -> None:
    store(database, a_call(updated_at=NOON, attributes={"rating": 4}))
    older = a_call(updated_at=NOON - SECOND, attributes={"rating": 3})
    assert store(database, older) == [UNCHANGED]
    assert find(database).attributes == {"rating": 4}


def test_the_same_id_twice_in_one_chunk_ends_as_the_last(database: Database) -> None:
    one, two = a_call(keys={"visitor_id": "v"}), a_call(keys={"reference": "r"})
    assert store(database, one, one, two, one) == [NEW, UNCHANGED, UPDATED, UPDATED]
    assert find(database) == one
    assert store(database, one, two, two) == [UNCHANGED, UPDATED, UNCHANGED]
    assert find(database) == two


def test_an_older_record_after_a_newer_one_in_the_same_chunk_changes_nothing(
    database: Database,
) -> None:
    newer = a_call(updated_at=NOON, attributes={"rating": 5})
    older = a_call(updated_at=NOON - SECOND, attributes={"rating": 4})
    assert store(database, newer, older) == [NEW, UNCHANGED]
    assert find(database) == newer


def test_a_call_that_is_confirmed_and_then_changed_in_one_chunk_is_as_new_as_its_change(
    database: Database,
) -> None:
    one = a_call(updated_at=NOON, attributes={"rating": 4})
    again = a_call(updated_at=NOON + SECOND, attributes={"rating": 4})
    newest = a_call(updated_at=NOON + MINUTE, attributes={"rating": 5})
    store(database, one)
    assert store(database, again, newest) == [UNCHANGED, UPDATED]
    between = a_call(updated_at=NOON + 2 * SECOND, attributes={"rating": 3})
    assert store(database, between) == [UNCHANGED]
    assert find(database) == newest


def test_a_chunk_can_hold_new_updated_and_unchanged_calls(database: Database) -> None:
    store(database, a_call("a"), a_call("b"))
    chunk = (a_call("a"), a_call("b", ended_at=None), a_call("c"))
    assert store(database, *chunk) == [UNCHANGED, UPDATED, NEW]
    assert store(database) == []


def test_the_same_id_in_two_projects_is_two_calls(database: Database) -> None:
    assert store(database, a_call(attributes={"of": 1})) == [NEW]
    assert store(database, a_call(attributes={"of": 2}), project_id=163) == [NEW]
    assert find(database).attributes == {"of": 1}
    assert find(database, project_id=163).attributes == {"of": 2}
    with database.read() as connection:
        assert examining.find(connection, 164, "call-1") is None
        assert examining.find(connection, 162, "call-2") is None


def test_the_job_gets_its_calls_page_by_page_in_the_order_of_start_and_id(
    database: Database,
) -> None:
    starts = {"d": 3, "b": 1, "c": 1, "a": 2, "done": 0}
    store(
        database,
        *(a_call(name, started_at=NOON + n * SECOND) for name, n in starts.items()),
    )
    decide(database, "done")
    assert to_examine(database) == ["b", "c", "a", "d"]
    assert to_examine(database, limit=2) == ["b", "c"]
    assert to_examine(database, after=(NOON + SECOND, "b"), limit=2) == ["c", "a"]
    assert to_examine(database, after=(NOON + 3 * SECOND, "d"), lock=False) == []
    with database.read() as connection:
        assert examining.count_to_examine(connection, 162) == 4
        assert examining.count_to_examine(connection, 163) == 0


def test_a_decision_is_kept_with_its_match_and_taken_back_by_the_next(
    database: Database,
) -> None:
    sessions.record(database, a_beacon("u.1"), NOON)
    store(database, a_call())
    match = Match(
        session=parse_session_key("u.1"),
        first_seen=NOON,
        rule="visitor_id",
        evidence={"key": "v", "users_considered": 1, "session_open_at_call": True},
    )
    pending = Judgement(verdict=Verdict.PENDING, reason=Reason.TO_SEND, detail="to be sent")
    decide(database, judgement=pending, match=match, examine_again=True)
    with database.read() as connection:
        examined = examining.find(connection, 162, "call-1")
    assert examined is not None
    assert (examined.judgement, examined.match) == (pending, match)
    assert to_examine(database) == ["call-1"]
    decide(database)
    found = row(database)
    assert (found.user_id, found.session_number, found.rule, found.evidence) == (None,) * 4
    assert (found.verdict, found.examine) == ("unmatched", False)


def test_the_earliest_call_with_a_verdict_is_found(database: Database) -> None:
    store(database, a_call("b"), a_call("a"), a_call("first", started_at=NOON - SECOND))
    store(database, a_call("elsewhere", started_at=NOON - MINUTE), project_id=163)
    with database.read() as connection:
        assert examining.first_with(connection, 162, Verdict.WAITING) == "first"
        assert examining.first_with(connection, 162, Verdict.ACCEPTED) is None
    decide(database, "first")
    with database.read() as connection:
        assert examining.first_with(connection, 162, Verdict.WAITING) == "a"
        assert examining.first_with(connection, 162, Verdict.UNMATCHED) == "first"
