"""After the rules of matching were changed, calls without a session are looked at again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from collector.domain.definition import Matching
from collector.domain.verdicts import Reason
from collector.jobs.retry import RetryReport, retry
from collector.storage.retries import Selection
from tests.world import World

NUMBER = "+33199000001"


def again(world: World, *reasons: Reason) -> RetryReport:
    return retry(world.database, None, reasons, Selection(), now=world.clock(), dry_run=False)


def widen(world: World, **window: timedelta) -> None:
    rules = tuple(
        replace(rule, window=window.get(rule.kind, rule.window)) for rule in Matching().rules
    )
    world.definition = replace(world.definition, matching=Matching(rules=rules))


@pytest.fixture
def missed(world: World) -> str:
    """A call ten minutes after its number was shown, when the window is five minutes."""
    world.visit("u.1", tracking_number=NUMBER)
    world.clock.forward(minutes=10)
    call_id = world.call(tracking_number=NUMBER)
    world.clock.forward(hours=2)
    world.run()
    assert world.report_call(call_id)["reason"] == "no_session"
    return call_id


def test_a_wider_window_finds_the_session_of_a_call_once_it_is_asked_for(
    world: World, missed: str
) -> None:
    widen(world, tracking_number=timedelta(minutes=30))
    world.run()
    assert world.verdict(missed) == "unmatched"  # nobody told the job
    assert again(world, Reason.NO_SESSION).marked == 1
    assert world.verdict(missed) == "unmatched"  # until the run
    world.run()
    assert world.verdict(missed) == "accepted"


def test_a_narrower_window_resolves_what_was_ambiguous(world: World) -> None:
    widen(world, tracking_number=timedelta(minutes=30))
    world.visit("u.1", tracking_number=NUMBER)
    world.clock.forward(minutes=10)
    world.visit("w.1", tracking_number=NUMBER)
    call_id = world.call(tracking_number=NUMBER)
    world.run()
    assert world.verdict(call_id) == "ambiguous"
    widen(world)
    assert again(world, Reason.NO_SESSION).marked == 0  # another reason
    assert again(world, Reason.SEVERAL_USERS).marked == 1
    world.run()
    assert world.report_call(call_id)["user_id"] == "w"


def test_a_call_of_seven_days_ago_is_too_late_whatever_rules_would_find(
    world: World, missed: str
) -> None:
    world.clock.forward(days=7)
    report = again(world, Reason.NO_SESSION)
    assert (report.marked, report.too_late) == (0, 1)
    assert world.verdict(missed) == "unmatched"


def test_what_is_not_asked_for_is_left_alone(world: World, missed: str) -> None:
    widen(world, tracking_number=timedelta(minutes=30))
    assert again(world, Reason.REFUSED_BY_API).marked == 0
    world.run()
    assert world.verdict(missed) == "unmatched"
