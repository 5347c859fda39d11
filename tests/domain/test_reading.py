"""One record of a file or webhook is read into a call, or refused with its column named."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.domain.call import Call
from collector.domain.callers import CallerHash
from collector.domain.definition import CallMapping, Condition
from collector.domain.reading import ZONE, CallReader
from collector.errors import RecordError
from tests.domain.samples import MICROSECOND, NOON

MAPPING = CallMapping(
    id=("id",),
    started=("at",),
    duration=("seconds",),
    updated=("changed",),
    keys={
        "session_key": ("session",),
        "visitor_id": ("visitor",),
        "tracking_number": ("dialled",),
    },
    zone=ZoneInfo("Europe/Paris"),
)
RECORD = {"id": "c1", "at": "2026-03-02T12:00:00Z", "seconds": "75"}


def read(
    record: Mapping[str, object],
    *,
    mapping: CallMapping = MAPPING,
    columns: tuple[str, ...] = (),
    region: str | None = "FR",
) -> Call:
    reader = CallReader(mapping=mapping, columns=columns, region=region)
    call = reader.read(record, NOON + timedelta(hours=1))
    assert call is not None
    return call


def refusal(record: Mapping[str, object], **options: object) -> tuple[str, str]:
    with pytest.raises(RecordError) as error:
        read(record, **options)  # type: ignore[arg-type]
    return error.value.code, str(error.value)


def test_a_record_becomes_a_call_in_utc_with_normalised_keys_and_only_the_wanted_columns() -> None:
    record = {
        "id": " c1 ",
        "at": "2026-03-02 13:00",
        "seconds": "75.5",
        "changed": "2026-03-02T14:00:00+01:00",
        "session": " ae267-6g87D.04 ",
        "visitor": " v1 ",
        "dialled": "01 99 00 12 34",
        "status": " completed ",
        "rating": 4.5,
        "agent": "somebody",
    }
    assert read(record, columns=("status", "rating", "absent")) == Call(
        call_id="c1",
        started_at=NOON,
        ended_at=NOON + timedelta(seconds=75, milliseconds=500),
        updated_at=NOON + timedelta(hours=1),
        keys={
            "session_key": "ae267-6g87D.4",
            "visitor_id": "v1",
            "tracking_number": "+33199001234",
        },
        attributes={"status": " completed ", "rating": 4.5},
    )


def test_a_number_can_be_an_id() -> None:
    assert read({**RECORD, "id": 17}).call_id == "17"


def test_keys_that_are_blank_or_absent_are_no_keys() -> None:
    record = {**RECORD, "session": "", "visitor": "  ", "dialled": None}
    assert read(record).keys == {}


@pytest.mark.parametrize("value", ["", "  ", None])
def test_a_blank_time_of_update_or_duration_is_none(value: str | None) -> None:
    call = read({**RECORD, "changed": value, "seconds": value})
    assert (call.updated_at, call.ended_at) == (None, None)


@pytest.mark.parametrize(
    ("unit", "value", "length"),
    [
        (timedelta(seconds=1), "75", timedelta(seconds=75)),
        (timedelta(seconds=1), 75, timedelta(seconds=75)),
        (timedelta(seconds=1), "0", timedelta(0)),
        (timedelta(milliseconds=1), "75250", timedelta(seconds=75, milliseconds=250)),
        (timedelta(minutes=1), "1.5", timedelta(seconds=90)),
    ],
)
def test_a_duration_counts_in_its_unit(unit: timedelta, value: object, length: timedelta) -> None:
    call = read({**RECORD, "seconds": value}, mapping=replace(MAPPING, duration_unit=unit))
    assert call.ended_at == NOON + length


def test_an_end_can_be_named_instead_of_a_duration() -> None:
    mapping = replace(MAPPING, duration=(), ended=("until",))
    call = read({**RECORD, "until": "2026-03-02T13:01:00"}, mapping=mapping)
    assert call.ended_at == NOON + timedelta(minutes=1)


def test_a_call_may_end_in_the_moment_it_starts() -> None:
    mapping = replace(MAPPING, duration=(), ended=("until",))
    assert read({**RECORD, "until": RECORD["at"]}, mapping=mapping).ended_at == NOON


@pytest.mark.parametrize(
    ("changes", "code", "column"),
    [
        ({"id": ""}, "no_call_id", "'id'"),
        ({"id": "  "}, "no_call_id", "'id'"),
        ({"id": None}, "no_call_id", "'id'"),
        ({"id": "x" * 101}, "call_id_too_long", "'id'"),
        ({"id": ["c1"]}, "not_a_scalar", "'id'"),
        ({"id": "c\x001"}, "bad_text", "'id'"),
        ({"id": "c\ud8001"}, "bad_text", "'id'"),
        ({"at": ""}, "no_start", "'at'"),
        ({"at": "noon"}, "bad_time", "'at'"),
        ({"at": "2026-03-02"}, "bad_time", "'at'"),
        ({"at": "\ud800"}, "bad_text", "'at'"),
        ({"at": {"time": 1}}, "not_a_scalar", "'at'"),
        ({"seconds": "long"}, "bad_duration", "'seconds'"),
        ({"seconds": True}, "bad_duration", "'seconds'"),
        ({"seconds": "NaN"}, "bad_duration", "'seconds'"),
        ({"seconds": "sNaN"}, "bad_duration", "'seconds'"),
        ({"seconds": "Infinity"}, "bad_duration", "'seconds'"),
        ({"seconds": "1e999999"}, "bad_duration", "'seconds'"),
        ({"seconds": 1e300}, "bad_duration", "'seconds'"),
        ({"seconds": "-1"}, "ends_before_start", "ends before it starts"),
        ({"changed": "later"}, "bad_time", "'changed'"),
        ({"id": "1.23457E+12"}, "shortened_number", "'id'"),
        ({"visitor": "1,23457e+09"}, "shortened_number", "'visitor'"),
        ({"dialled": "3.3199E+10"}, "shortened_number", "'dialled'"),
        ({"session": "u"}, "bad_session_key", "'session'"),
        ({"session": "u.0"}, "bad_session_key", "'session'"),
        ({"visitor": "v" * 201}, "key_too_long", "'visitor'"),
        ({"visitor": "v\x00"}, "bad_text", "'visitor'"),
        ({"visitor": "v\udfff"}, "bad_text", "'visitor'"),
        ({"visitor": ["v"]}, "not_a_scalar", "'visitor'"),
        ({"dialled": "9" * 201}, "key_too_long", "'dialled'"),
        ({"status": "x" * 2001}, "attribute_too_long", "'status'"),
        ({"status": "x\x00"}, "bad_text", "'status'"),
        ({"status": "\ud800x"}, "bad_text", "'status'"),
        ({"status": {"is": "completed"}}, "not_a_scalar", "'status'"),
        ({"status": [1]}, "not_a_scalar", "'status'"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_code_and_its_column(
    changes: dict[str, object], code: str, column: str
) -> None:
    found, message = refusal({**RECORD, **changes}, columns=("status",))
    assert found == code
    assert column in message
    message.encode()


@pytest.mark.parametrize(
    ("changes", "columns"),
    [
        ({"id": "x" * 100}, ()),
        ({"visitor": "v" * 200}, ()),
        ({"status": "x" * 2000}, ("status",)),
        ({"status": "é" * 2000}, ("status",)),
    ],
)
def test_the_longest_of_everything_is_read(
    changes: dict[str, object], columns: tuple[str, ...]
) -> None:
    read({**RECORD, **changes}, columns=columns)


def test_a_column_that_nobody_asked_for_can_hold_anything() -> None:
    call = read({**RECORD, "notes": ["\x00", {"deep": 1}], "status": "ok"}, columns=("status",))
    assert call.attributes == {"status": "ok"}


@pytest.mark.parametrize("value", ["x", 0, 5, 5.5, True, False, 2**60])
def test_an_attribute_keeps_its_type(value: object) -> None:
    kept = read({**RECORD, "status": value}, columns=("status",)).attributes["status"]
    assert (kept, type(kept)) == (value, type(value))


@pytest.mark.parametrize("missing", ["id", "at"])
def test_a_record_without_id_or_start_is_refused(missing: str) -> None:
    code, message = refusal({name: value for name, value in RECORD.items() if name != missing})
    assert code == {"id": "no_call_id", "at": "no_start"}[missing]
    assert repr(missing) in message


@pytest.mark.parametrize(
    ("start", "said"),
    [
        (datetime(2000, 1, 1, tzinfo=UTC), None),
        (datetime(2000, 1, 1, tzinfo=UTC) - MICROSECOND, "before the year 2000"),
        (NOON + timedelta(hours=2), None),
        (NOON + timedelta(hours=2) + MICROSECOND, "in the future"),
    ],
)
def test_a_start_that_cannot_be_is_refused(start: datetime, said: str | None) -> None:
    record = {"id": "c1", "at": start.isoformat()}
    if said is None:
        assert read(record).started_at == start
    else:
        code, message = refusal(record)
        assert code == "impossible_start"
        assert said in message


def test_a_naive_start_is_read_in_the_zone_of_the_mapping() -> None:
    record = {"id": "c1", "at": "2026-03-02T13:00:00"}
    assert read(record).started_at == NOON
    utc = replace(MAPPING, zone=UTC)
    assert read(record, mapping=utc).started_at == NOON + timedelta(hours=1)


def test_the_region_of_the_installation_decides_how_national_numbers_are_read() -> None:
    record = {**RECORD, "dialled": "020 7946 0123"}
    assert read(record, region="GB").keys == {"tracking_number": "+442079460123"}
    assert read(record, region=None).keys == {"tracking_number": "02079460123"}


def test_a_refusal_repeats_only_the_beginning_of_what_it_refuses() -> None:
    _, message = refusal({**RECORD, "seconds": "x" * 2000})
    assert len(message) < 200


def test_the_same_line_of_json_read_twice_is_the_same_content() -> None:
    line = '{"id": 1, "at": "2026-03-02T12:00:00Z", "seconds": 75, "rating": 4.50}'
    one, other = (read(json.loads(line), columns=("rating",)) for _ in range(2))
    assert one.content_hash() == other.content_hash()


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_a_number_that_is_none_is_refused(value: float) -> None:
    with pytest.raises(RecordError, match=r"'status' is .*, which is no number"):
        read({**RECORD, "status": value}, columns=("status",))


ENDED = replace(MAPPING, started=(), ended=("until",))


def test_a_start_follows_from_end_and_duration() -> None:
    call = read({"id": "c1", "until": "2026-03-02T12:01:15Z", "seconds": 75}, mapping=ENDED)
    assert (call.started_at, call.ended_at) == (NOON, NOON + timedelta(seconds=75))


def test_a_start_that_is_told_goes_before_one_that_follows() -> None:
    mapping = replace(MAPPING, ended=("until",))
    both = {**RECORD, "until": "2026-03-02T12:05:00Z", "seconds": "unread"}
    assert read(both, mapping=mapping).ended_at == NOON + timedelta(minutes=5)
    without = {**both, "at": "", "seconds": "60"}
    assert read(without, mapping=mapping).started_at == NOON + timedelta(minutes=4)


@pytest.mark.parametrize(
    ("record", "mapping", "code", "said"),
    [
        ({"until": "2026-03-02T12:00Z"}, ENDED, "no_start", "column 'seconds' is empty or absent"),
        ({"seconds": "75"}, ENDED, "no_start", "column 'until' is empty or absent"),
        ({}, ENDED, "no_start", "column 'until' is empty or absent"),
        (
            {"until": "2026-03-02T12:00Z", "seconds": "-5"},
            ENDED,
            "ends_before_start",
            "'seconds' is negative",
        ),
        (
            {"until": "2000-01-01T00:00:30Z", "seconds": "75"},
            ENDED,
            "impossible_start",
            "the start that follows from the duration is before the year 2000",
        ),
        ({"until": "1999-12-31T12:00Z", "seconds": 0}, ENDED, "impossible_start", "before"),
        (
            {"at": "2026-03-02T12:00Z", "seconds": "86400"},
            MAPPING,
            "impossible_end",
            "the end that follows from the duration is in the future",
        ),
        (
            {"at": "2026-03-02T12:00Z", "until": "2026-03-03T12:00Z"},
            replace(ENDED, started=("at",)),
            "impossible_end",
            "column 'until' is in the future",
        ),
        (
            {"at": "2026-03-02T12:00Z", "until": "2026-03-02T11:00Z"},
            replace(ENDED, started=("at",)),
            "ends_before_start",
            "column 'until', column 'at'",
        ),
        ({**RECORD, "seconds": "1e13"}, MAPPING, "bad_duration", "longer than a year"),
        ({**RECORD, "changed": "2026-03-02T15:00Z"}, MAPPING, "impossible_update", "'changed' is"),
        ({**RECORD, "changed": "1999-01-01T15:00Z"}, MAPPING, "impossible_update", "before"),
    ],
)
def test_times_that_cannot_be_are_refused_with_what_tells_them(
    record: dict[str, object], mapping: CallMapping, code: str, said: str
) -> None:
    found, message = refusal({"id": "c1", **record}, mapping=mapping)
    assert found == code
    assert said in message


@pytest.mark.parametrize(
    ("at", "decimal"),
    [(1772452800, "."), (1.7724528e9, ","), ("1772452800000", "."), (1772452800000.0, ",")],
)
def test_a_start_can_be_a_number_of_json(at: object, decimal: str) -> None:
    record = {"id": "c1", "at": at, "seconds": 1.125}
    call = read(record, mapping=replace(MAPPING, decimal=decimal))
    assert (call.started_at, call.ended_at) == (NOON, NOON + timedelta(seconds=1.125))


@pytest.mark.parametrize(
    ("value", "decimal", "read_as"),
    [("1,234", ".", 1234.0), ("1,234", ",", 1.234), (1.234, ",", 1.234), ("12,50 €", ".", 12.5)],
)
def test_a_value_is_read_as_its_source_writes_numbers(
    value: object, decimal: str, read_as: float
) -> None:
    mapping = replace(MAPPING, value=("worth",), decimal=decimal)
    assert read({**RECORD, "worth": value}, mapping=mapping).value == read_as


def test_a_value_that_is_no_number_is_refused() -> None:
    mapping = replace(MAPPING, value=("worth",))
    code, message = refusal({**RECORD, "worth": "much"}, mapping=mapping)
    assert (code, message) == ("bad_value", "column 'worth': 'much' is not a number")


ZONED = replace(MAPPING, zone_column=("tz",))


def test_a_record_can_name_the_zone_of_its_times() -> None:
    record = {**RECORD, "at": "2026-03-02T07:00:00", "tz": "America/New_York"}
    call = read(record, mapping=ZONED)
    assert call.started_at == NOON
    assert call.attributes == {ZONE: "America/New_York"}
    assert read({**RECORD, "tz": ""}, mapping=ZONED).attributes == {}


def test_a_zone_that_there_is_not_is_refused() -> None:
    code, message = refusal({**RECORD, "tz": "Mars"}, mapping=ZONED)
    assert code == "bad_zone"
    assert message.startswith("column 'tz': 'Mars' is no time zone")


def test_a_whole_number_of_json_is_the_same_key_as_its_text() -> None:
    assert read({**RECORD, "visitor": 7.0}).keys == read({**RECORD, "visitor": "7"}).keys


@pytest.mark.parametrize("empty", [[], {}])
def test_an_empty_list_or_object_is_absent(empty: object) -> None:
    call = read({**RECORD, "visitor": empty, "status": empty}, columns=("status",))
    assert call.keys == {}
    assert call.attributes == {}


@pytest.mark.parametrize("nothing", ["undefined", "NULL", "None", "\\N", " (not set) "])
def test_what_a_program_writes_for_nothing_is_no_key_and_costs_no_record(nothing: str) -> None:
    record = {**RECORD, "visitor": nothing, "session": nothing, "dialled": "0199001234"}
    assert read(record).keys == {"tracking_number": "+33199001234"}


def test_the_same_call_in_two_forms_has_the_same_content() -> None:
    columns = ("note", "status")
    forms: list[dict[str, object]] = [
        {"note": "", "status": "busy"}, {"note": None, "status": "busy"}, {"status": "busy"}
    ]  # fmt: skip
    assert len({read({**RECORD, **one}, columns=columns).content_hash() for one in forms}) == 1


def test_a_dotted_name_leads_into_nested_objects_unless_it_is_a_column() -> None:
    mapping = replace(MAPPING, keys={"visitor_id": ("custom.visitor.id",)})
    record = {**RECORD, "custom": {"visitor": {"id": "v1"}, "list": [1, [2]]}}
    assert read(record, mapping=mapping).keys == {"visitor_id": "v1"}
    assert read({**record, "custom.visitor.id": "v2"}, mapping=mapping).keys["visitor_id"] == "v2"
    assert read({**RECORD, "custom": "text"}, mapping=mapping).keys == {}


def test_a_bad_record_costs_nothing_but_itself() -> None:
    only = Condition(columns=("kind",), values=frozenset({"inbound"}))
    reader = CallReader(mapping=replace(MAPPING, only=(only,)))
    deep: object = "deep"
    for _ in range(50_000):
        deep = [deep]
    records: list[tuple[int, object]] = [
        (2, RECORD),
        (3, {**RECORD, "kind": "outbound", "at": "never"}),
        (4, "not even JSON"),
        (5, {**RECORD, "at": "never"}),
        (6, {"at": "never", "when": NOON, None: ["\ud800"]}),
        (7, {**RECORD, "at": "never", "deep": deep}),
        (8, {**RECORD, "id": "c2", "kind": "Inbound", "notes": {"\x00": deep}}),
        (9, None),
    ]
    found = reader.read_all(records, NOON)
    assert [call.call_id for call in found.calls] == ["c1", "c2"]
    assert found.passed_over == 1
    assert [(each.number, each.call_id, each.code) for each in found.refusals] == [
        (4, None, "not_an_object"),
        (5, "c1", "bad_time"),
        (6, None, "no_call_id"),
        (7, "c1", "bad_time"),
        (9, None, "not_an_object"),
    ]
    kept = {each.number: each.record for each in found.refusals}
    assert kept[4] == "not even JSON"
    assert json.loads(kept[5]) == {**RECORD, "at": "never"}
    assert "nested too deeply" in kept[7]
    for text in kept.values():
        text.encode()


_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
_nested = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=3,
)
_columns = st.sampled_from(["id", "at", "seconds", "changed", "session", "dialled", "until", "tz"])


@given(record=st.dictionaries(_columns, _nested, max_size=8), sound=st.booleans())
@settings(deadline=None, max_examples=150)
def test_any_record_is_a_call_or_is_refused(record: dict[str, object], sound: bool) -> None:
    mapping = replace(ZONED, ended=("until",), value=("seconds",), caller=("dialled",))
    reader = CallReader(
        mapping=mapping, columns=("tz",), caller_hash=CallerHash.of("secret"), region="FR"
    )
    found = reader.read_all([(1, {**record, **(RECORD if sound else {})})], NOON)
    assert len(found.calls) + len(found.refusals) == 1
    for call in found.calls:
        assert call.content_hash()
    for refused in found.refusals:
        refused.record.encode()
        assert refused.code
