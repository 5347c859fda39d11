"""After a fix, what was refused or could not be built goes out again, rebuilt from its call."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from collector.domain.definition import Definition
from collector.domain.verdicts import Reason
from collector.errors import NotFoundError
from collector.jobs.retry import RetryReport, retry
from collector.sandbox import Sandbox
from collector.storage.database import Database
from collector.storage.retries import Selection
from tests.jobs.drifted import RATED, SHORT_SCHEMA, sharing_a_client
from tests.sandbox_fixtures import PHONE_CALL_SCHEMA
from tests.world import PROJECT, START, Clock, World

REFUSED, INVALID = Reason.REFUSED_BY_API, Reason.FIELDS_INVALID
MICROSECOND = timedelta(microseconds=1)
OTHER = 163


class Drifted(World):
    """Contentsquare's schema and the definition do not agree, and calls were refused for it."""

    def __init__(
        self, database: Database, sandbox: Sandbox, clock: Clock, registered: dict[int, Any]
    ) -> None:
        super().__init__(database, sandbox, clock)
        self.registered = registered

    def register_anew(self) -> None:
        """The fix at Contentsquare's."""
        self.registered[1] = PHONE_CALL_SCHEMA

    def mend_definition(self) -> None:
        """The fix at home: the field is not sent any more."""
        version = self.definition.versions[1]
        kept = {name: it for name, it in version.recipes.items() if name != "call_client_rating"}
        self.definition = with_recipes(self.definition, kept)

    def refuse(self, *call_ids: str, project_id: int = PROJECT) -> None:
        """One call is accepted, and these are refused."""
        self.visit("good.1", project_id=project_id, visitor_id="good")
        self.call(project_id=project_id, visitor_id="good")
        for call_id in call_ids:
            self.visit(f"{call_id}.1", project_id=project_id, visitor_id=call_id)
            self.call(call_id, project_id=project_id, visitor_id=call_id, attributes=RATED)
        self.run(project_id)
        for call_id in call_ids:
            assert self.verdict(call_id) == "rejected"

    def retry(
        self,
        *reasons: Reason,
        project_id: int | None = None,
        dry_run: bool = False,
        **chosen: Any,
    ) -> RetryReport:
        before = self.everything()
        report = retry(
            self.database,
            project_id,
            reasons or (REFUSED,),
            Selection(**chosen),
            now=self.clock(),
            dry_run=dry_run,
        )
        self.check()
        if dry_run:
            assert self.everything() == before
        return report


def with_recipes(definition: Definition, recipes: dict[str, Any]) -> Definition:
    version = replace(definition.versions[1], recipes=recipes)
    return replace(definition, versions={1: version})


@pytest.fixture
def world(database: Database) -> Iterator[Drifted]:
    clock, registered = Clock(), {1: SHORT_SCHEMA}
    installed = [sharing_a_client(project_id, registered) for project_id in (PROJECT, OTHER)]
    with Sandbox(installed, now=clock) as sandbox:
        made = Drifted(database, sandbox, clock, registered)
        made.install()
        yield made


def test_what_was_refused_goes_out_again_once_its_schema_is_registered(world: Drifted) -> None:
    world.refuse("a", "b")
    world.register_anew()
    posts = world.posts
    world.run()
    assert (world.posts, world.verdict("a")) == (posts, "rejected")  # nobody told the job
    world.clock.forward(hours=2)
    report = world.retry()
    assert (report.marked, report.too_late, report.not_fitting) == (2, 0, [])
    row = world.report_call("a")
    assert (row["verdict"], row["reason"]) == ("pending", "retried")
    assert "as asked on 2026-03-02" in row["detail"]
    assert world.run().funnel.verdicts["accepted"] == 3
    row = world.report_call("a")
    assert (row["enrichment_number"], row["revision"], row["accepted_revision"]) == (1, 1, 1)
    assert world.posts == posts + 1
    assert world.retry().marked == 0


