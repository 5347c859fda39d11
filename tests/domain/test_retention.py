"""How long what is stored can still matter."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from collector.config import Settings
from collector.domain.definition import Definition, Matching, Rule
from collector.domain.retention import Kind, least_for_calls, least_for_sessions
from collector.errors import SettingError
from collector.jobs.retention import retention_of
from collector.sources import definition as definitions
from tests.world import EXAMPLE

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def definition() -> Definition:
    return definitions.read(EXAMPLE)


@pytest.mark.parametrize(("windows", "days"), [((7,), 16), ((7, 30), 39), ((0,), 9), ((), 8)])
def test_a_session_matters_as_long_as_the_longest_window_reaches(
    windows: tuple[int, ...], days: int
) -> None:
    rules = tuple(Rule(kind="visitor_id", window=window * DAY) for window in windows)
    assert least_for_sessions([Matching(rules=rules)]) == days


def test_a_call_matters_as_long_as_others_ask_what_its_caller_did() -> None:
    assert least_for_calls([Matching()]) == 38
    assert least_for_calls([Matching(), Matching(skew=2 * DAY)]) == 39


def test_the_smallest_settings_are_what_the_standard_rules_need(definition: Definition) -> None:
    standard = replace(definition, matching=Matching(), projects={})
    smallest = Settings(sessions_days=16, calls_days=38)
    assert retention_of(smallest, standard).sessions == 16 * DAY
    with pytest.raises(SettingError, match=r"COLLECTOR_SESSIONS_DAYS .* 16 or more"):
        retention_of(replace(smallest, sessions_days=15), standard)
    with pytest.raises(SettingError, match=r"COLLECTOR_CALLS_DAYS .* 38 or more"):
        retention_of(replace(smallest, calls_days=37), standard)


def test_a_project_with_a_longer_window_needs_its_sessions_longer(definition: Definition) -> None:
    longer = Matching(rules=(Rule(kind="reference", window=60 * DAY),))
    with pytest.raises(SettingError, match="Set it to 69 or more"):
        retention_of(Settings(sessions_days=68), replace(definition, projects={7: longer}))


def test_it_goes_by_whole_days_of_utc(definition: Definition) -> None:
    now = datetime(2026, 3, 2, 23, 59, tzinfo=UTC)
    cuts = retention_of(Settings(), definition).cuts(now)
    assert cuts[Kind.SESSIONS] == datetime(2025, 12, 2, tzinfo=UTC)
    assert cuts[Kind.REFUSED] == now - 30 * DAY
