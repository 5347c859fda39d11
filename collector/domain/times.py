"""Reads the times of call records and writes those of enrichments. All times inside are UTC."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_DURATION = re.compile(r"(\d+)\s*(s|m|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_time(text: str, zone: tzinfo, formats: Sequence[str] = ()) -> datetime:  # noqa: ARG001
    """An ISO 8601 time with offset or ``Z``; without one it is read in ``zone``.

    A naive time that occurs twice (clocks going back) is the first of the two; one that never
    occurs (clocks going forward) is read with the offset before the change.

    Raises:
        ValueError: it is no ISO 8601 date and time.
    """
    text = text.strip()
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{text[:40]!r} is not an ISO 8601 time such as 2026-01-31T14:05:00Z"
        ) from None
    if len(text) <= len("2026-01-31"):
        raise ValueError(f"{text!r} has a date but no time of day")
    if time.tzinfo is None:
        time = time.replace(tzinfo=zone)
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{text!r} lies outside the calendar") from None


def zone_named(name: str) -> tzinfo:
    """The time zone of a name such as ``Europe/Paris``.

    Raises:
        ValueError: there is none of this name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name[:40]!r} is no time zone such as Europe/Paris") from None


def format_datetime(time: datetime) -> str:
    """A DATETIME field: whole seconds, UTC, ending in ``Z``."""
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def parse_duration(text: str) -> timedelta:
    """A duration written as ``30m``, ``24h`` or ``7d``.

    Raises:
        ValueError: it is not of that form, or longer than ten years.
    """
    match = _DURATION.fullmatch(text.strip())
    if not match:
        raise ValueError(f"{text!r} is not a duration such as 90s, 30m, 24h or 7d")
    try:
        duration = timedelta(**{_UNITS[match[2]]: int(match[1])})
    except OverflowError:
        duration = timedelta.max
    if duration > timedelta(days=3650):
        raise ValueError(f"{text!r} is longer than ten years")
    return duration
