"""What is matched is right, measured on a small made-up world of which the truth is known."""

from __future__ import annotations

from bench.matching_quality import measure
from bench.matching_world import Scenario, make
from collector.domain.definition import Matching

#: Small enough for the suite. Among its 300 matches one mistake is three in a thousand, so it
#: guards against a rule that became worse; docs/matching.md has the measurement that says how
#: right the matching is.
SMALL = Scenario(calls=500, projects=1, days=2, calls_per_visit=0.5)
SEED = 1


def test_99_of_100_matches_are_right_in_a_small_world() -> None:
    quality = measure(SMALL, SEED, Matching())
    assert quality.whole.calls == sum(quality.verdicts.values())
    assert quality.whole.precision >= 0.99, quality.mistakes
    assert quality.whole.recall >= 0.8
    assert {"session_key", "visitor_id", "reference", "tracking_number"} == quality.rules.keys()


def test_the_world_tempts_to_wrong_matches_and_is_the_same_for_the_same_seed() -> None:
    world = make(SMALL, SEED)
    assert world == make(SMALL, SEED)
    assert world != make(SMALL, SEED + 1)
    situations = {call.situation for call in world.calls}
    assert {"prompt", "prompt, unseen", "later", "redialled"} <= situations
