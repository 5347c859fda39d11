"""One record of a file or webhook is read into a call, or refused with its column named."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from collector.domain.call import Call
from collector.domain.definition import CallMapping
from collector.domain.reading import CallReader
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
        ({"session": "u"}, "bad_session_key", "'session'"),
        ({"session": "u.0"}, "bad_session_key", "'session'"),
        ({"visitor": "v" * 201}, "key_too_long", "'visitor'"),
        ({"visitor": "v\x00"}, "bad_text", "'visitor'"),
        ({"visitor": "v\udfff"}, "bad_text", "'visitor'"),
        ({"visitor": ["v"]}, "not_a_scalar", "'visitor'"),
        ({"dialled": "0" * 201}, "key_too_long", "'dialled'"),
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


@pytest.mark.parametrize("value", ["x", "", 5, 5.5, True, False, None, 2**60])
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
