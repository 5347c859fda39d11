"""What others do while the job runs, or between two runs, is neither lost nor overrun."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from collector.cli.installation import RESUMED
from collector.contentsquare import EnrichmentApi
from collector.domain.call import Call
from collector.domain.definition import Definition
from collector.errors import CollectorError
from collector.jobs.progress import Unwatched
from collector.jobs.report import ProjectOutcome
from collector.sandbox import Fault
from collector.storage import calls, examining, installations
from tests.world import PROJECT, START, World

MINUTE = timedelta(minutes=1)
NUMBER = "+33199000001"
ODD = {"status": "odd"}

postgresql_only = pytest.mark.parametrize("dialect", ["postgresql"])
sqlite_only = pytest.mark.parametrize("dialect", ["sqlite"])


def knowing_odd(definition: Definition, number: int) -> Definition:
    """The definition with a version that knows what to make of the status "odd"."""
    one = definition.versions[1]
    recipe = one.recipes["answered"]
    recipes = {**one.recipes, "answered": replace(recipe, map={**(recipe.map or {}), "odd": False})}
    mended = replace(one, number=number, recipes=recipes)
    return replace(definition, versions={**definition.versions, number: mended})


def once(act: Callable[[], object]) -> Callable[[], bool]:
    """Acts when it is first asked whether to stop, and never stops anything."""
    done: list[bool] = []

    def stopping() -> bool:
        if not done:
            done.append(True)
            act()
        return False

    return stopping


@pytest.fixture
def invalid(world: World) -> str:
    world.visit("u.1", visitor_id="v1")
    call_id = world.call(visitor_id="v1", attributes=ODD)
    world.run()
    assert world.verdict(call_id) == "invalid"
    return call_id


def test_an_invalid_call_sent_again_is_looked_at_with_the_mended_definition(
    world: World, invalid: str
) -> None:
    world.definition = knowing_odd(world.definition, 1)
    world.call(invalid, visitor_id="v1", attributes=ODD)
    world.run()
    assert world.verdict(invalid) == "accepted"


def test_a_version_changed_while_the_job_runs_is_not_lost(world: World, invalid: str) -> None:
    world.definition = knowing_odd(world.definition, 2)
    world.run(stopping=once(lambda: world.edit(integration_version=2)))
    # The sandbox has no version 2, so it stays pending; but it was built for version 2.
    assert world.verdict(invalid) == "pending"
    assert world.report_call(invalid)["integration_version"] == 2


def test_a_pause_while_the_job_runs_is_obeyed(world: World) -> None:
    world.visit("u.1", visitor_id="v1")
    world.call(visitor_id="v1")
    world.run(stopping=once(lambda: world.edit(paused=True)))
    assert world.posts == 0


def test_a_pause_between_two_batches_is_obeyed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collector.domain.limits.MAX_BATCH", 2)
    world.prove()
    for index in range(3):
        world.visit(f"user{index}.1", visitor_id=f"v{index}")
        world.call(visitor_id=f"v{index}")

    class Pausing:
        def __init__(self) -> None:
            self.api = world.job().sender

        def send(self, *arguments: Any) -> Any:
            world.edit(paused=True)
            return self.api.send(*arguments)

    report = world.run(sender=Pausing())
    assert report.projects[0].outcome is ProjectOutcome.PAUSED
    assert report.funnel.verdicts["accepted"] == 2


def test_the_reason_of_a_pause_outlives_the_next_run(world: World) -> None:
    world.edit(paused=True)
    with world.database.write() as connection:
        installations.note_problem(connection, PROJECT, "so many refused")
    world.run()
    assert world.rows("SELECT problem FROM installation") == [{"problem": "so many refused"}]


def test_what_is_called_accepted_was_sent_before_its_deadline(world: World) -> None:
    world.visit("u.1", visitor_id="v1")
    world.sandbox.session_started(PROJECT, "u", 1, world.clock())
    call_id = world.call(visitor_id="v1")
    world.clock.forward(days=7, seconds=-60)
    world.sandbox.add(Fault(kind="too_many_requests", retry_after=30, count=3))
    with EnrichmentApi(
        world.sandbox.auth_url, sleep=lambda seconds: world.clock.forward(seconds=seconds)
    ) as api:
        world.run(sender=api)
    assert (world.verdict(call_id), len(world.held)) == ("pending", 0)
    world.clock.forward(seconds=60)
    world.run()
    assert world.verdict(call_id) == "expired"


@pytest.mark.parametrize("endpoint", ["enrichments", "token"])
def test_a_request_to_wait_holds_for_what_is_built_later_too(world: World, endpoint: Any) -> None:
    world.visit("u.1", visitor_id="v1")
    world.call(visitor_id="v1")
    world.sandbox.add(Fault(kind="too_many_requests", retry_after=3600, count=1, on=endpoint))
    report = world.run()
    assert report.projects[0].outcome is ProjectOutcome.LATER
    requests = len(world.sandbox.requests)
    world.clock.forward(minutes=59)
    world.call(visitor_id="v1")
    report = world.run()
    assert report.projects[0].outcome is ProjectOutcome.LATER
    assert len(world.sandbox.requests) == requests
    world.clock.forward(minutes=1)
    assert world.run().funnel.verdicts["accepted"] == 2


def test_whoever_resumes_need_not_wait(world: World) -> None:
    world.visit("u.1", visitor_id="v1")
    world.call(visitor_id="v1")
    world.sandbox.add(Fault(kind="too_many_requests", retry_after=3600, count=1))
    world.run()
    assert "installation resume 162" in str(world.run().projects[0].message)
    world.edit(**RESUMED)
    assert world.run().funnel.verdicts["accepted"] == 1


def test_a_late_record_loses_to_the_same_content_said_again_later(world: World) -> None:
    world.call("c", attributes={"rating": "1"}, updated_at=START + MINUTE)
    world.call("c", attributes={"rating": "1"}, updated_at=START + 3 * MINUTE)
    world.call("c", attributes={"rating": "2"}, updated_at=START + 2 * MINUTE)
    with world.database.read() as connection:
        found = examining.find(connection, PROJECT, "c")
    assert found is not None
    assert found.call.attributes["rating"] == "1"


def test_calls_that_can_no_longer_be_enriched_are_not_revived(world: World) -> None:
    for user in ("a.1", "b.1"):
        world.visit(user, tracking_number=NUMBER)
    world.call(tracking_number=NUMBER)
    world.run()
    world.clock.forward(days=8)
    world.run()
    world.visit("z.1", tracking_number=NUMBER)
    assert world.run().projects[0].revived == 0


@sqlite_only
def test_an_unforeseen_error_of_one_installation_stops_no_other(world: World) -> None:
    world.install(project_id=163, integration_id=43)
    world.visit("u.1", visitor_id="v1")
    world.call(visitor_id="v1")

    class Odd:
        def send(self, *_: Any) -> Any:
            raise ValueError("anything unforeseen")

    report = world.run(sender=Odd())
    assert [project.outcome for project in report.projects] == [
        ProjectOutcome.PROBLEM,
        ProjectOutcome.DONE,
    ]
    assert "ValueError" in report.attention[0]
    assert {row["lease_until"] for row in world.rows("SELECT lease_until FROM installation")} == {
        None
    }


@pytest.mark.parametrize("users", ["one", "many"])
def test_a_number_on_every_page_is_ambiguous_and_bounded(world: World, users: str) -> None:
    """Whoever posts many sessions with a number hides the true one, and gets nothing for it."""
    for index in range(101):
        session = f"hostile.{index + 1}" if users == "one" else f"user{index}.1"
        world.visit(session, tracking_number=NUMBER)
    world.visit("caller.1", tracking_number=NUMBER)
    call_id = world.call(tracking_number=NUMBER)
    world.run()
    row = world.report_call(call_id)
    assert row["verdict"] == "ambiguous"
    assert "100 sessions" in row["detail"]


def record(number: int, rating: str, minutes: int, started: int = 0) -> Call:
    return Call(
        call_id=f"c{number}",
        started_at=START - started * MINUTE,
        ended_at=None,
        updated_at=START + minutes * MINUTE,
        keys={},
        attributes={"rating": rating},
    )


@postgresql_only
def test_of_two_imports_at_once_the_older_record_loses(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def store(call: Call) -> None:
        with world.database.write() as connection:
            calls.store(connection, PROJECT, [call], START)

    store(record(0, "0", 0))
    newer = threading.Thread(target=store, args=[record(0, "2", 2)])
    upsert = calls._upsert

    def interrupted(*arguments: Any) -> None:
        monkeypatch.setattr(calls, "_upsert", upsert)
        newer.start()
        newer.join(0.5)  # it has to wait for this transaction, and so cannot end in it
        assert newer.is_alive()
        upsert(*arguments)

    monkeypatch.setattr(calls, "_upsert", interrupted)
    store(record(0, "1", 1))
    newer.join(10)
    with world.database.read() as connection:
        found = examining.find(connection, PROJECT, "c0")
    assert found is not None
    assert found.call.attributes["rating"] == "2"


#: Makes an import linger between two of its rows.
NAP = (
    """CREATE FUNCTION nap() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_sleep(0.5); RETURN NEW; END $$""",
    """CREATE TRIGGER nap BEFORE INSERT ON call FOR EACH ROW
    WHEN (NEW.call_id = 'c1') EXECUTE FUNCTION nap()""",
)


@postgresql_only
def test_an_import_and_the_job_never_wait_for_each_other_crosswise(world: World) -> None:
    """The job takes calls by their start, an import by their ids; here the two orders differ."""
    both = [record(0, "0", 0), record(1, "0", 0, started=1)]
    with world.database.write() as connection:
        calls.store(connection, PROJECT, both, START)
        for statement in NAP:
            connection.execute(sa.text(statement))
    begun = threading.Event()
    failures: list[CollectorError] = []

    def store() -> None:
        changed = [record(0, "9", 1), record(1, "9", 1, started=1)]
        try:
            with world.database.write() as connection:
                connection.execute(sa.text("SELECT 1"))
                begun.set()
                calls.store(connection, PROJECT, changed, START)
        except CollectorError as error:
            failures.append(error)

    importing = threading.Thread(target=store)
    importing.start()
    begun.wait(10)
    world.run()
    importing.join(20)
    assert failures == []


def test_an_installation_that_is_removed_meanwhile_stops_no_other(world: World) -> None:
    world.install(project_id=163, integration_id=43)
    world.visit("u.1", visitor_id="v1")
    world.call(visitor_id="v1")

    class Removing(Unwatched):
        def begin(self, step: str, total: int | None) -> None:  # noqa: ARG002 - told by the job
            if step == "sending" and installed(world, PROJECT):
                with world.database.write() as connection:
                    installations.remove(connection, PROJECT, with_data=True)

    report = world.run(progress=Removing())
    assert not installed(world, PROJECT)
    assert report.projects[1].outcome is ProjectOutcome.DONE


def installed(world: World, project_id: int) -> bool:
    with world.database.read() as connection:
        return installations.find(connection, project_id) is not None


def test_an_integration_that_is_changed_meanwhile_is_not_proven_by_the_one_before(
    world: World,
) -> None:
    world.visit("u.1", visitor_id="v1")
    world.call(visitor_id="v1")

    class Changing:
        def __init__(self) -> None:
            self.api = world.job().sender

        def send(self, *arguments: Any) -> Any:
            world.edit(integration_id=44)
            return self.api.send(*arguments)

    report = world.run(sender=Changing())
    assert report.projects[0].outcome is ProjectOutcome.LATER
    assert world.rows("SELECT proven_version FROM installation") == [{"proven_version": None}]
