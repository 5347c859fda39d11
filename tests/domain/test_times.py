"""Times of records and of enrichments, with the days on which the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.domain.schema import FieldType, check_value
from collector.domain.times import format_datetime, parse_duration, parse_time

PARIS = ZoneInfo("Europe/Paris")


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
    ("text", "said"),
    [
        ("", "not an ISO 8601 time"),
        ("yesterday", "not an ISO 8601 time"),
        ("31/01/2026 14:05", "not an ISO 8601 time"),
        ("1769868300", "not an ISO 8601 time"),
        ("2026-02-30T00:00:00Z", "not an ISO 8601 time"),
        ("2026-01-31T25:00:00Z", "not an ISO 8601 time"),
        ("2026-01-31T14:05:60Z", "not an ISO 8601 time"),
        ("2026-01-31T14:05:00+25:00", "not an ISO 8601 time"),
        ("2026-01-31", "no time of day"),
        ("20260131", "no time of day"),
        ("0001-01-01T00:00:00+14:00", "outside the calendar"),
        ("9999-12-31T23:59:59-01:00", "outside the calendar"),
    ],
)
def test_what_is_no_date_and_time_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_time(text, PARIS)


def test_a_refusal_repeats_only_the_beginning_of_a_long_text() -> None:
    with pytest.raises(ValueError, match="not an ISO 8601 time") as refusal:
        parse_time("x" * 5000, UTC)
    assert len(str(refusal.value)) < 200


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
