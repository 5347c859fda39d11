"""Reads one record of a file or webhook into a call, by the definition's mapping."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal, InvalidOperation

from collector.domain import identifiers
from collector.domain.call import Call, Scalar
from collector.domain.definition import CallMapping
from collector.domain.times import parse_time
from collector.errors import RecordError

MAX_CALL_ID = 100
MAX_ATTRIBUTE = 2000

#: A time before it is a mistake of the record: no call platform kept records on the web then.
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
#: How far a start may lie in the future before it is called a mistake rather than a skewed clock.
FUTURE_TOLERANCE = timedelta(hours=1)


def read_call(
    record: Mapping[str, object],
    mapping: CallMapping,
    *,
    columns: Collection[str],
    region: str | None,
    now: datetime,
) -> Call:
    """The call that ``record`` describes.

    Args:
        record: column names to values; text as CSV has it, or any JSON scalar.
        columns: those to keep as attributes.
        region: country of phone numbers in national form.

    Raises:
        RecordError: names the column, what it holds and what was expected.
    """
    call_id = _text(record, mapping.id)
    if not call_id:
        raise RecordError("no_call_id", f"column {mapping.id!r}, the call's id, is empty or absent")
    if len(call_id) > MAX_CALL_ID:
        raise RecordError(
            "call_id_too_long", f"column {mapping.id!r} has more than {MAX_CALL_ID} characters"
        )
    started = _time(record, mapping.started, mapping.zone)
    if started is None:
        raise RecordError(
            "no_start", f"column {mapping.started!r}, the call's start, is empty or absent"
        )
    if not EARLIEST <= started <= now + FUTURE_TOLERANCE:
        when = "in the future" if started > now else "before the year 2000"
        raise RecordError(
            "impossible_start", f"column {mapping.started!r} is {when}: {started.isoformat()}"
        )
    updated = _time(record, mapping.updated, mapping.zone) if mapping.updated else None
    if updated is not None and updated > now + FUTURE_TOLERANCE:
        # It would win over every true change to come.
        raise RecordError(
            "impossible_update",
            f"column {mapping.updated!r} is in the future: {updated.isoformat()}",
        )
    return Call(
        call_id=call_id,
        started_at=started,
        ended_at=_ended(record, mapping, started),
        updated_at=updated,
        keys=_keys(record, mapping, region),
        attributes={column: _scalar(record, column) for column in columns if column in record},
    )


def _ended(
    record: Mapping[str, object], mapping: CallMapping, started: datetime
) -> datetime | None:
    if mapping.ended:
        ended = _time(record, mapping.ended, mapping.zone)
    elif mapping.duration and (text := _text(record, mapping.duration)):
        try:
            units = Decimal(text)
            ended = started + float(units) * mapping.duration_unit
        except (InvalidOperation, OverflowError, ValueError):
            raise RecordError(
                "bad_duration", f"column {mapping.duration!r} is {text[:40]!r}, not a duration"
            ) from None
    else:
        return None
    if ended is not None and ended < started:
        raise RecordError("ends_before_start", "the call ends before it starts")
    return ended


def _keys(record: Mapping[str, object], mapping: CallMapping, region: str | None) -> dict[str, str]:
    keys = {}
    for kind, column in mapping.keys.items():
        value = identifiers.normalise_key(kind, _text(record, column), region)
        if not value:
            continue
        if len(value) > identifiers.MAX_KEY_LENGTH:
            raise RecordError(
                "key_too_long",
                f"column {column!r} has more than {identifiers.MAX_KEY_LENGTH} characters",
            )
        if kind == identifiers.SESSION_KEY:
            try:
                value = identifiers.parse_session_key(value).session_key
            except ValueError as error:
                raise RecordError("bad_session_key", f"column {column!r}: {error}") from None
        keys[kind] = value
    return keys


def _scalar(record: Mapping[str, object], column: str) -> Scalar:
    value = record[column]
    if isinstance(value, float) and not math.isfinite(value):
        raise RecordError("not_a_number", f"column {column!r} is {value}, which is no number")
    if value is None or isinstance(value, bool | int | float):
        return value
    if not isinstance(value, str):
        raise RecordError("not_a_scalar", f"column {column!r} holds a list or an object")
    if len(value) > MAX_ATTRIBUTE:
        raise RecordError(
            "attribute_too_long", f"column {column!r} has more than {MAX_ATTRIBUTE} characters"
        )
    if "\x00" in value or not _is_unicode(value):
        raise RecordError("bad_text", f"column {column!r} holds bytes that are no text")
    return value


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _text(record: Mapping[str, object], column: str) -> str:
    if column not in record:
        return ""
    value = _scalar(record, column)
    if value is None:
        return ""
    return value.strip() if isinstance(value, str) else str(value)


def _time(record: Mapping[str, object], column: str, zone: tzinfo) -> datetime | None:
    text = _text(record, column)
    if not text:
        return None
    try:
        return parse_time(text, zone)
    except ValueError as error:
        raise RecordError("bad_time", f"column {column!r}: {error}") from None
