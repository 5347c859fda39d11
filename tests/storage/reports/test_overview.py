"""What the overview reads is true, can be repeated by whoever may read the views, and is cheap."""

from __future__ import annotations

import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import astuple
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from collector.sandbox import Sandbox
from collector.storage import calls
from collector.storage.database import Database
from collector.storage.reports import asking, fates, overview, refusals, standing, traffic
from collector.storage.reports.asking import Period, Question
from tests.conftest import DIALECTS
from tests.domain.samples import a_call
from tests.plans import explained
from tests.postgres import PostgresServer
from tests.sandbox_fixtures import PHONE_CALL_INSTALLATION
from tests.storage.test_plans import filled
from tests.telling import SHOP, told
from tests.world import Clock, World

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = NOON.date()
PERIOD = Period(projects=(162, 163), first=DAY, last=DAY)
VALUES = PERIOD.values(soonest=NOON, latest=NOON + timedelta(days=7), most=10)


@pytest.fixture(scope="module", params=DIALECTS)
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """One for all tests that only read it, on each database."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            path = tmp_path_factory.mktemp("reports") / "collector.db"
            shutil.copy(request.getfixturevalue("sqlite_template"), path)
            url = f"sqlite:///{path}"
        else:
            server: PostgresServer = request.getfixturevalue("postgres")
            name = server.lend()
            stack.callback(server.take_back, name)
            url = server.url(name)
        database = stack.enter_context(Database(url))
        yield stack.enter_context(told(database, NOON))


def questions() -> dict[str, Question]:
    """Every question of the overview."""
    return {
        f"{module.__name__}.{name}": value
        for module in (traffic, fates, refusals, standing, overview)
        for name, value in vars(module).items()
        if isinstance(value, Question)
    }


def test_a_day_is_told_by_verdict_rule_and_time(world: World) -> None:
    with world.database.read() as connection:
        found = fates.fates(connection, PERIOD)
        assert traffic.sessions(connection, PERIOD) == 3
        assert fates.count(connection, PERIOD) == sum(fate.calls for fate in found) == 5
        seconds = fates.seconds(connection, PERIOD)
    assert sorted(map(str, map(astuple, found))) == sorted(
        str((162, DAY, verdict, rule, 1, matched))
        for verdict, rule, matched in (
            ("accepted", "visitor_id", 1),
            ("invalid", "visitor_id", 1),
            ("pending", "visitor_id", 1),
            ("rejected", "visitor_id", 1),
            ("unmatched", None, 0),
        )
    )
    assert {astuple(one) for one in seconds} == {
        (None, 1, 525.0, 525.0, 525.0),
        (DAY, 1, 525.0, 525.0, 525.0),
    }
    for period in (
        Period(projects=(162,), first=DAY - timedelta(days=2), last=DAY - timedelta(days=1)),
        Period(projects=(162,), first=DAY + timedelta(days=1), last=DAY + timedelta(days=9)),
        Period(projects=(163,), first=DAY, last=DAY),
    ):
        with world.database.read() as connection:
            assert traffic.sessions(connection, period) == fates.count(connection, period) == 0
            asked: Any = (fates.fates, fates.seconds, refusals.records, refusals.calls)
            assert [ask(connection, period) for ask in asked] == [[], [], [], []]
            assert {one.project_id for one in traffic.beacons(connection, period)} <= {0}


def test_percentiles_are_by_nearest_rank(database: Database) -> None:
    clock = Clock(NOON)
    with Sandbox([PHONE_CALL_INSTALLATION], now=clock) as sandbox:
        world = World(database, sandbox, clock)
        world.install()
        for number in range(1, 21):
            world.visit(f"u.{number}", visitor_id=f"v-{number}")
        clock.forward(minutes=10)
        for number in range(1, 21):
            ended = timedelta(seconds=100 + number)
            world.call(visitor_id=f"v-{number}", ago=ended + timedelta(seconds=75))
        world.run()
    with database.read() as connection:
        (overall,) = (one for one in fates.seconds(connection, PERIOD) if one.day is None)
    # Ten of twenty took no longer than 110 seconds, nineteen no longer than 119.
    assert astuple(overall) == (None, 20, 110.0, 119.0, 120.0)


def test_what_was_refused_is_told_by_reason(world: World) -> None:
    with world.database.read() as connection:
        (records,) = refusals.records(connection, PERIOD)
        rejected, invalid = sorted(
            refusals.calls(connection, PERIOD), key=lambda one: one.verdict, reverse=True
        )
        batches = refusals.batches(connection, PERIOD)
        totals = {one.outcome: one for one in refusals.batch_totals(connection, PERIOD)}
        beacons = {astuple(one)[:4] for one in traffic.beacons(connection, PERIOD)}
    assert astuple(records) == (162, "no_call_id", 2, 2, NOON, "Example shop 1")
    assert (rejected.verdict, rejected.reason, rejected.calls) == ("rejected", "refused_by_api", 1)
    assert (invalid.verdict, invalid.reason, invalid.calls) == ("invalid", "fields_invalid", 1)
    assert {(one.outcome, one.status, one.batches) for one in batches} == {
        ("rejected", 400, 1),
        ("later", 503, 1),
    }
    assert {name: one.batches for name, one in totals.items()} == {
        "accepted": 1, "rejected": 1, "later": 1,
    }  # fmt: skip
    assert beacons == {
        (162, "accepted", SHOP, 5),
        (162, "origin_not_allowed", "https://www.shop.example", 7),
        (0, "unknown_project", SHOP, 2),
        (0, "unknown_project", "https://nobody.example", 3),
    }


def test_what_stands_now_is_told_of_each_installation_and_run(world: World) -> None:
    started = NOON - timedelta(minutes=10)
    deadline = started + timedelta(days=7)
    with world.database.read() as connection:
        shop, hotel = standing.installations(connection)
        last = standing.runs(connection, 2)
        soon = standing.expiring(connection, (162, 163), NOON, deadline)
        late = standing.expiring(connection, (162, 163), deadline, deadline)
        later = standing.expiring(connection, (162, 163), NOON, deadline - timedelta(seconds=1))
    assert (shop.origins, shop.honour_gpc, shop.last_beacon_at) == ([SHOP], True, NOON)
    assert (shop.state, hotel.state, hotel.last_beacon_at) == ("active", "paused", None)
    assert [run.outcome for run in last] == ["done", "attention"]
    assert [one["project_id"] for one in last[0].counts["projects"]] == [162, 163]
    assert [astuple(one) for one in soon] == [(162, 1, deadline, 0)]
    assert [astuple(one) for one in late] == [(162, 0, None, 1)]
    assert later == []


def test_who_pastes_what_is_shown_gets_the_same(world: World) -> None:
    """Also in a session of PostgreSQL that is in another time zone."""
    for name, question in questions().items():
        shown = question.shown(VALUES)
        assert not re.search(r":[a-z]", shown.replace("::", "")), name
        with world.database.read() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.text("SET LOCAL timezone = 'Asia/Tokyo'"))
            pasted = [dict(row) for row in connection.exec_driver_sql(shown).mappings()]
            asked = question.ask(connection, VALUES)
        # As SQLite tells them, moments and days are text, which only `types` reads.
        plain = [{n: row[n] for n in row if n not in question.types} for row in pasted]
        expected = [{n: row[n] for n in row if n not in question.types} for row in asked]
        assert plain == expected, name
        assert asked, name


@pytest.mark.parametrize("world", ["postgresql"], indirect=True)
def test_who_may_read_the_views_alone_may_ask_everything(world: World) -> None:
    with world.database.engine.connect() as connection:
        views = sa.inspect(connection).get_view_names()
        role = f"reader_{uuid.uuid4().hex[:8]}"
        connection.execute(sa.text(f"CREATE ROLE {role}"))
        connection.execute(sa.text(f"GRANT SELECT ON {', '.join(views)} TO {role}"))
        connection.execute(sa.text(f"SET LOCAL ROLE {role}"))
        for question in questions().values():
            question.ask(connection, VALUES)
        with pytest.raises(sa.exc.ProgrammingError, match="permission denied for table call"):
            connection.execute(sa.text("SELECT * FROM call"))
        connection.rollback()  # the role is gone with it


def test_all_is_read_at_one_moment(database: Database) -> None:
    with database.write() as connection:
        calls.store(connection, 162, [a_call("c-1")], NOON)
    with database.read() as connection:
        asking.one_moment(connection)
        assert fates.count(connection, PERIOD) == 1
        with database.write() as another:
            calls.store(another, 162, [a_call("c-2")], NOON)
        assert fates.count(connection, PERIOD) == 1
    read = overview.read(database, PERIOD, NOON, margin=timedelta(minutes=5))
    assert read.calls == sum(fate.calls for fate in read.fates) == 2


def test_the_overview_is_read_by_indexes_however_much_has_come_before(database: Database) -> None:
    filled(database)
    after = Period(projects=(162,), first=DAY + timedelta(days=1), last=DAY + timedelta(days=1))
    with explained(database) as lines:
        overview.read(database, after, NOON, margin=timedelta(minutes=5))
    large = r"(session|sighting|call|enrichment|[sce])\b"
    all_of_it = rf"(Seq Scan on|^SCAN) {large}|^SEARCH {large}.*\(project_id=\?\)"
    assert [line for line in lines if re.search(all_of_it, line)] == []
    used = " ".join(lines)
    for index in (
        "session_project_id_first_seen_ix",
        "call_project_id_started_at_ix",
        "enrichment_pending_ix",
    ):
        assert index in used
