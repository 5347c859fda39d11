"""Refused: who is blamed, who is not, and how it ends once the definition is mended."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from collector.cli.installation import RESUMED
from collector.contentsquare import Outcome
from collector.domain.batching import MAX_CULPRITS
from collector.jobs.report import ProjectOutcome
from collector.sandbox import Fault, Sandbox
from collector.storage.database import Database
from tests.jobs.drifted import RATED, SHORT_SCHEMA, sharing_a_client
from tests.world import PROJECT, Clock, World


@pytest.fixture
def world(database: Database) -> Iterator[World]:
    """The registered schema is short of the rating: whatever has one is refused."""
    clock = Clock()
    with Sandbox([sharing_a_client(PROJECT, {1: SHORT_SCHEMA})], now=clock) as sandbox:
        made = World(database, sandbox, clock)
        made.install()
        yield made


def bad(world: World, number: int) -> list[str]:
    return calls(world, number, "bad", RATED)


def good(world: World, number: int) -> list[str]:
    """They come a minute later, so that they are sent after the bad ones."""
    world.clock.forward(minutes=1)
    return calls(world, number, "good", {})


def calls(world: World, number: int, name: str, attributes: dict[str, str]) -> list[str]:
    first = len(world.rows("SELECT 1 FROM call"))
    made = []
    for index in range(first, first + number):
        world.visit(f"{name}{index}.1", visitor_id=f"v{index}")
        made.append(world.call(f"{name}{index}", visitor_id=f"v{index}", attributes=attributes))
    return made


def mend(world: World) -> None:
    """The definition no longer makes the field that is not registered."""
    one = world.definition.versions[1]
    recipes = {name: item for name, item in one.recipes.items() if name != "call_client_rating"}
    world.definition = replace(world.definition, versions={1: replace(one, recipes=recipes)})


class Spy:
    """Passes on to the real client, and does something after an answer."""

    def __init__(self, world: World, after: Callable[[int, Any], object]) -> None:
        self.api = world.job().sender
        self.after = after
        self.posts = 0

    def send(self, *arguments: Any) -> Any:
        answer = self.api.send(*arguments)
        self.posts += 1
        self.after(self.posts, answer)
        return answer


def installation(world: World, *columns: str) -> tuple[Any, ...]:
    (row,) = world.rows(f"SELECT {', '.join(columns)} FROM installation")
    return tuple(row[name] for name in columns)


def verdicts(world: World, call_ids: Sequence[str]) -> set[str]:
    return {world.verdict(call_id) for call_id in call_ids}


def test_a_mended_definition_ends_it_without_anybodys_help(world: World) -> None:
    refused = bad(world, 3)
    assert world.run().projects[0].outcome is ProjectOutcome.PROBLEM
    mend(world)
    report = world.run()
    assert report.attention == []
    assert verdicts(world, refused) == {"accepted"}


def test_after_a_hold_the_definition_is_mended_and_the_installation_resumed(
    world: World,
) -> None:
    world.prove()
    refused = bad(world, 2 * MAX_CULPRITS)
    world.run()
    assert installation(world, "paused", "proven_version") == (True, None)
    mend(world)
    world.edit(**RESUMED)
    world.run()
    assert verdicts(world, refused) == {"accepted"}


def test_what_was_refused_before_others_were_accepted_is_built_anew_too(world: World) -> None:
    refused = bad(world, 12)
    for _ in range(3):
        world.run()
    mend(world)
    accepted = good(world, 5)
    world.run()
    assert verdicts(world, [*refused, *accepted]) == {"accepted"}


def test_whoever_is_refused_after_others_were_accepted_in_the_run_is_blamed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collector.domain.limits.MAX_BATCH", 4)
    world.prove()
    calls(world, 4, "early", {})
    world.clock.forward(minutes=1)
    refused = bad(world, 2)
    assert world.run().projects[0].outcome is ProjectOutcome.DONE
    assert verdicts(world, refused) == {"rejected"}


def test_a_search_that_is_interrupted_holds_nobody(world: World) -> None:
    world.prove()
    world.edit(refused_in_row=MAX_CULPRITS - 2)
    bad(world, 3)
    good(world, 10)
    alone: list[int] = []

    def after(_posts: int, answer: Any) -> None:
        if answer.outcome is Outcome.REJECTED and last_size(world) == 1:
            alone.append(1)
            if len(alone) == 3:
                fault = Fault(kind="too_many_requests", count=1, retry_after=600)
                world.sandbox.add(fault)

    report = world.run(sender=Spy(world, after))
    assert len(alone) == 3
    assert report.projects[0].outcome is ProjectOutcome.LATER
    assert installation(world, "paused", "proven_version") == (False, 1)
    assert report.funnel.verdicts["pending"] == 13
    world.clock.forward(minutes=10)
    report = world.run()
    assert (report.funnel.verdicts["accepted"], report.funnel.verdicts["rejected"]) == (10, 3)


def last_size(world: World) -> int | None:
    seen = [item for item in world.sandbox.requests if item.path == "/v1/enrichments"]
    return seen[-1].enrichments


def test_what_becomes_too_late_amid_a_search_blames_nobody(world: World) -> None:
    world.prove()
    bad(world, 1)
    good(world, 5)
    world.edit(paused=True)
    world.run()
    world.edit(paused=False)
    world.clock.now += timedelta(days=7) - timedelta(minutes=8)

    def after(posts: int, _answer: Any) -> None:
        if posts == 4:
            world.clock.forward(minutes=3, seconds=5)

    report = world.run(sender=Spy(world, after))
    assert report.attention == []
    assert installation(world, "proven_version") == (1,)


def test_a_record_that_changes_amid_a_search_is_not_sent_in_its_outdated_form(
    world: World,
) -> None:
    world.prove()
    bad(world, 1)
    found = good(world, 3)

    def after(posts: int, _answer: Any) -> None:
        if posts == 1:
            world.call(found[1], visitor_id="v2", attributes={"call_center": "LYON"})

    world.run(sender=Spy(world, after))
    assert world.verdict(found[1]) == "pending"
    assert "good2" not in {key.user_id for key in world.held}
    world.run()
    assert {item.fields["call_center_name"] for key, item in world.held.items()
            if key.user_id == "good2"} == {"LYON"}  # fmt: skip


def test_a_doubt_outlives_the_search_that_follows_it(world: World) -> None:
    world.prove()
    bad(world, 1)
    good(world, 1)
    world.sandbox.add(Fault(kind="server_error", count=1))
    world.run()
    rows = world.rows("SELECT state, doubtful_revision FROM enrichment ORDER BY state")
    assert [(row["state"], row["doubtful_revision"]) for row in rows] == [
        ("accepted", 1),
        ("rejected", 1),
    ]


def test_the_same_record_again_keeps_why_it_was_refused_and_when(world: World) -> None:
    (refused,) = bad(world, 1)
    good(world, 1)
    world.run()
    before = world.report_call(refused)
    assert "enrichments don't match expected payload" in before["detail"]
    world.clock.forward(hours=1)
    age = timedelta(hours=1, minutes=1)
    world.call(refused, ago=age, visitor_id="v0", attributes=RATED)
    world.run()
    assert world.report_call(refused) == before


@pytest.mark.parametrize("change", [{"integration_version": 2}, {"integration_id": 44}])
def test_a_row_of_refusals_ends_with_what_was_refused(world: World, change: dict[str, int]) -> None:
    world.prove()
    world.edit(refused_in_row=MAX_CULPRITS)
    world.edit(**change)
    assert installation(world, "refused_in_row") == (0,)
