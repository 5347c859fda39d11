"""Reads when a call started and ended: two of start, end and duration tell the third."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

from collector.domain import values
from collector.domain.definition import CallMapping, Columns
from collector.domain.records import Record, cell
from collector.domain.times import parse_time
from collector.errors import RecordError

#: A time before it is a mistake of the record: no call platform kept records on the web then.
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
#: How far a time may lie in the future before it is called a mistake rather than a skewed clock.
FUTURE_TOLERANCE = timedelta(hours=1)


class Told(NamedTuple):
    """A time that a record tells, and what of the record tells it, as a message begins.

    A tuple, because each record of a file makes two or three.
    """

    time: datetime
    column: str = ""
    follows: str = ""  #: what it is, if no column holds it

    @property
    def what(self) -> str:
        return self.follows or f"column {self.column!r}"


def span_of(
    record: Record, mapping: CallMapping, zone: tzinfo, now: datetime
) -> tuple[datetime, datetime | None]:
    """When the call started, and when it ended if the record tells that.

    A start and an end that are both told leave the duration unread.

    Raises:
        RecordError: there is no start, or one of the times cannot be.
    """
    start = time_in(record, mapping.started, mapping, zone)
    end = time_in(record, mapping.ended, mapping, zone)
    if start is None or end is None:
        length = _length(record, mapping)
        if length is not None and start is not None:
            what = "the end that follows from the duration"
            end = Told(start.time + length, follows=what)
        elif length is not None and end is not None:
            what = "the start that follows from the duration"
            start = Told(end.time - length, follows=what)
    if start is None:
        raise RecordError("no_start", _no_start(mapping, ended=end is not None))
    check_time(start, "impossible_start", now)
    if end is None:
        return start.time, None
    check_time(end, "impossible_end", now)
    if end.time < start.time:
        raise RecordError(
            "ends_before_start", f"the call ends before it starts: {end.what}, {start.what}"
        )
    return start.time, end.time


def time_in(record: Record, columns: Columns, mapping: CallMapping, zone: tzinfo) -> Told | None:
    """The time in the first of ``columns`` that holds anything.

    Raises:
        RecordError: it holds no time.
    """
    found = cell(record, columns) if columns else None
    if found is None:
        return None
    try:
        time = parse_time(found.text, zone, mapping.time_formats)
    except ValueError as error:
        raise RecordError("bad_time", f"column {found.column!r}: {error}") from None
    return Told(time, found.column)


def check_time(told: Told, code: str, now: datetime) -> None:
    """See whether a time can be that of a call.

    Raises:
        RecordError: it lies before any call, or in the future.
    """
    if EARLIEST <= told.time <= now + FUTURE_TOLERANCE:
        return
    when = "in the future" if told.time > now else "before the year 2000"
    raise RecordError(code, f"{told.what} is {when}: {told.time.isoformat()}")


def named(columns: Columns) -> str:
    """Columns as a sentence begins with them."""
    if len(columns) == 1:
        return f"column {columns[0]!r}"
    return "each of the columns " + ", ".join(repr(column) for column in columns)


def _length(record: Record, mapping: CallMapping) -> timedelta | None:
    found = cell(record, mapping.duration)
    if found is None:
        return None
    try:
        length = values.parse_length(found.text, mapping.duration_unit, found.sign(mapping.decimal))
    except ValueError as error:
        raise RecordError("bad_duration", f"column {found.column!r} {error}") from None
    if length < timedelta(0):
        raise RecordError(
            "ends_before_start",
            f"column {found.column!r} is negative: the call ends before it starts",
        )
    return length


def _no_start(mapping: CallMapping, *, ended: bool) -> str:
    """What the record lacks to tell when its call started."""
    if mapping.started:
        return f"{named(mapping.started)}, the call's start, is empty or absent"
    missing = mapping.duration if ended else mapping.ended
    return f"{named(missing)} is empty or absent, so that nothing tells the call's start"
