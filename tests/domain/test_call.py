"""Two records that say the same have one content hash, and only those."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.domain.call import digest
from tests.domain.samples import MICROSECOND, NOON, a_call

STANDARD: dict[str, Any] = {"keys": {"visitor_id": "v"}, "attributes": {"a": "1", "b": None}}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"updated_at": NOON}, id="only the update's time"),
        pytest.param({"attributes": {"b": None, "a": "1"}}, id="columns in another order"),
    ],
)
def test_what_says_the_same_has_the_same_hash(changes: dict[str, Any]) -> None:
    assert a_call(**(STANDARD | changes)).content_hash() == a_call(**STANDARD).content_hash()


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"started_at": NOON + MICROSECOND}, id="start"),
        pytest.param({"ended_at": None}, id="no end"),
        pytest.param({"ended_at": NOON}, id="another end"),
        pytest.param({"keys": {}}, id="no key"),
        pytest.param({"keys": {"reference": "v"}}, id="another kind"),
        pytest.param({"keys": {"visitor_id": "w"}}, id="another value"),
        pytest.param({"attributes": {"a": "1"}}, id="a column less"),
        pytest.param({"attributes": {"a": 1, "b": None}}, id="a number instead of text"),
        pytest.param({"attributes": {"a": True, "b": None}}, id="a truth instead of text"),
        pytest.param({"attributes": {"a": "1", "b": ""}}, id="empty instead of absent"),
        pytest.param({"attributes": {"a": "1", "c": None}}, id="another column"),
    ],
)
def test_what_says_something_else_has_another_hash(changes: dict[str, Any]) -> None:
    assert a_call(**(STANDARD | changes)).content_hash() != a_call(**STANDARD).content_hash()


_scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
_columns = st.dictionaries(st.text(max_size=10), _scalars, max_size=6)
_keys = st.dictionaries(st.sampled_from(["visitor_id", "reference", "k"]), st.text(), max_size=3)


@given(keys=_keys, attributes=_columns, minutes=st.integers(-600, 600))
@settings(deadline=None, max_examples=100)
def test_the_hash_depends_neither_on_order_nor_on_the_clock(
    keys: dict[str, str], attributes: dict[str, Any], minutes: int
) -> None:
    one = a_call(keys=keys, attributes=attributes)
    other = a_call(
        "call-2",
        keys=dict(reversed(keys.items())),
        attributes=dict(reversed(attributes.items())),
        updated_at=NOON.astimezone(timezone(timedelta(minutes=minutes))),
    )
    assert one.content_hash() == other.content_hash() == one.content_hash()
    assert len(one.content_hash()) == 32


@given(
    keys=_keys,
    attributes=_columns,
    answered=st.none() | st.booleans(),
    value=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    caller=st.none() | st.text(),
    ended=st.booleans(),
)
@settings(deadline=None, max_examples=100)
def test_the_hash_is_that_of_the_content_as_json(
    keys: dict[str, str], attributes: dict[str, Any], ended: bool, **changes: Any
) -> None:
    call = a_call(keys=keys, attributes=attributes, caller_key=changes["caller"], **changes)
    call = call if ended else replace(call, ended_at=None)
    content = [
        call.started_at.isoformat(),
        call.ended_at.isoformat() if call.ended_at else None,
        sorted(keys.items()),
        sorted(attributes.items()),
        [call.answered, call.value, call.caller, call.caller_key],
    ]
    assert call.content_hash() == digest(content)


def test_the_hash_is_the_same_in_every_release() -> None:
    # Stored hashes are compared with new ones: another value here would make every call of every
    # customer an update.
    assert digest(["é", 1, 2.5, None, {"b": True, "a": []}]) == "44d18103a281ebf062492194d55c68f7"
