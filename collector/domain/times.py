"""Reads the times of call records and writes those of enrichments. All times inside are UTC."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_DURATION = re.compile(r"(\d+)\s*(s|m|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: An epoch before it is some other number.
_FIRST_COUNTED = datetime(2000, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"(\d+)(\.\d+)?")
#: Microseconds in one unit, by how many digits a moment after 2000 has in it.
_BY_DIGITS = {9: 10**6, 10: 10**6, 12: 10**3, 13: 10**3, 15: 1, 16: 1}
_COMPACT = 14  # 20260131140500

#: Stricter than fromisoformat, which takes any sign between date and time, an offset too, and
#: 14.05, where a point stands for the colon, for a fraction of a second.
_ISO = re.compile(
    r"[\dW-]{7,10}[T ]\d\d(?::?\d\d(?::?\d\d(?:[.,]\d+)?)?)?"
    r"( ?(Z|UTC|GMT|[+-]\d\d(:?\d\d)?))?"
)
#: As almost every program writes it: nothing about it has to be looked at twice.
_WHOLE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
_MAIL = re.compile(
    r"(?:[A-Z]{3},? )?(\d{1,2}) ([A-Z]{3}) (\d{4}) (\d\d:\d\d(?::\d\d)?)"
    r"(?: ([A-Z]{1,3}|[+-]\d{4}))?(?: \([A-Z ]*\))?"
)
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
#: The names that RFC 2822 gives a meaning; of all others nobody knows which clock they mean.
_MAIL_ZONES = {"UT": "Z", "UTC": "Z", "GMT": "Z", "Z": "Z", "-0000": "Z"} | {
    f"{zone}{kind}T": f"-0{hours - (kind == 'D')}00"
    for zone, hours in (("E", 5), ("C", 6), ("M", 7), ("P", 8))
    for kind in "SD"
}
_IN_UTC = re.compile(r"\b(?:UTC|GMT)\b", re.IGNORECASE)
_OFFSET = re.compile(r"(?:UTC|GMT)? ?([+-])(\d{1,2})(?::?(\d\d))?")


def parse_time(text: str, zone: tzinfo, formats: Sequence[str] = ()) -> datetime:
    """A time in one of ``formats``, as ISO 8601 or RFC 2822 have it, or as an epoch.

    An epoch counts seconds, milliseconds or microseconds: its digits tell. A time without an
    offset is read in ``zone``: one that occurs twice (clocks going back) is the first of the two,
    and one that never occurs (clocks going forward) is read with the offset before the change. A
    leap second, and a date without a time of day, are refused.

    Raises:
        ValueError: it is none of these.
    """
    if not formats and _WHOLE.fullmatch(text):
        try:
            return datetime.fromisoformat(text).astimezone(UTC)
        except (ValueError, OverflowError):
            pass  # told below
    text = " ".join(text.split())
    time = _in_formats(text, formats)
    if time is None:
        plain = (text if text.isascii() else unicodedata.normalize("NFKC", text)).upper()
        time = _usual(plain) if plain.isascii() else None
    if time is None:
        own = f", nor written as {' or '.join(formats)}" if formats else ""
        raise ValueError(f"{text[:40]!r} is not a time such as 2026-01-31T14:05:00Z{own}")
    if time.tzinfo is None:
        time = time.replace(tzinfo=zone)
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{text[:40]!r} lies outside the calendar") from None


def _in_formats(text: str, formats: Sequence[str]) -> datetime | None:
    for form in formats:
        try:
            time = datetime.strptime(text, form)  # noqa: DTZ007 - the source's zone follows
        except (ValueError, re.error):
            continue
        if "%Z" not in form or time.tzinfo:
            return time
        if _IN_UTC.search(text):  # strptime reads names of this machine's zone besides
            return time.replace(tzinfo=UTC)
    return None


def _usual(text: str) -> datetime | None:
    number = _NUMBER.fullmatch(text)
    if number:  # before ISO 8601: fromisoformat reads some milliseconds as a date
        return _counted(text, number[1], number[2] or "")
    try:
        date.fromisoformat(text)
    except ValueError:
        pass
    else:
        raise ValueError(f"{text!r} has a date but no time of day")
    try:
        iso = _ISO.fullmatch(text)
        if iso:
            bare = text[: iso.start(1)] if iso[1] else text
            offset = (iso[2] or "").replace("UTC", "Z").replace("GMT", "Z")
            return datetime.fromisoformat(f"{bare}{offset}")
        return _from_mail(text)
    except ValueError:
        return None


def _counted(text: str, digits: str, fraction: str) -> datetime | None:
    """An epoch, or date and time with nothing between the digits."""
    if len(digits) == len("20260131"):
        raise ValueError(f"{text!r} has a date but no time of day, and is no epoch either")
    if len(digits) == _COMPACT and not fraction:
        try:
            return datetime.fromisoformat(f"{digits[:8]}T{digits[8:]}")
        except ValueError:
            return None
    scale = _BY_DIGITS.get(len(digits))
    if scale is None:
        return None
    time = _EPOCH + timedelta(microseconds=int(Decimal(digits + fraction[:10]) * scale))
    return time if time >= _FIRST_COUNTED else None


def _from_mail(text: str) -> datetime | None:
    """As RFC 2822 has it, with a year of four digits. ``-0000`` is UTC."""
    mail = _MAIL.fullmatch(text)
    if not mail or mail[2] not in _MONTHS:
        return None
    day, month, year, clock, zone = mail.groups()
    if zone and zone[0] not in "+-" and zone not in _MAIL_ZONES:
        return None
    offset = _MAIL_ZONES.get(zone, zone) if zone else ""
    return datetime.fromisoformat(
        f"{year}-{_MONTHS.index(month) + 1:02}-{int(day):02}T{clock}{offset}"
    )


@lru_cache(maxsize=1000)  # one column may name it for each record
def zone_named(name: str) -> tzinfo:
    """The time zone of a name such as ``Europe/Paris``, or of an offset such as ``+01:00``.

    Raises:
        ValueError: there is none of this name.
    """
    offset = _OFFSET.fullmatch(name.strip().upper())
    if name.strip().upper() in {"Z", "UTC", "GMT"}:
        return UTC
    try:
        if offset and int(offset[3] or 0) < 60:
            length = timedelta(hours=int(offset[2]), minutes=int(offset[3] or 0))
            return timezone(-length if offset[1] == "-" else length)
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name[:40]!r} is no time zone such as Europe/Paris or +01:00") from None


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
