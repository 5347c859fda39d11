"""The short form of ``make torture``: few points, well spread, of everything that can happen."""

from __future__ import annotations

import pytest

from collector.sandbox import EnrichmentKey
from tests.torture import plan
from tests.torture.compare import DifferenceError, require_same
from tests.torture.scenario import SHOP
from tests.torture.stage import Stage
from tests.torture.trial import Tried
from tests.torture.variants import VARIANTS

#: So many points of each. The long form does everything on both.
POINTS = {
    "sqlite": {"kill": 1, "stall": 1, "late": 1},
    "postgresql": {"kill": 1, "change": 1, "two": 1},
}

SEED = 4


# One test, since setting the stage costs more than a trial.
def test_however_the_job_is_disturbed_it_leaves_the_same_behind(stage: Stage) -> None:
    tried, wanted = Tried(), POINTS[stage.dialect]
    for name, number in wanted.items():
        variant = VARIANTS[name]
        for point in plan.choose(variant.count_points(stage), number, f"{SEED} {name}"):
            variant.try_at(stage, point, SEED, tried)
    assert tried.kills >= wanted["kill"]
    assert tried.stalls == wanted.get("stall", 0)
    _a_loss_would_be_told(stage)


def _a_loss_would_be_told(stage: Stage) -> None:
    """A harness that finds nothing has to be one that could."""
    with stage.trial() as trial:
        trial.look()
        assert EnrichmentKey(SHOP, "alice", 1, 1) in trial.world.held
        trial.world.sandbox.empty()
        with pytest.raises(DifferenceError, match="alice-1"):
            trial.look()


def test_a_difference_is_told_from_both_sides() -> None:
    expected = {"report_calls": [{"call_id": "a", "verdict": "accepted"}, {"call_id": "b"}]}
    found = {"report_calls": [{"call_id": "b"}, {"call_id": "a", "verdict": "pending"}]}
    with pytest.raises(DifferenceError) as error:
        require_same(expected, found)
    assert str(error.value).splitlines() == [
        "what is left differs:",
        "  - report_calls: call_id=a, verdict=accepted",
        "  + report_calls: call_id=a, verdict=pending",
    ]


def test_chosen_points_are_spread_and_can_be_chosen_again() -> None:
    chosen = plan.choose(500, 5, "1 kill")
    assert [(point - 1) // 100 for point in chosen] == [0, 1, 2, 3, 4]
    assert chosen == plan.choose(500, 5, "1 kill")
    assert plan.choose(3, 5, "1 kill") == plan.choose(3, None, "1 kill") == [1, 2, 3]