def test_what_was_refused_is_rebuilt_by_the_mended_definition(world: Drifted) -> None:
    world.refuse("a")
    world.mend_definition()
    world.retry()
    assert world.run().funnel.verdicts["accepted"] == 2
    row = world.report_call("a")
    assert (row["enrichment_number"], row["revision"]) == (1, 2)
    fields = next(item.fields for key, item in world.held.items() if key.user_id == "a")
    assert "call_client_rating" not in fields


def test_without_a_fix_it_is_refused_again_and_can_be_retried_again(world: Drifted) -> None:
    world.refuse("a")
    for _ in range(2):
        posts = world.posts
        assert world.retry().marked == 1
        assert world.run().funnel.verdicts["rejected"] == 1
        assert world.posts == posts + 1
        assert "was refused by the API" in world.report_call("a")["detail"]


def test_what_cannot_be_built_is_looked_at_again_by_its_own_reason(world: Drifted) -> None:
    world.register_anew()
    world.visit("u.1", visitor_id="v1")
    call_id = world.call(visitor_id="v1", attributes={"rating": "great"})
    world.run()
    recipes = world.definition.versions[1].recipes
    mended = replace(recipes["call_client_rating"], map={"great": 5.0})
    world.definition = with_recipes(world.definition, {**recipes, "call_client_rating": mended})
    assert world.run().funnel.verdicts["invalid"] == 1  # not looked at
    assert world.retry().marked == 0
    assert world.retry(INVALID).projects[0].marked == {INVALID: 1}
    assert world.verdict(call_id) == "invalid"
    world.run()
    assert world.verdict(call_id) == "accepted"
    ((_, stored),) = world.held.items()
    assert stored.fields["call_client_rating"] == 5.0


def test_a_dry_run_counts_by_reason_and_changes_nothing(world: Drifted) -> None:
    world.refuse("a", "b")
    world.visit("u.1", visitor_id="v1")
    world.call(visitor_id="v1", attributes={"rating": "great"})
    world.run()
    (project,) = world.retry(REFUSED, INVALID, dry_run=True).projects
    assert project.marked == {REFUSED: 2, INVALID: 1}
    assert project.too_late == {REFUSED: 0, INVALID: 0}
    assert world.retry(REFUSED, INVALID).marked == 3


def test_only_the_project_that_was_asked_for_is_marked(world: Drifted) -> None:
    world.install(project_id=OTHER, integration_id=43)
    world.refuse("a")
    world.refuse("b", project_id=OTHER)
    assert [item.installation.project_id for item in world.retry(dry_run=True).projects] == [
        PROJECT,
        OTHER,
    ]
    assert world.retry(project_id=OTHER).marked == 1
    assert (world.verdict("a"), world.verdict("b")) == ("rejected", "pending")
    with pytest.raises(NotFoundError, match="Project 999"):
        world.retry(project_id=999)


def test_calls_are_chosen_by_their_detail_their_verdicts_time_or_their_id(world: Drifted) -> None:
    details = {"a": "half of 50% in A_B", "b": "half of 50 and a_b", "c": "AxB"}
    for call_id in details:
        world.refuse(call_id)
        world.clock.forward(hours=1)
    with world.database.write() as connection:
        connection.execute(
            sa.text("UPDATE call SET detail = :detail WHERE call_id = :call_id"),
            [{"call_id": call_id, "detail": detail} for call_id, detail in details.items()],
        )
    for chosen, marked in (
        ({}, 3),
        ({"containing": "half of 50"}, 2),
        ({"containing": "%"}, 1),
        ({"containing": "A_B"}, 1),
        ({"containing": "nothing of it"}, 0),
        ({"since": START + timedelta(hours=1)}, 2),
        ({"since": START + timedelta(hours=1) + MICROSECOND}, 1),
        ({"until": START + timedelta(hours=1)}, 1),
        ({"until": START + timedelta(hours=1) + MICROSECOND}, 2),
        ({"call_ids": ["a", "c"]}, 2),
        ({"call_ids": ["a", "c"], "containing": "half"}, 1),
    ):
        assert world.retry(dry_run=True, **chosen).marked == marked, chosen
    report = world.retry(call_ids=["c", "call-1", "nowhere", "b"], containing="half")
    assert (report.marked, report.not_fitting) == (1, ["c", "call-1", "nowhere"])
    assert [world.verdict(call_id) for call_id in details] == ["rejected", "pending", "rejected"]


