"""A page may tell anything: what is read of it is what it should be, or nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.verify.diagnosis import diagnose
from collector.verify.observation import Observation, Opening, Session
from collector.verify.reading import body_of, read

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
NAMES = ("seen", "scripts", "violations", "live", "tag", "called", "gpc")
SEEN = ("session", "keys", "answer", "problems", "withheld", "called", "sent")


def seen_of(told: dict[str, Any] | None) -> Observation:
    return read(
        told,
        opening=Opening(address="https://shop.example/", status=200),
        downloads=(),
        tag_downloads=(),
        beacons=(),
        complaints=(),
        clicks=(),
    )


@given(
    told=st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, ANYTHING)),
    seen=st.fixed_dictionaries({}, optional=dict.fromkeys(SEEN, ANYTHING)),
)
def test_nonsense_from_the_page_is_diagnosed_like_anything(
    told: dict[str, Any], seen: dict[str, Any]
) -> None:
    assert diagnose(seen_of(told)).explanation
    assert diagnose(seen_of({**told, "seen": seen})).explanation


def test_what_the_snippet_tells_of_its_answer_counts_where_the_network_showed_none() -> None:
    session = {"projectId": 162, "userId": "u", "sessionNumber": 4}
    refused = {"status": 403, "code": "origin_not_allowed", "ignored": None}
    seen = seen_of({"seen": {"session": session, "keys": {"a": "1"}, "answer": refused}})
    (beacon,) = seen.beacons
    assert (beacon.status, beacon.code) == (403, "origin_not_allowed")
    assert seen.session == Session(project_id=162, user_id="u", session_number=4)
    failed = seen_of({"seen": {"session": session, "answer": {"error": "Failed to fetch"}}})
    assert failed.beacons[0].failure == "Failed to fetch"
    assert failed.beacons[0].status is None


@pytest.mark.parametrize(
    "body",
    [None, "", "nonsense", "[]", "7", '{"projectId": 162, "userId": "u"}', '{"a": 1}', "[" * 9999],
)
def test_what_is_no_beacon_is_not_read_as_one(body: str | None) -> None:
    assert body_of(body) is None


def test_blank_keys_are_no_keys() -> None:
    body = (
        '{"projectId": 1, "userId": "u", "sessionNumber": 2, "keys": {"a": "", "b": null, "c": 7}}'
    )
    told = body_of(body)
    assert told is not None
    assert told[1] == {"c": "7"}
