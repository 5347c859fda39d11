"""The job reads what has changed in the provider's own database: all of it, and in effect once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from collector.jobs import pull
from collector.storage import pulls, refused
from collector.storage.calls import Stored
from tests.calls_database import OF_PROJECT, PARIS, QUERY, CallsDatabase
from tests.jobs.pulling import (
    CROSSWISE,
    MINUTE,
    Watching,
    alone,
    call,
    counts,
    crosswise,
    on_postgresql,
    once,
    run,
    stored,
    until,
    use,
)
from tests.world import PROJECT, START, World


def test_a_call_of_the_providers_database_comes_out_in_the_sandbox(
    world: World, provider: CallsDatabase
) -> None:
    world.visit("u.1", visitor_id="v-1")
    world.clock.forward(minutes=5)
    provider.put(call(1, -MINUTE, started=START + MINUTE, visitor_id="v-1", duration_s="31"))
    use(world, provider.source())
    assert counts(run(world)) == (1, 0, 0, 0, 0)
    ((_, sent),) = world.held.items()
    assert sent.fields["call_duration"] == 31_000
    assert sent.fields["call_datetime"] == "2026-03-02T12:01:00Z"
    world.clock.forward(minutes=5)
    provider.put(call(1, -7 * MINUTE, started=START + MINUTE, visitor_id="v-1", duration_s="32"))
    assert counts(run(world)) == (0, 1, 0, 0, 0)
    ((_, sent),) = world.held.items()
    assert sent.fields["call_duration"] == 32_000


@pytest.mark.parametrize(("calls_kind", "dialect"), CROSSWISE[1:], indirect=True)
def test_many_rows_arrive_once_in_pages(world: World, provider: CallsDatabase) -> None:
    number = 12_000
    provider.put(*(call(n, timedelta(seconds=2 * (number - n))) for n in range(number)))
    use(world, provider.source(page=500))
    pulled = alone(world)
    assert pulled.problem is None
    assert pulled.counts[Stored.NEW] == number
    assert pulled.counts[Stored.UPDATED] == 0
    # The row at each page's edge comes again, and the others do not.
    assert pulled.counts[Stored.UNCHANGED] <= number / 500 + 1
    assert until(world) == START - timedelta(seconds=2)
    assert world.rows("SELECT count(*) AS n FROM call") == [{"n": number}]


@crosswise
def test_rows_of_one_moment_at_a_pages_edge_are_not_lost(
    world: World, provider: CallsDatabase
) -> None:
    rows = [call(n, timedelta(minutes=60 - n // 4)) for n in range(12)]
    provider.put(*rows)
    for page in (1, 3, 4, 5, 12, 13):
        with world.database.write() as connection:
            connection.execute(sa.text("DELETE FROM call"))
            connection.execute(sa.text("DELETE FROM pull"))
        use(world, provider.source(page=page))
        pulled = alone(world)
        assert (page, pulled.problem) == (page, None)
        assert stored(world) == [row["call_id"] for row in rows]


@crosswise
@pytest.mark.parametrize("sign", [">", ">="])
@pytest.mark.parametrize("form", [None, "text"])
def test_a_query_that_says_greater_loses_nothing_either(
    world: World, provider: CallsDatabase, sign: str, form: str | None
) -> None:
    provider.put(*(call(n, timedelta(minutes=60 - n // 7)) for n in range(21)))
    query = QUERY.replace(">=", sign)
    since_format = None
    if form:  # whole seconds, in the zone of the mapping
        since_format = "%Y-%m-%d %H:%M:%S"
        query = (
            query if provider.is_sqlite else query.replace(":since", "CAST(:since AS timestamp)")
        )
    use(world, provider.source(query, page=8, since_format=since_format))
    assert alone(world).problem is None
    assert len(stored(world)) == 21


@crosswise
def test_so_many_rows_of_one_moment_that_no_page_moves_on_are_told(
    world: World, provider: CallsDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull, "WIDEST", 4)
    provider.put(*(call(n) for n in range(41)))
    use(world, provider.source(page=10))
    pulled = alone(world)
    assert pulled.problem is not None
    assert "40 rows and none of them is newer in 'updated' than 2026-03-02T11:59" in pulled.problem
    assert pulled.needs_a_person
    provider.execute("DELETE FROM calls WHERE call_id = 'c-00040'")
    provider.put(call(41, timedelta(0)))
    monkeypatch.setattr(pull, "WIDEST", 8)
    assert alone(world).problem is None
    assert len(stored(world)) == 41


@crosswise
def test_each_run_reads_what_was_changed_and_what_was_written_late(
    world: World, provider: CallsDatabase
) -> None:
    provider.put(call(1), call(2, 2 * MINUTE))
    use(world, provider.source(overlap=timedelta(minutes=5)))
    assert counts(alone(world)) == (2, 0, 0, 0, 0)
    assert until(world) == START - MINUTE
    world.clock.forward(minutes=30)
    # Committed late: the first within the overlap, the other one beyond it.
    provider.put(call(3, 5 * MINUTE), call(4, 7 * MINUTE))
    provider.put(call(2, -20 * MINUTE, started=START - 2 * MINUTE, status="busy"))
    assert counts(alone(world)) == (1, 1, 1, 0, 0)
    assert stored(world) == ["c-00001", "c-00002", "c-00003"]


@crosswise
def test_rows_that_are_changed_between_pages_come_as_they_are_then(
    world: World, provider: CallsDatabase
) -> None:
    provider.put(*(call(n, timedelta(minutes=40 - n)) for n in range(30)))
    use(world, provider.source(page=10))

    def change(done: int) -> None:
        if len(stored(world)) == 10:
            provider.put(
                call(3, timedelta(0), status="busy"), call(15, timedelta(0), status="busy")
            )

    pulled = alone(world, progress=Watching(change))
    assert pulled.counts[Stored.UPDATED] == 1  # the one that had been read before
    assert len(stored(world)) == 30
    changed = world.rows("SELECT attributes FROM call WHERE call_id IN ('c-00003', 'c-00015')")
    assert ["busy" in str(row["attributes"]) for row in changed] == [True, True]


@crosswise
def test_the_first_run_goes_back_as_far_as_calls_can_be_enriched(
    world: World, provider: CallsDatabase
) -> None:
    week = timedelta(days=7)
    provider.put(call(1, week), call(2, week + 4 * MINUTE), call(3, week + 6 * MINUTE))
    use(world, provider.source(overlap=5 * MINUTE))
    alone(world)
    assert stored(world) == ["c-00001", "c-00002"]


@crosswise
def test_a_time_in_the_future_does_not_stop_the_reading(
    world: World, provider: CallsDatabase
) -> None:
    provider.put(call(1), call(2, timedelta(days=-3000)))
    use(world, provider.source())
    assert counts(alone(world)) == (1, 0, 0, 0, 1)
    assert until(world) == START
    world.clock.forward(hours=1)
    provider.put(call(3, -2 * MINUTE))
    alone(world)
    assert stored(world) == ["c-00001", "c-00003"]
    with world.database.write() as connection:  # noted by a clock that was wrong
        pulls.advance(connection, PROJECT, START + timedelta(days=900), START)
    provider.put(call(4, timedelta(minutes=-58)))
    alone(world)
    assert stored(world) == ["c-00001", "c-00003", "c-00004"]
    assert until(world) == world.clock()


@crosswise
def test_refused_rows_are_kept_once_and_cost_their_page_nothing(
    world: World, provider: CallsDatabase
) -> None:
    provider.put(call(1), call(2, duration_s="long"), call(3, timedelta(0)))
    use(world, provider.source())
    for _ in range(2):
        assert alone(world).refused == 1
    with world.database.read() as connection:
        (kept,) = refused.newest(connection, refused.Chosen(project_id=PROJECT), 9)
    assert (kept.call_id, kept.code, kept.times) == ("c-00002", "bad_duration", 2)
    assert kept.origin == "[calls.sql]"
    assert stored(world) == ["c-00001", "c-00003"]
    provider.put(call(2, timedelta(0), duration_s="12"))
    alone(world)
    with world.database.read() as connection:
        assert not refused.newest(connection, refused.Chosen(project_id=PROJECT), 9)


@crosswise
def test_each_installation_gets_its_own_calls_and_has_its_own_place(
    world: World, provider: CallsDatabase
) -> None:
    world.install(163, 43)
    provider.put(call(1), call(2, 3 * MINUTE, project=163))
    use(world, provider.source(OF_PROJECT))
    report = world.run()
    assert [counts(project.pulled) for project in report.projects if project.pulled] == [
        (1, 0, 0, 0, 0),
        (1, 0, 0, 0, 0),
    ]
    rows = world.rows("SELECT project_id, call_id FROM call ORDER BY 1")
    assert [tuple(row.values()) for row in rows] == [(162, "c-00001"), (163, "c-00002")]
    assert (until(world, 162), until(world, 163)) == (START - MINUTE, START - 3 * MINUTE)


@once
def test_a_query_that_cannot_tell_projects_apart_gives_nobody_the_calls_of_all(
    world: World, provider: CallsDatabase
) -> None:
    world.install(163, 43)
    provider.put(call(1))
    use(world, provider.source())
    report = world.run(PROJECT)
    (sentence,) = report.attention
    assert "has no :project_id" in sentence
    assert stored(world) == []


@crosswise
def test_rows_out_of_order_are_told_and_nothing_is_lost_once_it_is_mended(
    world: World, provider: CallsDatabase
) -> None:
    provider.put(*(call(n, timedelta(minutes=60 - n)) for n in range(10)))
    provider.put(call(7, 20 * MINUTE, started=START - 60 * MINUTE))
    query = QUERY.replace("ORDER BY updated", "ORDER BY call_id")
    use(world, provider.source(query, page=5))
    pulled = alone(world)
    assert pulled.counts[Stored.NEW] == 5  # the page before was in order
    assert until(world) is None
    assert pulled.needs_a_person
    assert "gives its rows out of order" in str(pulled.problem)
    assert "ORDER BY" in str(pulled.problem)
    use(world, provider.source(page=5))
    assert alone(world).problem is None
    assert len(stored(world)) == 10


@on_postgresql
def test_naive_times_are_those_of_the_mapping(world: World, calls_url: str) -> None:
    provider = CallsDatabase(calls_url, time="timestamp")
    provider.put(call(1), call(2, 10 * MINUTE))
    use(world, provider.source())
    alone(world)
    assert until(world) == START - MINUTE
    provider.put(call(3, 3 * MINUTE), call(4, 20 * MINUTE))
    assert counts(alone(world)) == (1, 0, 1, 0, 0)


@crosswise
def test_times_can_be_seconds_since_1970(world: World, calls_url: str) -> None:
    provider = CallsDatabase(calls_url, time="bigint")
    provider.put(*(call(n, timedelta(minutes=60 - n // 4)) for n in range(12)))
    use(world, provider.source(page=5, since_format="epoch"))
    assert alone(world).problem is None
    assert len(stored(world)) == 12
    assert until(world) == START - timedelta(minutes=58)


@once
def test_what_is_written_in_the_hour_that_comes_twice_is_read(
    world: World, provider: CallsDatabase
) -> None:
    world.clock.now = datetime(2026, 10, 25, 0, 58, tzinfo=UTC)
    provider.put({"call_id": "summer", "updated": world.clock() - MINUTE})  # 02:57
    use(world, provider.source())
    alone(world)
    world.clock.forward(minutes=20)
    assert f"{world.clock().astimezone(PARIS):%H:%M}" == "02:18"
    provider.put({"call_id": "winter", "updated": world.clock() - MINUTE})  # 02:17
    alone(world)
    assert stored(world) == ["summer", "winter"]


@once
@pytest.mark.parametrize("page", [7, 500])
def test_an_hour_that_comes_twice_is_no_disorder_where_rows_stand_by_the_moment(
    world: World, provider: CallsDatabase, page: int
) -> None:
    """As MySQL orders a TIMESTAMP: 02:50 in summer, then 02:00 in winter."""
    first = datetime(2026, 10, 24, 23, 30, tzinfo=UTC)
    world.clock.now = first + timedelta(hours=4)
    moments = [first + n * timedelta(minutes=10) for n in range(24)]
    provider.put(*({"call_id": f"c-{n:05}", "updated": when} for n, when in enumerate(moments)))
    use(world, provider.source(QUERY.replace("ORDER BY updated", "ORDER BY call_id"), page=page))
    assert alone(world).problem is None
    assert stored(world) == [f"c-{n:05}" for n in range(24)]
    assert until(world) == moments[-1]