@pytest.mark.parametrize("reason", [REFUSED, INVALID])
def test_what_cannot_be_sent_in_time_any_more_is_counted_and_stays(
    world: Drifted, reason: Reason
) -> None:
    world.visit("early.1", visitor_id="early")
    world.clock.now += MICROSECOND
    world.visit("late.1", visitor_id="late")
    world.visit("good.1", visitor_id="good")
    bad = RATED if reason is REFUSED else {"rating": "great"}
    for name in ("early", "late", "good"):
        world.call(name, visitor_id=name, attributes={} if name == "good" else bad)
    world.run()
    world.clock.now = START + timedelta(days=7, minutes=-5)
    (project,) = world.retry(reason, dry_run=True).projects
    assert (project.marked, project.too_late) == ({reason: 1}, {reason: 1})
    before = world.report_call("early")
    (project,) = world.retry(reason).projects
    assert (project.marked, project.too_late) == ({reason: 1}, {reason: 1})
    assert world.report_call("early") == before
    (row,) = world.rows("SELECT count(*) AS n, min(call_id) AS id FROM call WHERE examine")
    assert (row["n"], row["id"]) == (1, "late")


def test_what_is_marked_in_time_but_run_too_late_expires(world: Drifted) -> None:
    world.refuse("a")
    world.retry()
    world.clock.forward(days=7)
    world.run()
    assert world.verdict("a") == "expired"


def test_a_refused_call_that_now_belongs_to_another_session_is_sent_there(world: Drifted) -> None:
    world.refuse("a")
    world.visit("elsewhere.1", visitor_id="other")
    world.call("a", visitor_id="other", attributes=RATED)
    world.register_anew()
    assert world.retry().marked == 1
    world.run()
    assert world.report_call("a")["session_key"] == "elsewhere.1"
    assert world.verdict("a") == "accepted"


def test_many_calls_are_marked_in_many_transactions(
    world: Drifted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collector.jobs.retry.PAGE", 2)
    world.refuse("a", "b", "c", "d", "e")
    world.register_anew()
    assert world.retry().marked == 5
    assert world.run().funnel.verdicts["accepted"] == 6


def test_a_retry_in_the_middle_of_a_run_loses_nothing(world: Drifted) -> None:
    world.refuse("a", "b")
    world.visit("new.1", visitor_id="new")
    world.call("new", visitor_id="new")

    class Interrupted:
        """While a batch is in flight, somebody mends the cause and has the refused sent again."""

        def __init__(self) -> None:
            self.api = world.job().sender
            self.done = False

        def send(self, *arguments: Any) -> Any:
            answer = self.api.send(*arguments)
            if not self.done:
                self.done = True
                assert world.retry().marked == 2
            return answer

    world.run(sender=Interrupted())
    world.mend_definition()
    assert world.run().funnel.verdicts["accepted"] == 4


def test_what_a_wrong_clock_gave_up_is_taken_up_again(world: Drifted) -> None:
    world.visit("a.1", visitor_id="a")
    world.call("a", visitor_id="a")
    world.edit(paused=True)
    world.run()
    world.clock.forward(days=8)
    world.run()
    assert world.verdict("a") == "expired"
    assert world.retry(Reason.DEADLINE_PASSED).marked == 0
    world.clock.forward(days=-8)
    assert world.retry(Reason.DEADLINE_PASSED).marked == 1
    world.edit(paused=False)
    world.run()
    assert world.verdict("a") == "accepted"
