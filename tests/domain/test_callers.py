"""Of a caller's number a hash is kept that only the key can repeat, and nothing else tells it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest

from collector.domain.call import Call, digest
from collector.domain.callers import CallerHash
from collector.domain.definition import CallMapping
from collector.domain.reading import CALLER, CallReader
from collector.errors import RecordError
from tests.domain.samples import NOON

NUMBER = "+33199001234"
HASH = CallerHash.of("a secret of many random bytes")
MAPPING = CallMapping(
    id=("id",), started=("at",), duration=("seconds",), caller=("from",), value=("value",)
)
READER = CallReader(mapping=MAPPING, columns=("agent",), region="FR", caller_hash=HASH)
RECORD = {"id": "c1", "at": "2026-03-02T12:00:00Z"}


def read(caller: object = "01 99 00 12 34", reader: CallReader = READER) -> Call:
    call = reader.read({**RECORD, "from": caller}, NOON)
    assert call is not None
    return call


def test_a_caller_is_the_same_however_the_number_is_written() -> None:
    written = ["01 99 00 12 34", NUMBER, "sip:+33199001234@host", "0033 1 99 00 12 34 x45"]
    assert {read(text).caller for text in written} == {HASH(NUMBER)}
    assert read().caller_key == HASH.key_id


def test_another_number_or_another_key_is_another_caller() -> None:
    assert read("01 99 00 12 35").caller != read().caller
    other = read(reader=replace(READER, caller_hash=CallerHash.of("another secret")))
    assert other.caller != read().caller
    assert other.caller_key != HASH.key_id


def test_without_the_key_a_hash_cannot_be_found_by_trying_numbers() -> None:
    tried = {hashlib.sha256(text.encode()).hexdigest() for text in (NUMBER, NUMBER[1:])}
    assert read().caller not in tried
    assert HASH.key not in (HASH(NUMBER).encode(), HASH.key_id.encode())


@pytest.mark.parametrize(
    "caller", [None, "", "  ", "anonymous", "Numéro masqué", "+266696687", "+33 1 99 00 ** **", []]
)
def test_a_caller_who_is_withheld_is_none(caller: object) -> None:
    call = read(caller)
    assert (call.caller, call.caller_key) == (None, None)


def test_nothing_of_a_call_tells_the_number_unless_a_field_asks_for_it() -> None:
    assert read().attributes == {}
    for part in (NUMBER, "199001234", "99001234", "01 99"):
        assert part not in repr(read())
    asked = read(reader=replace(READER, keep_caller=True))
    assert asked.attributes == {CALLER: NUMBER}


def test_the_content_hash_holds_the_keyed_hash_and_not_the_number() -> None:
    call = read()
    assert call.content_hash() != read("01 99 00 12 35").content_hash()
    assert call.content_hash() == read(NUMBER).content_hash()
    # Whoever has all of the call but the key cannot find the number by trying: what is hashed
    # is known from the call alone.
    content: list[object] = [call.started_at.isoformat(), None, [], []]
    known = [*content, [call.answered, call.value, call.caller, call.caller_key]]
    assert call.content_hash() == digest(known)


def test_without_a_key_nothing_is_kept_and_the_column_may_hold_anything() -> None:
    reader = replace(READER, caller_hash=None)
    for caller in (NUMBER, {"number": NUMBER}, "\x00"):
        call = read(caller, reader)
        assert (call.caller, call.caller_key, call.attributes) == (None, None, {})


@pytest.mark.parametrize(
    "changes",
    [
        {"from": [NUMBER]},
        {"from": NUMBER + "\x00"},
        {"from": NUMBER * 200},
        {"at": "yesterday"},
        {"seconds": "long"},
        {"value": "much"},
        {"id": ""},
    ],
)
def test_no_reason_tells_the_caller_s_number(changes: dict[str, object]) -> None:
    record = {**RECORD, "from": NUMBER, **changes}
    with pytest.raises(RecordError) as refusal:
        READER.read(record, NOON)
    assert "199001234" not in str(refusal.value)
    assert "column" in str(refusal.value)


def test_a_record_that_was_refused_keeps_all_that_came() -> None:
    record = {**RECORD, "at": "yesterday"}
    (refusal,) = READER.read_all([(7, record)], NOON).refusals
    assert json.loads(refusal.record) == record
