"""What is told of one call, one session, one installation, from the views alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from collector.domain.identifiers import SessionId
from collector.domain.verdicts import Verdict
from collector.sandbox import Sandbox
from collector.storage import beacon_counts, key_shares, sessions
from collector.storage.beacon_counts import BeaconCount
from collector.storage.database import Database
from collector.storage.reports import calls, installations, keys
from collector.storage.reports import sessions as session_reports
from collector.storage.reports.asking import Period
from collector.storage.reports.calls import Choice, Place
from tests.plans import explained
from tests.sandbox_fixtures import PHONE_CALL_INSTALLATION
from tests.storage.reports.conftest import Reader
from tests.storage.test_plans import filled, reading_all
from tests.world import PROJECT, Clock, World

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
TODAY = Period(projects=(PROJECT,), first=NOON.date(), last=NOON.date())
ALL_DAY = Choice(since=TODAY.since, until=TODAY.until)
SESSION = SessionId("u", 1)


@pytest.fixture
def world(database: Database) -> Iterator[World]:
    """One visit with an accepted call, a call without a session, and another project's call."""
    clock = Clock(NOON)
    with Sandbox([PHONE_CALL_INSTALLATION], now=clock) as sandbox:
        world = World(database, sandbox, clock)
        world.install()
        world.install(project_id=163, integration_id=43, name="Other shop")
        world.visit("u.1", visitor_id="v-1")
        clock.forward(minutes=10)
        world.call("c-1", ago=MINUTE, visitor_id="v-1", caller="hash")
        world.call("c-2", ago=MINUTE)
        world.call("c-1", ago=2 * MINUTE, project_id=163)
        world.run(PROJECT)
        yield world


def test_a_call_is_told_with_its_enrichment_and_not_with_its_caller(
    world: World, reader: Reader
) -> None:
    with reader() as connection:
        told = calls.find(connection, PROJECT, "c-1")
        built = calls.enrichment_of(connection, PROJECT, "c-1")
        other = calls.find(connection, 163, "c-1")
        assert calls.find(connection, PROJECT, "c-3") is None
        assert calls.enrichment_of(connection, PROJECT, "c-2") is None
        assert calls.left_behind(connection, PROJECT, "c-1") == []
    assert told is not None
    assert (told.verdict, told.session_key, told.rule) == ("accepted", "u.1", "visitor_id")
    assert (told.has_caller, told.started_at) == (True, NOON + 9 * MINUTE)
    assert built is not None
    assert (built.enrichment_number, built.revision, built.status) == (1, 1, 200)
    assert built.payload["call_center_name"] == "RENNES"
    assert other is not None
    assert (other.verdict, other.has_caller) == ("waiting", False)


def test_what_was_left_behind_is_told(world: World, reader: Reader) -> None:
    world.visit("w.1", visitor_id="v-2")
    world.call("c-1", visitor_id="v-2")
    world.run(PROJECT)
    with reader() as connection:
        (left,) = calls.left_behind(connection, PROJECT, "c-1")
        built = calls.enrichment_of(connection, PROJECT, "c-1")
    assert (left.session_key, left.enrichment_number, left.stands) == ("u.1", 1, "yes")
    assert built is not None
    assert built.session_key == "w.1"


def test_a_call_id_is_found_in_each_project_that_has_it(world: World, reader: Reader) -> None:
    with reader() as connection:
        found = calls.with_id(connection, (PROJECT, 163), "c-1")
        assert [call.project_id for call in found] == [PROJECT, 163]
        assert calls.with_id(connection, (163,), "c-2") == []
        assert calls.with_id(connection, (), "c-1") == []


def test_calls_are_listed_page_by_page_in_one_order(world: World, reader: Reader) -> None:
    world.call("c-0", ago=MINUTE, project_id=163)  # at the same moment as those of the other one
    shown: list[tuple[int, str]] = []
    place = None
    with reader() as connection:
        while page := calls.newest(connection, (PROJECT, 163), ALL_DAY, after=place, most=1):
            (call,) = page
            shown.append((call.project_id, call.call_id))
            place = Place(
                started_at=call.started_at, project_id=call.project_id, call_id=call.call_id
            )
        whole = calls.newest(connection, (PROJECT, 163), ALL_DAY, after=None, most=50)
    assert shown == [(163, "c-0"), (PROJECT, "c-2"), (PROJECT, "c-1"), (163, "c-1")]
    assert [(call.project_id, call.call_id) for call in whole] == shown


