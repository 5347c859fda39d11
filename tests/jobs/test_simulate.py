"""Other rules are tried over what is stored, beside today's, and nothing changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from collector.domain.altering import Alteration, as_lines
from collector.domain.definition import Definition, Matching, Rule
from collector.errors import NotFoundError, UsageError
from collector.jobs import lookup, simulate
from collector.jobs.simulate import Simulation
from collector.sources import definition as definitions
from collector.storage.periods import Period
from tests.world import EXAMPLE, PROJECT, START, World

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
NUMBER = "+33199000001"


def replay(
    world: World,
    *,
    since: datetime = START - DAY,
    until: datetime = START + 30 * DAY,
    project_id: int = PROJECT,
    **changes: object,
) -> Simulation:
    """Simulate with these changes of the rules; nothing stored may change by it."""
    before = world.everything()
    rules = Alteration(**changes).of(world.definition.matching_of(project_id))  # type: ignore[arg-type]
    period = Period(project_id=project_id, since=since, until=until)
    found = simulate.simulate(world.database, world.definition, period, rules, clock=world.clock)
    assert world.everything() == before
    for tally in (found.today, found.other):
        assert tally.rows.total() == tally.rules.total() == found.stored.rows.total()
    assert sum(change.calls for change in found.changes.values()) == found.stored.rows.total()
    return found


def funnel(tally: simulate.Tally) -> dict[str, int]:
    return {row: number for row, number in tally.as_json()["funnel"].items() if number}


def test_a_wider_window_finds_what_a_narrow_one_does_not(world: World) -> None:
    world.visit("u.1", tracking_number=NUMBER)
    world.clock.forward(minutes=20)
    call_id = world.call(tracking_number=NUMBER)
    world.clock.forward(hours=2)
    world.run()
    found = replay(world, windows={"tracking_number": 30 * MINUTE})
    assert found.same_as_stored
    assert (funnel(found.stored), funnel(found.today)) == ({"unmatched": 1},) * 2
    assert funnel(found.other) == {"enriched": 1}
    assert found.other.rules == {"tracking_number": 1}
    assert found.changes["found"].examples == [call_id]


def test_a_narrower_window_loses_and_another_order_moves(world: World) -> None:
    world.visit("a.1", visitor_id="v1")
    world.clock.forward(minutes=90)
    world.visit("b.1", reference="r1")
    world.clock.forward(minutes=1)
    moved = world.call(visitor_id="v1", reference="r1")
    lost = world.call(visitor_id="v1")
    same = world.call(reference="r1")
    without = world.call(reference="nobody")
    world.run()
    found = replay(world, order=("reference", "visitor_id"), windows={"visitor_id": 60 * MINUTE})
    assert {name: change.examples for name, change in found.changes.items()} == {
        "found": [], "lost": [lost], "elsewhere": [moved], "same": [same], "without": [without],
    }  # fmt: skip
    assert found.other.rules == {"reference": 2, "none": 2}


def test_what_cannot_be_built_and_what_finds_no_number_counts_as_it_would(world: World) -> None:
    world.visit("u.1", visitor_id="v1")
    world.clock.forward(minutes=1)
    for _ in range(4):
        world.call(visitor_id="v1")
    world.call(visitor_id="v1", attributes={"rating": "great"})
    world.run()
    found = replay(world)
    expected = {"invalid": 1, "over_limit": 1, "enriched": 3}
    assert funnel(found.stored) == funnel(found.today) == funnel(found.other) == expected
    assert found.same_as_stored


def test_numbers_that_calls_outside_the_period_have_are_not_given_again(world: World) -> None:
    world.visit("u.1", visitor_id="v1")
    for _ in range(4):
        world.clock.forward(minutes=1)
        world.call(visitor_id="v1")
        world.run()
    found = replay(world, since=world.clock() - MINUTE)
    assert funnel(found.today) == {"enriched": 1, "over_limit": 1}


def test_a_call_that_stayed_in_its_session_shows_that_the_replay_differs(world: World) -> None:
    world.visit("u.1", tracking_number=NUMBER)
    world.clock.forward(minutes=1)
    world.call(tracking_number=NUMBER)
    world.run()
    world.visit("w.1", tracking_number=NUMBER)
    found = replay(world)
    assert (funnel(found.stored), funnel(found.today)) == ({"enriched": 1}, {"ambiguous": 1})
    assert (found.same_as_stored, found.replayed_elsewhere) == (False, 1)
    assert found.changes["without"].calls == 1


def test_only_calls_of_the_period_and_of_the_project_count(world: World) -> None:
    world.install(project_id=163, integration_id=43)
    world.call(project_id=163, visitor_id="v")
    for _ in range(3):
        world.call(visitor_id="v")
        world.clock.forward(minutes=1)
    inside = replay(world, since=START + MINUTE, until=START + 2 * MINUTE)
    assert inside.stored.rows.total() == 1
    assert replay(world).stored.rows.total() == 3


def test_a_shorter_horizon_waits_for_less(world: World) -> None:
    world.call(visitor_id="v1")
    world.clock.forward(minutes=10)
    world.run()
    found = replay(world, horizon=5 * MINUTE)
    assert (funnel(found.today), funnel(found.other)) == ({"waiting": 1}, {"unmatched": 1})


def test_pages_and_cut_off_lookups_change_no_answer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for user in range(3):
        world.visit(f"u{user}.1", visitor_id="v1")
        world.clock.forward(minutes=40)
    for _ in range(5):
        world.call(visitor_id="v1")
    whole = replay(world, windows={"visitor_id": 50 * MINUTE})
    monkeypatch.setattr(simulate, "PAGE", 2)
    monkeypatch.setattr(lookup, "MOST_CANDIDATES", 1)
    assert replay(world, windows={"visitor_id": 50 * MINUTE}) == whole
    assert whole.changes["same"].calls == 5


def test_each_project_is_replayed_by_its_own_rules(world: World) -> None:
    own = Matching(rules=(Rule(kind="reference", window=DAY),))
    world.definition = replace(world.definition, projects={PROJECT: own})
    world.visit("u.1", visitor_id="v1")
    world.call(visitor_id="v1")
    assert funnel(replay(world).today) == {"unmatched": 1}


def test_what_cannot_be_simulated_is_refused(world: World) -> None:
    with pytest.raises(NotFoundError, match="999"):
        replay(world, project_id=999)
    world.edit(integration_version=9)
    with pytest.raises(UsageError, match=r"integration version 9.*versions\.9"):
        replay(world)
    with pytest.raises(ValueError, match="no rule uses 'card'"):
        replay(world, windows={"card": MINUTE})


@pytest.mark.parametrize("table", ["matching", "projects.162.matching"])
def test_the_rules_as_they_are_printed_are_read_as_the_same(
    table: str, tmp_path_of_example: Callable[[str], Definition]
) -> None:
    altered = Alteration(
        order=("tracking_number", "card"),
        windows={"tracking_number": 90 * MINUTE},
        skew=timedelta(0),
        horizon=timedelta(hours=36),
    ).of(Matching())
    read = tmp_path_of_example("\n".join(as_lines(altered, table)))
    assert read.matching_of(PROJECT) == altered


@pytest.fixture
def tmp_path_of_example(tmp_path: object) -> Callable[[str], Definition]:
    """Reads the example definition with these lines added."""
    from pathlib import Path

    folder = Path(str(tmp_path))
    for file in EXAMPLE.parent.glob("schema*"):
        (folder / file.name).write_bytes(file.read_bytes())

    def read(lines: str) -> Definition:
        path = folder / EXAMPLE.name
        path.write_text(f"{EXAMPLE.read_text(encoding='utf-8')}\n{lines}\n", encoding="utf-8")
        return definitions.read(path)

    return read
