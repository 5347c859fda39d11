"""A page may tell anything: what is read of it is what it should be, or nothing."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.verify.diagnosis import diagnose
from collector.verify.observation import Beacon, Observation, Opening, Session, is_snippet
from collector.verify.reading import body_of, open_failure, read

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
NAMES = ("seen", "scripts", "violations", "live", "tag", "called", "gpc")
SEEN = ("session", "keys", "missing", "answer", "problems", "withheld", "called", "sent")


def seen_of(told: dict[str, Any] | None, **seen: Any) -> Observation:
    nothing: dict[str, Any] = dict.fromkeys(
        ("downloads", "tag_downloads", "beacons", "complaints", "clicks"), ()
    )
    opening = Opening(address="https://shop.example/", status=200)
    return read(told, **{**nothing, "opening": opening, **seen})


# How long it takes says nothing on a machine that is busy.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    told=st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, ANYTHING)),
    seen=st.fixed_dictionaries({}, optional=dict.fromkeys(SEEN, ANYTHING)),
)
def test_nonsense_from_the_page_is_diagnosed_like_anything(
    told: dict[str, Any], seen: dict[str, Any]
) -> None:
    assert diagnose(seen_of(told)).explanation
    assert diagnose(seen_of({**told, "seen": seen})).explanation


SESSION = {"projectId": 162, "userId": "u", "sessionNumber": 4}


def test_what_the_page_tells_of_an_answer_is_not_believed_where_the_network_showed_none() -> None:
    for answer in ({"status": 204}, {"status": 403, "code": "origin_not_allowed"}):
        seen = seen_of({"seen": {"session": SESSION, "keys": {"a": "1"}, "answer": answer}})
        assert seen.beacons == ()
        assert seen.session == Session(project_id=162, user_id="u", session_number=4)


def test_a_request_that_could_not_be_made_is_believed() -> None:
    failed = seen_of({"seen": {"session": SESSION, "answer": {"error": "Failed to fetch"}}})
    assert failed.beacons[0].failure == "Failed to fetch"
    assert failed.beacons[0].status is None


def test_what_finds_nothing_is_read() -> None:
    seen = seen_of({"seen": {"missing": {"visitor_id": "cookie:visitor", "b": 7, "c": " "}}})
    assert seen.missing == {"visitor_id": "cookie:visitor", "b": "7"}


@pytest.mark.parametrize(
    ("session", "flaw"),
    [
        ({"sessionKey": "u.4"}, "it has no projectId"),
        ({"projectId": None, "sessionKey": "u.4"}, "it has no projectId"),
        ({"projectId": "x", "sessionKey": "u.4"}, "its projectId is x, not a number from 1 on"),
        ({"projectId": 0, "sessionKey": "u.4"}, "its projectId is 0, not a number from 1 on"),
        ({"projectId": 162, "sessionKey": "u"}, "its sessionKey ends in no number"),
        ({"projectId": 162, "sessionKey": "u.x"}, "its sessionKey ends in no number"),
        ({"projectId": 162, "sessionKey": "u.-1"}, "its sessionKey ends in no number"),
        ({"projectId": 162, "sessionKey": 1.5}, "its sessionKey is not text"),
        ({"projectId": 162, "sessionKey": "u.0"}, "its session number is 0, not one from 1 to "),
        ({"projectId": 162, "sessionKey": ".4"}, "its sessionKey begins with no user id"),
        ({"projectId": "162", "sessionKey": "u.4"}, ""),
    ],
)
def test_what_makes_a_session_none_is_named_of_a_beacon(
    session: dict[str, object], flaw: str
) -> None:
    told = body_of(json.dumps({**session, "keys": {}}))
    assert told is not None
    assert told[0].flaw.startswith(flaw)
    assert bool(told[0].flaw) is bool(flaw)


@pytest.mark.parametrize(
    ("session", "flaw"),
    [
        ({"userId": "u", "sessionNumber": 4}, "it has no projectId"),
        ({"projectId": 162, "userId": "u", "sessionNumber": None}, "ends in no number"),
        ({"projectId": 162, "userId": "u", "sessionNumber": 0}, "its session number is 0"),
    ],
)
def test_what_makes_a_session_none_is_named_of_what_the_snippet_saw(
    session: dict[str, object], flaw: str
) -> None:
    read_session = seen_of({"seen": {"session": session}}).session
    assert read_session is not None
    assert flaw in read_session.flaw


def test_a_beacon_is_proof_of_the_tag_and_of_its_page_view() -> None:
    seen = seen_of({}, beacons=[Beacon(address="https://a.example/v1/sessions", status=204)])
    assert (seen.live, seen.tag, seen.called) == (True, True, 1)


def test_how_long_a_page_was_waited_for_is_told_in_seconds() -> None:
    assert (
        open_failure("Page.goto: Timeout 20000ms exceeded.\nCall log:") == "no answer within 20 s"
    )
    assert open_failure("Page.goto: net::ERR_ODD at https://a.example/") == "net::ERR_ODD"


EVIL = "\x1b]0;title\x07\x1b[2J\x9b1m\u202eok\n"
ENDLESS = "x" * 100_000


@pytest.mark.parametrize("text", [EVIL, ENDLESS])
def test_nothing_of_a_page_or_an_answer_moves_the_cursor_or_goes_on_for_ever(text: str) -> None:
    session = {"projectId": 162, "userId": text, "sessionNumber": 4}
    debug = {"session": session, "keys": {text: text}, "problems": [text], "withheld": text}
    script = {"address": f"https://a.example/{text}"}
    violation = {"directive": text, "address": text, "policy": text}
    beacon = Beacon(address="https://a.example/v1/sessions", code=text, ignored=text)
    seen = seen_of(
        {"seen": debug, "scripts": [script], "violations": [violation]},
        beacons=[beacon],
        complaints=[text],
    )
    body = body_of(json.dumps({**session, "keys": {text: text}}))
    shown = str((seen, body))
    assert not re.search(r"\\x1b|\\x07|\\x9b|\\u202e|\\n", shown)
    assert len(shown) < 40_000


def test_of_very_many_keys_some_are_kept() -> None:
    seen = seen_of({"seen": {"session": SESSION, "keys": {f"k{n}": "v" for n in range(100_000)}}})
    assert list(seen.keys) == [f"k{n}" for n in range(10)]


@pytest.mark.parametrize(
    ("told", "number"),
    [("162", 162), (162.0, 162), ("9" * 19, int("9" * 19)), ("9" * 20, 0), (10**20, 0),
     ("١٦٢", 0), ("-1", 0), ("", 0), (1.5, 0)],
)  # fmt: skip
def test_a_number_is_read_as_the_collector_reads_it(told: object, number: int) -> None:
    read_session = seen_of({"seen": {"session": {**SESSION, "projectId": told}}}).session
    assert read_session is not None
    assert read_session.project_id == number


def test_a_password_is_left_out_of_every_address_and_of_the_browsers_words() -> None:
    inside = "https://me:hunter2@a.example/v1/snippet.js"
    outside = "https://a.example/v1/snippet.js"
    seen = seen_of(
        {
            "scripts": [{"address": inside}],
            "violations": [{"directive": "script-src-elem", "address": inside, "source": inside}],
        },
        complaints=[f"Refused to execute script from '{inside}'"],
    )
    assert "hunter2" not in str(seen)
    assert seen.scripts[0].address == seen.violations[0].address == outside
    assert outside in seen.complaints[0]


def test_a_page_that_tells_nothing_has_gone_or_does_not_respond() -> None:
    assert seen_of({}).is_read
    gone = seen_of(None)
    assert (gone.responds, gone.stays) == (True, False)
    hanging = seen_of(None, responds=False)
    assert (hanging.responds, hanging.stays) == (False, True)


@pytest.mark.parametrize(
    ("address", "is_one"),
    [
        ("https://a.example/v1/snippet.js?v=1#x", True),
        ("https://a.example/collector/v1/snippet.0123-ab.js", True),
        ("https://a.example/v1/snippet.js.map", False),
        ("https://a.example/v1/snippet.json", False),
        ("https://a.example/v1/snippet.é.js", False),
        ("http://[", False),
    ],
)
def test_a_snippet_is_told_by_the_end_of_its_path(address: str, is_one: bool) -> None:
    assert is_snippet(address) is is_one


@pytest.mark.parametrize(
    "body",
    [None, "", "nonsense", "[]", "7", '{"projectId": 162, "userId": "u"}', '{"a": 1}', "[" * 9999],
)
def test_what_is_no_beacon_is_not_read_as_one(body: str | None) -> None:
    assert body_of(body) is None


@pytest.mark.parametrize(
    "session",
    ['"userId": "a.b", "sessionNumber": 4', '"sessionKey": "a.b.4"'],
)
def test_a_beacon_tells_its_session_in_one_of_two_forms(session: str) -> None:
    told = body_of(f'{{"projectId": "162", {session}, "keys": {{"a": " "}}}}')
    assert told == (Session(project_id=162, user_id="a.b", session_number=4), {})


def test_blank_keys_are_no_keys() -> None:
    body = (
        '{"projectId": 1, "userId": "u", "sessionNumber": 2, "keys": {"a": "", "b": null, "c": 7}}'
    )
    told = body_of(body)
    assert told is not None
    assert told[1] == {"c": "7"}
