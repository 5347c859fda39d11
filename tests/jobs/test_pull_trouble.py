"""Whatever happens to the pulling, nothing is lost, and nothing else is kept from going on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from collector.domain.callers import CallerHash
from collector.insight.status import read_status
from collector.jobs.report import ProjectOutcome, RunReport
from collector.storage.calls import Stored
from tests.calls_database import QUERY, CallsDatabase
from tests.jobs.pulling import (
    MINUTE,
    alone,
    call,
    counts,
    crosswise,
    on_postgresql,
    on_sqlite,
    once,
    run,
    stored,
    until,
    use,
)
from tests.world import PROJECT, START, World


class Killed(BaseException):
    """The process ends here."""


@contextmanager
def killed_at(world: World, step: int) -> Iterator[list[str]]:
    """Dies before write or commit number ``step`` in our own database."""
    seen: list[str] = []

    def count(statement: str) -> None:
        seen.append(statement)
        if len(seen) == step:
            raise Killed

    def execute(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith(("INSERT", "UPDATE", "DELETE")):
            count(statement)

    def commit(_connection: Any) -> None:
        count("COMMIT")

    engine = world.database.engine
    sa.event.listen(engine, "before_cursor_execute", execute)
    sa.event.listen(engine, "commit", commit)
    try:
        yield seen
    finally:
        sa.event.remove(engine, "before_cursor_execute", execute)
        sa.event.remove(engine, "commit", commit)


@on_sqlite
def test_killed_at_any_step_it_loses_nothing_and_goes_on(
    world: World, provider: CallsDatabase
) -> None:
    rows = [call(n, timedelta(minutes=60 - n)) for n in range(3)]
    provider.put(*rows, call(98, 2 * MINUTE, duration_s="long"))
    use(world, provider.source(page=2, overlap=timedelta(0)))
    steps, killed = 0, 0
    while True:
        steps += 1
        with world.database.write() as connection:
            for table in ("call", "pull", "refused_record"):
                connection.execute(sa.text(f"DELETE FROM {table}"))
        with killed_at(world, steps):
            try:
                pulled = alone(world)
            except Killed:
                killed += 1
            else:
                break
        # What is noted as read is there.
        noted = until(world)
        assert all(
            row["call_id"] in stored(world) for row in rows if noted and row["updated"] <= noted
        )
        assert alone(world).problem is None
        assert stored(world) == [row["call_id"] for row in rows]
        assert world.rows("SELECT call_id FROM refused_record") == [{"call_id": "c-00098"}]
    assert killed > 15
    assert pulled.counts[Stored.NEW] == 3


@on_sqlite
def test_a_database_that_is_away_keeps_nothing_else_from_going_on(
    world: World, provider: CallsDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collector.sources.database.PATIENCE_SECONDS", 0.01)
    world.visit("u.1", visitor_id="v-1")
    world.call("c-1", visitor_id="v-1")
    use(world, provider.source())
    with provider.locked():
        report = world.run()
    assert world.verdict("c-1") == "accepted"
    (project,) = report.projects
    assert project.outcome is ProjectOutcome.DONE
    assert report.attention == []
    assert project.pulled is not None
    assert "does not answer" in str(project.pulled.problem)
    assert project.as_json()["pulled"]["problem"] == project.pulled.problem
    assert "does not answer" in warnings(world)
    world.run()
    assert warnings(world) == ""


@on_postgresql
def test_a_wrong_query_needs_a_person_and_keeps_nothing_else_from_going_on(
    world: World, provider: CallsDatabase
) -> None:
    world.visit("u.1", visitor_id="v-1")
    world.call("c-1", visitor_id="v-1")
    use(world, provider.source(QUERY.replace("calls", "phone_calls")))
    report: RunReport = world.run()
    assert world.verdict("c-1") == "accepted"
    (sentence,) = report.attention
    assert 'relation "phone_calls" does not exist' in sentence
    assert "phone_calls" in warnings(world)
    assert world.rows("SELECT outcome FROM run") == [{"outcome": "attention"}]
    use(world, None)
    assert world.run().attention == []
    assert warnings(world) == ""


def warnings(world: World) -> str:
    (status,) = read_status(world.database, PROJECT, world.clock()).installations
    return " ".join(status.warnings)


@once
def test_a_dry_run_pulls_nothing_and_says_so(world: World, provider: CallsDatabase) -> None:
    provider.put(call(1))
    assert world.dry_run().note is None
    use(world, provider.source())
    report = world.dry_run()
    assert "nothing was read from the provider's own database" in str(report.note)
    assert report.as_json()["note"] == report.note
    assert report.as_json()["calls"] == 0


@once
def test_a_url_of_the_environment_stands_in_for_the_definitions(
    world: World, provider: CallsDatabase
) -> None:
    provider.put(call(1))
    use(world, provider.source(url=None))
    assert "COLLECTOR_CALLS_URL" in str(run(world).problem)
    assert counts(run(world, calls_url=provider.url)) == (1, 0, 0, 0, 0)


@once
def test_a_run_that_is_stopped_stops_between_pages(world: World, provider: CallsDatabase) -> None:
    provider.put(*(call(n, timedelta(minutes=60 - n)) for n in range(30)))
    use(world, provider.source(page=10))
    pulled = alone(world, stopping=lambda: len(stored(world)) >= 10)
    assert pulled.counted()["new"] == 10
    assert alone(world).counted()["new"] == 20


@once
def test_a_run_that_is_stopped_stops_between_the_pages_of_one_moment(
    world: World, provider: CallsDatabase
) -> None:
    provider.put(*(call(n) for n in range(40)))
    use(world, provider.source(page=10))
    alone(world, stopping=lambda: len(stored(world)) >= 30)
    assert len(stored(world)) == 30
    assert alone(world).problem is None
    assert len(stored(world)) == 40


@once
def test_a_run_that_is_stopped_at_once_leaves_the_problem_of_before(
    world: World, provider: CallsDatabase
) -> None:
    use(world, provider.source(QUERY.replace("FROM calls", "FROM no_calls")))
    problem = alone(world).problem
    use(world, provider.source())
    for stopped, told in ((True, problem), (False, None)):
        assert alone(world, stopping=lambda stopped=stopped: stopped).problem is None
        assert world.rows("SELECT problem FROM pull") == [{"problem": told}]


@crosswise
def test_what_was_noted_never_goes_back_to_what_is_read_again(
    world: World, provider: CallsDatabase
) -> None:
    provider.put(call(1, 5 * MINUTE), call(2, 3 * MINUTE), call(3))
    use(world, provider.source(page=1))
    alone(world)
    asked = iter([False])
    assert counts(alone(world, stopping=lambda: next(asked, True))) == (0, 0, 1, 0, 0)
    assert until(world) == START - MINUTE


@once
def test_callers_numbers_are_hashed(world: World, provider: CallsDatabase) -> None:
    world.definition = replace(
        world.definition, mapping=replace(world.definition.mapping, caller=("visitor_id",))
    )
    provider.put(call(1, visitor_id="01 99 00 12 34"))
    use(world, provider.source())
    key = CallerHash(key=b"0" * 32, key_id="k")
    run(world, caller_hash=key)
    assert world.rows("SELECT caller, caller_key FROM call") == [
        {"caller": key("+33199001234"), "caller_key": "k"}
    ]
