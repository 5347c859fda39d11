"""Times without an offset in the provider's own database are those of the mapping's zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from collector.domain.definition import CallMapping, SqlSource
from collector.domain.times import zone_named
from collector.sources import since
from collector.sources.database import CallDatabase
from collector.sources.since import SecondTime, naive
from tests.calls_database import PARIS, CallsDatabase

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("zone", ["UTC", "+02:00", "-05:00", "-03:30", "America/New_York"])
@pytest.mark.parametrize("calls_kind", ["postgresql"], indirect=True)
def test_postgresql_compares_in_the_zone_however_it_is_named(calls_url: str, zone: str) -> None:
    calls = CallsDatabase(calls_url, time="timestamp")
    for name, seconds in (("before", -120), ("at", 0), ("after", 120)):
        moment = NOON + timedelta(seconds=seconds)
        calls.execute(
            "INSERT INTO calls (call_id, updated) VALUES (:name, :moment)",
            {"name": name, "moment": moment.astimezone(zone_named(zone)).replace(tzinfo=None)},
        )
    mapping = CallMapping(
        id=("call_id",), started=("started",), updated=("updated",), zone=zone_named(zone)
    )
    with CallDatabase(calls.source(), mapping) as opened:
        rows = [row for page in opened.ask(NOON, 100, 162) for row in page]
    assert [row["call_id"] for row in rows] == ["at", "after"]


@pytest.mark.parametrize(
    ("moment", "written", "offset"),
    [
        ("00:30", "01:30", "02:30 +0200"),
        ("01:30", "01:30", "02:30 +0100"),
        ("02:00", "03:00", "03:00 +0100"),
    ],
)
def test_in_an_hour_that_comes_twice_since_is_an_hour_earlier(
    moment: str, written: str, offset: str
) -> None:
    since_when = datetime.fromisoformat(f"2026-10-25T{moment}:00Z")
    assert f"{naive(since_when, PARIS):%H:%M}" == written
    step = timedelta(minutes=1)
    for form, told in (("%H:%M", written), ("%H:%M %z", offset)):
        source = SqlSource(query="", since_format=form)
        assert since.written(since_when + step, source, PARIS) == told


@pytest.mark.parametrize(
    ("written", "hours"),
    [("2026-10-25 02:30", 1), ("2026-10-25 01:30", 2), ("2026-10-25 03:30", 1)],
)
def test_the_second_of_two_times_is_an_hour_later_and_others_are_the_same(
    written: str, hours: int
) -> None:
    naive = datetime.fromisoformat(written)
    read = naive.replace(tzinfo=SecondTime(PARIS)).astimezone(UTC)
    assert read == (naive - timedelta(hours=hours)).replace(tzinfo=UTC)
    assert naive.replace(tzinfo=SecondTime(ZoneInfo("Asia/Tokyo"))).utcoffset() == timedelta(
        hours=9
    )
