"""What is shown of a finding: every step, and of a visitor no more than is needed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from collector.verify import report
from collector.verify.diagnosis import diagnose
from collector.verify.observation import Click, Observation, without_password
from tests.verify.pages import BEACON, KEYS, SESSION, SNIPPET, UNSENT, WELL, answered, opening


def told(seen: Observation) -> dict[str, tuple[bool | None, str]]:
    return {step.name: (step.holds, step.told) for step in report.steps(seen)}


def test_each_step_of_a_page_that_is_well_holds() -> None:
    steps = told(WELL)
    assert list(steps) == [
        "page",
        "snippet",
        "tag",
        "callback",
        "session",
        "keys",
        "sent",
        "answer",
    ]
    assert all(holds for holds, _ in steps.values())
    assert steps["snippet"][1] == SNIPPET
    assert "162" in steps["session"][1]
    assert steps["answer"][1] == "204"


@pytest.mark.parametrize(
    ("seen", "failing"),
    [
        (opening(status=404), {"page"}),
        (replace(WELL, responds=False), {"page"}),
        (replace(UNSENT, tag=False, called=0, session=None), {"tag", "callback", "session"}),
        (replace(UNSENT, keys={}, withheld="consent"), {"keys", "sent"}),
        (answered(status=403, code="origin_not_allowed"), {"answer"}),
        (answered(status=204, ignored="keys.x is too long"), {"answer"}),
        (answered(), {"answer"}),
        (replace(WELL, clicks=(Click(selector="#accept"),)), {"click"}),
    ],
)
def test_the_steps_that_fail_are_marked(seen: Observation, failing: set[str]) -> None:
    assert {name for name, (holds, _) in told(seen).items() if holds is False} == failing


def test_neither_form_shows_a_whole_key_or_user_id() -> None:
    shown = json.dumps(report.as_json(WELL, diagnose(WELL)))
    shown += "".join(step.told for step in report.steps(WELL))
    for value in (*KEYS.values(), SESSION.user_id):
        assert value not in shown
    assert "visitor_id" in shown


@pytest.mark.parametrize(("value", "short"), [("v-1", "v…"), ("v-123456789", "v-1…"), ("", "…")])
def test_a_value_is_cut_to_what_tells_it_from_others(value: str, short: str) -> None:
    assert report.shortened(value) == short


def test_the_json_names_each_request_with_its_status_and_code() -> None:
    seen = answered(status=403, code="origin_not_allowed")
    document = report.as_json(seen, diagnose(seen))
    assert document["code"] == "beacon_refused"
    assert document["observation"]["requests"] == [
        {"method": "GET", "address": SNIPPET, "status": 200, "failure": None},
        {
            "method": "POST",
            "address": BEACON.address,
            "status": 403,
            "failure": None,
            "code": "origin_not_allowed",
            "ignored": None,
        },
    ]


def test_a_password_in_the_address_is_not_shown() -> None:
    shown = without_password("https://me:hunter2@staging.shop.example:8443/a?b=c#d")
    assert shown == "https://staging.shop.example:8443/a?b=c#d"