@pytest.mark.parametrize(
    ("conditions", "found"),
    [
        ({"verdict": "accepted"}, ["c-1"]),
        ({"reason": "no_keys"}, ["c-2"]),
        ({"rule": "visitor_id"}, ["c-1"]),
        ({"rule": "visitor_id", "verdict": "pending"}, []),
        ({"until": NOON}, []),
    ],
)
def test_calls_are_chosen_by_what_they_have_in_common(
    world: World, reader: Reader, conditions: dict[str, Any], found: list[str]
) -> None:
    choice = Choice(**{"since": TODAY.since, "until": TODAY.until, **conditions})
    with reader() as connection:
        listed = calls.newest(connection, (PROJECT,), choice, after=None, most=50)
    assert [call.call_id for call in listed] == found


def test_a_session_is_told_with_its_calls_and_its_enrichments_by_number(
    world: World, reader: Reader
) -> None:
    with reader() as connection:
        (seen,) = session_reports.find(connection, (PROJECT, 163), SESSION)
        assert session_reports.find(connection, (163,), SESSION) == []
        assert session_reports.find(connection, (), SESSION) == []
        first = session_reports.first(connection, PROJECT)
        assert session_reports.first(connection, 163) is None
        (call,) = session_reports.calls_of(connection, PROJECT, SESSION)
        (numbered,) = session_reports.enrichments_of(connection, PROJECT, SESSION)
    assert first == seen
    assert (seen.session_key, seen.calls, seen.enrichments) == ("u.1", 1, 1)
    assert (call.call_id, call.verdict) == ("c-1", "accepted")
    assert (numbered.enrichment_number, numbered.call_id) == (1, "c-1")


def test_the_keys_of_a_session_are_told_with_their_times(world: World) -> None:
    world.visit("u.1", reference="r-1")
    with world.database.read() as connection:
        found = sessions.keys_of(connection, PROJECT, SESSION)
    assert [(key.kind, key.value, key.first_seen) for key in found] == [
        ("reference", "r-1", NOON + 10 * MINUTE),
        ("visitor_id", "v-1", NOON),
    ]


def test_an_installation_is_told_with_what_came_of_it(world: World, reader: Reader) -> None:
    world.edit(problem="wrong secret")
    world.call("c-3", visitor_id="v-1")
    count = BeaconCount(
        project_id=PROJECT, day=NOON.date(), outcome="accepted", origin="", beacons=3, last_at=NOON
    )
    beacon_counts.add(world.database, [count])
    with reader() as connection:
        assert installations.names(connection) == {PROJECT: "Example shop", 163: "Other shop"}
        assert installations.find(connection, 164) is None
        installed = installations.find(connection, PROJECT)
        verdicts = installations.verdicts(connection, TODAY)
        assert installations.sessions(connection, TODAY) == 1
        assert installations.beacons(connection, TODAY) == {"accepted": 3}
        assert installations.refused(connection, TODAY) == []
        assert installations.has_calls(connection, PROJECT)
        assert installations.refused_of(connection, (PROJECT,), "c-1") == []
        assert installations.refused_of(connection, (), "c-1") == []
        (batch,) = installations.last_batches(connection, PROJECT)
    assert installed is not None
    assert (installed.state, installed.problem) == ("problem", "wrong secret")
    assert installed.origins == ["https://shop.example"]
    assert installed.created_at == NOON
    assert list(verdicts) == list(Verdict)
    assert {name: number for name, number in verdicts.items() if number} == {
        "accepted": 1, "unmatched": 1, "waiting": 1,
    }  # fmt: skip
    assert (batch.enrichments, batch.outcome, batch.status) == (1, "accepted", 200)


def test_what_expires_is_told_the_first_deadline_first(world: World, reader: Reader) -> None:
    world.visit("w.1", visitor_id="v-2")
    world.call("c-3", visitor_id="v-2")
    world.edit(paused=True)
    world.run(PROJECT)
    with reader() as connection:
        assert installations.expiring(connection, PROJECT, NOON + 7 * DAY) == []
        (soon,) = installations.expiring(connection, PROJECT, NOON + 8 * DAY)
    assert (soon.call_id, soon.deadline) == ("c-3", NOON + 10 * MINUTE + 7 * DAY)


