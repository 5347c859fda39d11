"""Times of records and of enrichments, with the days on which the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime as format_rfc2822
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.domain.schema import FieldType, check_value
from collector.domain.times import format_datetime, parse_duration, parse_time, zone_named

PARIS = ZoneInfo("Europe/Paris")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")  # its clocks change by half an hour


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-01-31T14:05:00Z", "2026-01-31T14:05:00Z"),
        ("2026-01-31T14:05:00+01:00", "2026-01-31T13:05:00Z"),
        ("2026-01-31T14:05:00-0530", "2026-01-31T19:35:00Z"),
        ("2026-01-31T14:05:00", "2026-01-31T13:05:00Z"),
        ("2026-07-31T14:05:00", "2026-07-31T12:05:00Z"),
        ("2026-01-31 14:05", "2026-01-31T13:05:00Z"),
        ("20260131T140500Z", "2026-01-31T14:05:00Z"),
        (" 2026-01-31T14:05:00Z\n", "2026-01-31T14:05:00Z"),
        ("2026-01-01T00:30:00", "2025-12-31T23:30:00Z"),
        ("2024-02-29T12:00:00Z", "2024-02-29T12:00:00Z"),
        ("2026-01-31 14:05:00 -07:00", "2026-01-31T21:05:00Z"),
        ("2026-01-31 14:05:00+02", "2026-01-31T12:05:00Z"),
        ("2026-01-31 14:05:00 UTC", "2026-01-31T14:05:00Z"),
        ("2026-01-31t14:05:00.119z", "2026-01-31T14:05:00Z"),
        ("2026-01-31T14:05:00.123456789Z", "2026-01-31T14:05:00Z"),
        ("2026-W05-6T14:05", "2026-01-31T13:05:00Z"),
        ("２０２６-01-31T14:05:00Z", "2026-01-31T14:05:00Z"),  # noqa: RUF001
        ("2026-01-31\u00a014:05", "2026-01-31T13:05:00Z"),
    ],
)
def test_a_time_is_read_with_its_offset_or_else_in_the_zone(text: str, utc: str) -> None:
    found = parse_time(text, PARIS)
    assert found.tzinfo is UTC
    assert format_datetime(found) == utc


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        pytest.param("2026-03-29T01:59:59", "2026-03-29T00:59:59Z", id="before the gap"),
        pytest.param("2026-03-29T02:00:00", "2026-03-29T01:00:00Z", id="the gap begins"),
        pytest.param("2026-03-29T02:30:00", "2026-03-29T01:30:00Z", id="inside the gap"),
        pytest.param("2026-03-29T03:00:00", "2026-03-29T01:00:00Z", id="after the gap"),
        pytest.param("2026-10-25T01:59:59", "2026-10-24T23:59:59Z", id="before the repeat"),
        pytest.param("2026-10-25T02:00:00", "2026-10-25T00:00:00Z", id="the repeat begins"),
        pytest.param("2026-10-25T02:59:59", "2026-10-25T00:59:59Z", id="the first of the two"),
        pytest.param("2026-10-25T03:00:00", "2026-10-25T02:00:00Z", id="after the repeat"),
        pytest.param("2026-10-25T02:30:00+01:00", "2026-10-25T01:30:00Z", id="the second, named"),
    ],
)
def test_naive_times_on_the_days_the_clocks_change(text: str, utc: str) -> None:
    assert format_datetime(parse_time(text, PARIS)) == utc


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        pytest.param("2026-04-05T01:29:59", "2026-04-04T14:29:59Z", id="before the repeat"),
        pytest.param("2026-04-05T01:30:00", "2026-04-04T14:30:00Z", id="the first of the two"),
        pytest.param("2026-04-05T02:00:00", "2026-04-04T15:30:00Z", id="after the repeat"),
        pytest.param("2026-10-04T01:59:59", "2026-10-03T15:29:59Z", id="before the gap"),
        pytest.param("2026-10-04T02:15:00", "2026-10-03T15:45:00Z", id="inside the gap"),
        pytest.param("2026-10-04T02:30:00", "2026-10-03T15:30:00Z", id="after the gap"),
    ],
)
def test_clocks_that_change_by_half_an_hour(text: str, utc: str) -> None:
    assert format_datetime(parse_time(text, LORD_HOWE)) == utc


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("Sat, 31 Jan 2026 14:05:00 +0000", "2026-01-31T14:05:00Z"),
        ("Sat, 31 Jan 2026 14:05:00 +0100", "2026-01-31T13:05:00Z"),
        ("31 Jan 2026 14:05 GMT", "2026-01-31T14:05:00Z"),
        ("Sat,  1 Aug 2026 14:05:00 UT", "2026-08-01T14:05:00Z"),
        ("Sat, 31 Jan 2026 14:05:00 EST", "2026-01-31T19:05:00Z"),
        ("Sat, 31 Jan 2026 14:05:00 PDT", "2026-01-31T21:05:00Z"),
        ("Sat, 31 Jan 2026 14:05:00 +0100 (CET)", "2026-01-31T13:05:00Z"),
        pytest.param("31 Jan 2026 14:05:00 -0000", "2026-01-31T14:05:00Z", id="an unknown zone"),
        pytest.param("31 Jan 2026 14:05:00", "2026-01-31T13:05:00Z", id="naive: in the zone"),
    ],
)
def test_a_time_of_a_mail_is_read_with_its_offset(text: str, utc: str) -> None:
    assert format_datetime(parse_time(text, PARIS)) == utc


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("1769868300", "2026-01-31T14:05:00+00:00"),
        ("1769868300.25", "2026-01-31T14:05:00.250000+00:00"),
        ("1769868300000", "2026-01-31T14:05:00+00:00"),
        ("1769868300250.5", "2026-01-31T14:05:00.250500+00:00"),
        ("1769868300000001", "2026-01-31T14:05:00.000001+00:00"),
        ("946684800", "2000-01-01T00:00:00+00:00"),
        ("946684800000", "2000-01-01T00:00:00+00:00"),
        pytest.param("1231010300000", "2009-01-03T19:18:20+00:00", id="fromisoformat's 1231-01-03"),
        pytest.param("20260131140500", "2026-01-31T13:05:00+00:00", id="date and time in a row"),
    ],
)
def test_a_number_counts_from_1970_in_the_unit_that_its_digits_tell(text: str, utc: str) -> None:
    assert parse_time(text, PARIS).isoformat() == utc


@pytest.mark.parametrize(
    ("text", "form", "utc"),
    [
        ("31/01/2026 14:05", "%d/%m/%Y %H:%M", "2026-01-31T13:05:00Z"),
        ("01/02/2026 02:05 PM", "%m/%d/%Y %I:%M %p", "2026-01-02T13:05:00Z"),
        pytest.param(
            "20260102140500", "%Y%d%m%H%M%S", "2026-02-01T13:05:00Z", id="not the usual one"
        ),
        ("31.01.2026 14:05 +0300", "%d.%m.%Y %H:%M %z", "2026-01-31T11:05:00Z"),
        ("31.01.2026 14:05 UTC", "%d.%m.%Y %H:%M %Z", "2026-01-31T14:05:00Z"),
        pytest.param("2026-01-31 14:05Z", "%d/%m/%Y", "2026-01-31T14:05:00Z", id="the usual form"),
        pytest.param("2026-01-31 14:05Z", "%Y %Y", "2026-01-31T14:05:00Z", id="no format"),
    ],
)
def test_the_source_s_own_formats_come_first(text: str, form: str, utc: str) -> None:
    assert format_datetime(parse_time(text, PARIS, ["%Y", form])) == utc


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not a time"),
        ("yesterday", "is not a time"),
        ("31/01/2026 14:05", "is not a time"),
        ("2026-02-30T00:00:00Z", "is not a time"),
        ("2026-01-31T25:00:00Z", "is not a time"),
        ("2026-01-31T14:05:60Z", "is not a time"),
        ("2026-01-31T14:05:00+25:00", "is not a time"),
        ("2026-01-31-05:00", "is not a time"),
        ("2026-01-31T14:05:00+01:00[Europe/Paris]", "is not a time"),
        ("0000-00-00 00:00:00", "is not a time"),
        ("٢٠٢٦-01-31 14:05", "is not a time"),
        ("Sat, 31 Jan 26 14:05:00 GMT", "is not a time"),
        ("Sat, 31 Jan 2026 14:05:00 CEST", "is not a time"),
        ("Sat, 30 Feb 2026 14:05:00 GMT", "is not a time"),
        ("31 Jan 2026", "is not a time"),
        ("0", "is not a time"),
        ("75", "is not a time"),
        ("-1769868300", "is not a time"),
        ("946684799", "is not a time"),
        ("202601311405", "is not a time"),
        ("17698683000", "is not a time"),
        ("1.76987E+12", "is not a time"),
        ("2026-01-31 14.05", "is not a time"),
        ("20260131T1405.30", "is not a time"),
        ("46053.58", "is not a time"),
        ("20260231140500", "is not a time"),
        ("9" * 400, "is not a time"),
        ("2026-01-31", "no time of day"),
        ("2026-W05-6", "no time of day"),
        ("20260131", "no time of day"),
        ("0001-01-01T00:00:00+14:00", "outside the calendar"),
        ("9999-12-31T23:59:59-01:00", "outside the calendar"),
    ],
)
def test_what_is_no_date_and_time_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_time(text, PARIS)


def test_a_refusal_names_the_formats_that_were_tried() -> None:
    with pytest.raises(ValueError, match=r"00Z, nor written as %d/%m/%Y %H:%M or %c"):
        parse_time("31-01-2026", UTC, ["%d/%m/%Y %H:%M", "%c"])


def test_a_refusal_repeats_only_the_beginning_of_a_long_text() -> None:
    with pytest.raises(ValueError, match="is not a time") as refusal:
        parse_time("x" * 5000, UTC)
    assert len(str(refusal.value)) < 200


_zones = st.sampled_from(["Europe/Paris", "Australia/Lord_Howe", "America/New_York", "UTC"])


@given(
    moment=st.datetimes(datetime(2001, 9, 10), datetime(2099, 1, 1)),  # noqa: DTZ001
    name=_zones,
)
@settings(deadline=None, max_examples=100)
def test_a_moment_is_the_same_in_all_its_forms(moment: datetime, name: str) -> None:
    zone = ZoneInfo(name)
    utc = moment.replace(microsecond=0, tzinfo=UTC)
    aware = utc.astimezone(zone)
    seconds = int(utc.timestamp())
    forms = [
        aware.isoformat(),
        aware.isoformat(" "),
        aware.strftime("%Y%m%dT%H%M%S%z"),
        aware.strftime("%Y-%m-%d %H:%M:%S %z"),
        format_datetime(aware),
        format_rfc2822(aware),
        *(str(seconds), f"{seconds}.0", str(seconds * 1000), str(seconds * 1_000_000)),
    ]
    assert {parse_time(form, LORD_HOWE) for form in forms} == {utc}
    own = "%d/%m/%Y %H.%M.%S %z"
    assert parse_time(aware.strftime(own), LORD_HOWE, [own]) == utc
    naive = parse_time(aware.replace(tzinfo=None).isoformat(), zone)
    assert naive == aware.replace(fold=0).astimezone(UTC)


_near_times = st.from_regex(
    r"(\d{4}-\d\d-\d\d|\d{8})[T ]\d\d:?\d\d(:?\d\d)?( ?[+-]\d\d:?\d\d|Z| [A-Z]{1,4})?|"
    r"\d{8,17}(\.\d+)?",
    fullmatch=True,
)
_forms = st.lists(st.sampled_from(["%d/%m/%Y %H:%M", "%c", "%", "%q", "%Y %Y", "%Z"]), max_size=2)


@given(text=st.text(max_size=30) | _near_times, name=_zones, forms=_forms)
@settings(deadline=None, max_examples=200)
def test_any_text_is_a_time_in_utc_or_refused(text: str, name: str, forms: list[str]) -> None:
    try:
        time = parse_time(text, ZoneInfo(name), forms)
    except ValueError:
        return
    assert time.tzinfo is UTC


@pytest.mark.parametrize(
    ("name", "hours"),
    [
        ("UTC", 0),
        ("Z", 0),
        ("gmt", 0),
        ("+01:00", 1),
        ("-0530", -5.5),
        ("+1", 1),
        ("UTC+1", 1),
        ("GMT-03:30", -3.5),
        ("Europe/Paris", 1),
        ("Australia/Lord_Howe", 11),
    ],
)
def test_a_zone_is_named_or_written_as_an_offset(name: str, hours: float) -> None:
    winter = datetime(2026, 1, 31, tzinfo=zone_named(name))
    assert winter.utcoffset() == timedelta(hours=hours)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Mars",
        "CEST",
        "+25:00",
        "+01:75",
        "+1:0",
        "../UTC",
        "/etc/UTC",
        "a\x00",
        "\ud800",
        "x" * 500,
    ],
)
def test_what_names_no_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"no time zone such as Europe/Paris or \+01:00"):
        zone_named(name)


@given(
    moment=st.datetimes(datetime(1000, 1, 2), datetime(9999, 12, 30)),  # noqa: DTZ001
    minutes=st.integers(-14 * 60, 14 * 60),
)
@settings(deadline=None, max_examples=200)
def test_a_written_time_is_a_sendable_field_and_reads_back_to_the_second(
    moment: datetime, minutes: int
) -> None:
    aware = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    text = format_datetime(aware)
    assert check_value(text, FieldType.DATETIME) is None
    assert parse_time(text, PARIS) == aware.replace(microsecond=0)
    assert parse_time(aware.isoformat(), PARIS) == aware


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("0s", timedelta(0)),
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        (" 24 h ", timedelta(hours=24)),
        ("7d", timedelta(days=7)),
        ("3650d", timedelta(days=3650)),
    ],
)
def test_durations_are_written_with_a_unit(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not a duration"),
        ("30", "not a duration"),
        ("m", "not a duration"),
        ("-30m", "not a duration"),
        ("1.5h", "not a duration"),
        ("1h30m", "not a duration"),
        ("30M", "not a duration"),
        ("PT30M", "not a duration"),
        ("3651d", "longer than ten years"),
        ("87601h", "longer than ten years"),
        ("9" * 30 + "d", "longer than ten years"),
    ],
)
def test_what_is_no_duration_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_duration(text)


def test_the_year_has_four_digits_always() -> None:
    assert format_datetime(datetime(999, 1, 1, tzinfo=UTC)) == "0999-01-01T00:00:00Z"
