"""What is shown of a finding: every step, and of a visitor no more than is needed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from collector.verify import report
from collector.verify.diagnosis import diagnose
from collector.verify.observation import Click, Observation, without_password
from collector.verify.texts import Code
from tests.verify.pages import (
    BEACON,
    KEYS,
    SESSION,
    SESSIONS,
    SNIPPET,
    UNSENT,
    WELL,
    answered,
    opening,
)

MISSING = {"visitor_id": "cookie:visitor"}


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
        (replace(UNSENT, responds=False), {"page"}),
        (replace(UNSENT, stays=False), {"page"}),
        (replace(WELL, responds=False, scripts=(), tag=False, called=0), set()),
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


@pytest.mark.parametrize(
    ("seen", "step", "words"),
    [
        (opening(status=404), "page", "answered with status 404"),
        (opening(failure="no answer within 20 s"), "page", "no answer within 20 s"),
        (WELL, "page", "opened, status 200"),
        (WELL, "tag", "Contentsquare's tag runs (it has taken over _uxa)"),
        (WELL, "callback", "1 page view"),
        (replace(WELL, called=2), "callback", "2 page views"),
        (WELL, "sent", f"1 request to {SESSIONS}"),
        (replace(WELL, beacons=(BEACON, BEACON)), "sent", f"2 requests to {SESSIONS}"),
        (replace(UNSENT, keys={}), "keys", "none"),
        (
            replace(UNSENT, keys={}, missing=MISSING, problems=("told",)),
            "keys",
            "no visitor_id: cookie:visitor finds nothing; told",
        ),
        (
            replace(UNSENT, keys={"a": "1"}, missing=MISSING),
            "keys",
            "a 1…; no visitor_id: cookie:visitor finds nothing",
        ),
        (
            replace(UNSENT, session=replace(SESSION, flaw="it has no projectId")),
            "session",
            "cannot be read: it has no projectId",
        ),
    ],
)
def test_each_step_says_what_was_seen(seen: Observation, step: str, words: str) -> None:
    assert told(seen)[step][1] == words


def test_steps_and_diagnosis_speak_of_the_same_beacon() -> None:
    # The page is asked a moment before or after the request is answered.
    early = replace(WELL, keys={}, session=None, missing=MISSING)
    assert diagnose(early).is_well
    assert all(holds for holds, _ in told(early).values())
    document = report.as_json(early, diagnose(early))["observation"]
    assert (document["keys"], document["missing"]) == (sorted(KEYS), {})

    late = answered(status=204, keys={})
    assert diagnose(late).code is Code.STORED_WITHOUT_KEY
    assert told(late)["keys"] == (False, "none")


def test_the_json_tells_what_finds_nothing() -> None:
    seen = replace(UNSENT, keys={}, missing=MISSING)
    assert report.as_json(seen, diagnose(seen))["observation"]["missing"] == MISSING


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