def test_a_question_is_shown_as_it_can_be_repeated(world: World, reader: Reader) -> None:
    world.call("O'Brien", ago=MINUTE)
    shown = calls.CALL.shown({"project": PROJECT, "call": "O'Brien"})
    with reader() as connection:
        assert len(connection.execute(sa.text(shown)).all()) == 1
        assert (
            len(
                connection.execute(
                    sa.text(
                        ALL_DAY.question().shown(
                            {"project": PROJECT, "since": ALL_DAY.since, "until": ALL_DAY.until}
                        )
                    )
                ).all()
            )
            == 3
        )


def test_each_page_is_read_by_indexes_alone(database: Database) -> None:
    filled(database)
    spread = {
        "sqlite": "strftime('%Y-%m-%d %H:%M:%f000', '2026-03-02 12:00:00', "
        "'-' || substr(call_id, 5) || '0 minutes')",
        "postgresql": "timestamptz '2026-03-02 12:00:00Z' "
        "- substr(call_id, 5)::int * interval '10 minutes'",
    }[database.dialect]
    with database.write() as connection:
        connection.execute(sa.text(f"UPDATE call SET started_at = {spread}"))
    if not database.is_sqlite:
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as alone:
            alone.execute(sa.text("ANALYZE"))
    today = datetime(2026, 3, 2, tzinfo=UTC)
    period = Period(projects=(162,), first=today.date(), last=today.date())
    choice = Choice(since=today - DAY, until=today, verdict="waiting")
    place = Place(started_at=today - MINUTE, project_id=162, call_id="old-5")
    session = SessionId("u7", 1)
    with explained(database) as lines, database.read() as connection:
        assert len(calls.newest(connection, (162,), choice, after=place, most=50)) == 50
        assert calls.find(connection, 162, "old-7")
        assert calls.with_id(connection, (162, 163), "old-7")
        calls.enrichment_of(connection, 162, "old-7")
        calls.left_behind(connection, 162, "old-7")
        assert session_reports.find(connection, (162,), session)
        assert session_reports.first(connection, 162)
        session_reports.calls_of(connection, 162, session)
        assert session_reports.enrichments_of(connection, 162, session)
        assert sessions.keys_of(connection, 162, session)
        installations.sessions(connection, period)
        installations.expiring(connection, 162, today)
        installations.refused_of(connection, (162,), "old-7")
    # Of an empty table PostgreSQL reads all; the first session is the first of its index.
    first = "SEARCH s USING INDEX session_project_id_first_seen_ix (project_id=?)"
    assert [
        line
        for line in reading_all(lines)
        if line != first and "on batch" not in line and "on refused_record" not in line
    ] == []
    used = " ".join(lines)
    for index in ("call_project_id_started_at_ix", "session_project_id_first_seen_ix",
                  "enrichment_pending_ix"):  # fmt: skip
        assert index in used
    with explained(database) as lines, database.read() as connection:
        installations.verdicts(connection, period)
    assert "call_project_id_started_at_ix" in " ".join(lines)
    with explained(database) as lines, database.read() as connection:
        assert key_shares.of_day(connection, 162, today.date()).kinds["visitor_id"] == 720
    # PostgreSQL knows that a fourth of all is as well read whole.
    assert reading_all(lines) == [] or not database.is_sqlite


def test_the_kinds_of_keys_are_those_that_a_check_tells(
    world: World, reader: Reader, database: Database
) -> None:
    world.visit("u.7", visitor_id="v-7", reference="r-7")
    world.visit("u.8", visitor_id="v-8")
    world.visit("u.9")
    day = world.clock().date()
    with reader() as connection:
        told = keys.of_day(connection, PROJECT, day)
    with database.read() as connection:
        checked = key_shares.of_day(connection, PROJECT, day)
    assert (told.sessions, told.kinds) == (checked.sessions, checked.kinds)
    assert told.without == checked.sessions - checked.with_a_key == 1


# PostgreSQL knows how many there are, and goes through all of them where that is quicker.
@pytest.mark.parametrize("dialect", ["sqlite"])
def test_the_keys_of_a_day_are_looked_up_session_by_session(database: Database) -> None:
    filled(database)
    with explained(database) as lines, database.read() as connection:
        assert keys.of_day(connection, 162, datetime(2026, 3, 2, tzinfo=UTC).date()).kinds
    assert reading_all(lines) == []
    index = "sighting_project_id_user_id_session_number_ix"
    by_session = f"{index} (project_id=? AND user_id=? AND session_number=?)"
    assert [line for line in lines if by_session in line]
