"""Each platform's own example becomes the right call, in each of the forms that it comes in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collector.domain.call import Call
from collector.domain.callers import CallerHash
from collector.domain.reading import CallReader
from collector.errors import RecordError
from tests.platforms.records import FILES, REGIONS, platforms, records

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HASH = CallerHash.of("a key that is none")


def reader(preset: str) -> CallReader:
    return CallReader.of(platforms(), preset, region=REGIONS[preset], caller_hash=HASH)


def read(preset: str, record: dict[str, Any]) -> Call | None:
    return reader(preset).read(record, NOW)


def call_of(name: str) -> Call:
    call = read(FILES[name], records(name)[0])
    assert call is not None
    return call


def expected(
    preset: str,
    call_id: str,
    started: datetime,
    seconds: float,
    *,
    caller: str,
    keys: dict[str, str],
    answered: bool,
    updated: datetime | None = None,
) -> Call:
    return Call(
        call_id=call_id,
        started_at=started,
        ended_at=started + timedelta(seconds=seconds),
        updated_at=updated,
        keys=keys,
        attributes={},
        answered=answered,
        caller=HASH(caller),
        caller_key=HASH.key_id,
        source=preset,
    )


TWILIO = expected(
    "twilio",
    "CA00000000000000000000000000000001",
    datetime(2010, 8, 31, 20, 36, 29, tzinfo=UTC),
    15,
    updated=datetime(2010, 8, 31, 20, 36, 44, tzinfo=UTC),
    caller="+12025550101",
    keys={"tracking_number": "+12025550188"},
    answered=True,
)
CALLRAIL = expected(
    "callrail",
    "CAL8154748ae6bd4e278a7cddd38a662f4f",
    datetime(2017, 1, 24, 16, 27, 48, 119_000, tzinfo=UTC),
    60,
    caller="+12025550101",
    keys={"tracking_number": "+12025550188"},
    answered=False,
)
CALLRAIL_WEBHOOK = expected(
    "callrail",
    "766970532",
    datetime(2018, 2, 19, 18, 41, 0, 236_000, tzinfo=UTC),
    13,
    caller="+12025550101",
    keys={"tracking_number": "+12025550188"},
    answered=False,
)
INVOCA = expected(
    "invoca",
    "Z6E5-C7397356976E",
    datetime(2019, 1, 24, 13, 43, 15, tzinfo=UTC),
    125,
    updated=datetime(2019, 1, 24, 13, 43, 15, tzinfo=UTC),
    caller="+12025550101",
    keys={"visitor_id": "i-b7f2a1c0", "tracking_number": "9"},
    answered=True,
)
INFINITY = expected(
    "infinity",
    "1234567890",
    datetime(2025, 3, 4, 14, 5, 6, tzinfo=UTC),
    145,
    caller="+442079460222",
    keys={
        "visitor_id": "0f0e0d0c-0b0a-4908-8706-050403020100",
        "tracking_number": "+442079460111",
    },
    answered=True,
)


@pytest.mark.parametrize("name", FILES)
def test_an_example_record_becomes_its_call_whatever_form_it_has(name: str) -> None:
    calls = {"twilio": TWILIO, "callrail": CALLRAIL, "invoca": INVOCA, "infinity": INFINITY}
    calls["callrail"] = CALLRAIL_WEBHOOK if name == "callrail.webhook.json" else CALLRAIL
    assert call_of(name) == calls[FILES[name]]


@pytest.mark.parametrize("name", ["twilio.json", "twilio.csv", "callrail.json", "invoca.json"])
def test_what_is_no_call_of_a_visitor_is_passed_over(name: str) -> None:
    assert read(FILES[name], records(name)[1]) is None


# Twilio


@pytest.mark.parametrize("status", ["queued", "initiated", "ringing", "in-progress"])
@pytest.mark.parametrize("column", ["CallStatus", "status", "Status"])
def test_twilio_s_call_that_is_not_over_is_none_yet(status: str, column: str) -> None:
    record = {"CallSid": "CA1", "From": "+12025550101", "Direction": "inbound", column: status}
    assert read("twilio", record) is None


@pytest.mark.parametrize("status", ["busy", "failed", "no-answer", "canceled"])
def test_twilio_s_call_that_never_connected_was_not_answered(status: str) -> None:
    record = records("twilio.json")[0]
    call = read("twilio", {**record, "status": status, "end_time": None, "duration": None})
    assert call is not None
    assert (call.answered, call.started_at, call.ended_at) == (False, TWILIO.started_at, None)


def test_twilio_s_call_that_was_given_up_before_it_was_dialled_began_when_it_was_made() -> None:
    record = records("twilio.json")[0]
    gone = {"status": "canceled", "start_time": None, "end_time": None, "duration": None}
    call = read("twilio", {**record, **gone})
    assert call is not None
    assert call.started_at == TWILIO.started_at - timedelta(seconds=1)


@pytest.mark.parametrize("machine", ["machine_start", "machine_end_beep", "fax"])
def test_twilio_s_machine_does_not_answer(machine: str) -> None:
    call = read("twilio", {**records("twilio.json")[0], "answered_by": machine})
    assert call is not None
    assert call.answered is False


def test_twilio_s_minutes_are_never_read() -> None:
    record = records("twilio.webhook.form")[0]
    assert record["Duration"] == "1"
    del record["CallDuration"]
    with pytest.raises(RecordError) as refused:
        read("twilio", record)
    assert refused.value.code == "no_start"


def test_twilio_s_callback_and_its_api_tell_the_same_content() -> None:
    callback, resource = call_of("twilio.webhook.form"), call_of("twilio.json")
    assert callback.content_hash() == resource.content_hash()


def test_twilio_s_sip_trunk_brings_calls_from_outside() -> None:
    call = read("twilio", {**records("twilio.json")[0], "direction": "trunking-originating"})
    assert call == TWILIO


# CallRail


def test_callrail_s_placeholders_before_a_call_are_passed_over() -> None:
    placeholders = {"answered": False, "call_type": "missed", "duration": 0, "voicemail": False}
    assert read("callrail", {**records("callrail.json")[0], **placeholders}) is None
    record = records("callrail.webhook.json")[0]
    assert read("callrail", {**record, **placeholders, "duration": "0"}) is None


def test_callrail_s_webhook_names_the_api_s_id_where_it_has_it() -> None:
    record = {**records("callrail.webhook.json")[0], "resource_id": CALLRAIL.call_id}
    call = read("callrail", record)
    assert call == replace(CALLRAIL_WEBHOOK, call_id=CALLRAIL.call_id)


@pytest.mark.parametrize(
    ("answered", "voicemail", "found"),
    [
        (True, False, True),
        ("true", "false", True),
        ("true", "", True),
        (True, True, False),
        (False, False, False),
        ("false", "false", False),
        ("", "", None),
        (None, None, None),
    ],
)
def test_callrail_s_answer_is_one_that_was_no_mailbox(
    answered: object, voicemail: object, found: bool | None
) -> None:
    record = {**records("callrail.json")[0], "answered": answered, "voicemail": voicemail}
    call = read("callrail", record)
    assert call is not None
    assert call.answered is found


@pytest.mark.parametrize(("value", "found"), [("", None), ("$1.00", 1.0), ("125.50", 125.5)])
def test_callrail_s_value(value: str, found: float | None) -> None:
    call = read("callrail", {**records("callrail.json")[0], "value": value})
    assert call is not None
    assert call.value == found


# Invoca


@pytest.mark.parametrize("kind", ["Signal", "Post Call Event", "Reported Conversion"])
def test_invoca_s_rows_about_a_call_are_none_themselves(kind: str) -> None:
    assert read("invoca", {**records("invoca.json")[0], "transaction_type": kind}) is None


def test_invoca_s_correction_is_told_later_than_the_row_that_it_corrects() -> None:
    correction = {
        **records("invoca.json")[0],
        "transaction_id": "FE7F3A51-11111113",
        "corrects_transaction_id": "FE7F3A51-11111111",
        "corrected_at": "2019-01-24 07:10:02 -07:00",
        "sale_amount": "125.50",
    }
    call = read("invoca", correction)
    updated = datetime(2019, 1, 24, 14, 10, 2, tzinfo=UTC)
    assert call == replace(INVOCA, updated_at=updated, value=125.5)


@pytest.mark.parametrize("column", ["start_time_xml", "start_time_local"])
def test_invoca_s_start_in_its_other_forms(column: str) -> None:
    record = records("invoca.json")[0]
    others = {"start_time_utc", "start_time_xml", "start_time_local"} - {column}
    assert read("invoca", {**record, **dict.fromkeys(others)}) == INVOCA


@pytest.mark.parametrize(("seconds", "found"), [(0, False), ("0", False), ("98", True), ("", None)])
def test_invoca_s_call_was_answered_if_it_was_connected(
    seconds: object, found: bool | None
) -> None:
    call = read("invoca", {**records("invoca.json")[0], "connect_duration": seconds})
    assert call is not None
    assert call.answered is found


@pytest.mark.parametrize(
    ("sale", "revenue", "found"),
    [("99.90", "10", 99.9), ("", "10", 10.0), (None, None, None)],
)
def test_invoca_s_sale_comes_before_its_revenue(
    sale: object, revenue: object, found: float | None
) -> None:
    record = {**records("invoca.json")[0], "sale_amount": sale, "revenue": revenue}
    call = read("invoca", record)
    assert call is not None
    assert call.value == found


# Infinity


@pytest.mark.parametrize(
    ("stage", "bridged", "found"),
    [
        ("bridge", "120", True),
        ("bridge", 0, False),
        ("voicemail", "120", False),
        ("ring", "0", False),
        ("", "120", True),
        ("bridge", "", None),
    ],
)
def test_infinity_s_call_was_answered_if_it_was_bridged(
    stage: str, bridged: object, found: bool | None
) -> None:
    record = {**records("infinity.csv")[0], "callStage": stage, "bridgeDuration": bridged}
    call = read("infinity", record)
    assert call is not None
    assert call.answered is found


def test_infinity_s_outgoing_call_is_passed_over() -> None:
    assert read("infinity", {**records("infinity.csv")[0], "callDirection": "outbound"}) is None


@pytest.mark.parametrize("caller", ["", "anonymous"])
def test_infinity_s_withheld_number_is_nobody_s(caller: str) -> None:
    call = read("infinity", {**records("infinity.csv")[0], "srcPhoneNumber": caller})
    assert call == replace(INFINITY, caller=None, caller_key=None)


def test_infinity_s_value_and_visitor_under_their_other_names() -> None:
    record = records("infinity.csv")[0]
    record = {**record, "visitorId": record.pop("vid"), "txv": "49.90"}
    assert read("infinity", record) == replace(INFINITY, value=49.9)
