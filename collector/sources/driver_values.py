"""Turns what database drivers give into what a call record may hold: text, numbers, JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal


def plain(value: object) -> object:
    """A driver's value as the reader of call records takes it.

    A time without an offset keeps none: the reader knows the zone. A length of time becomes its
    seconds. Bytes are text where they can be, one bit of MySQL's is a truth value, and anything
    else is written in hexadecimal digits.
    """
    told: object = value
    match value:
        case None | bool() | int() | float() | str():
            pass
        case datetime() | date() | time():
            told = value.isoformat()
        case timedelta():
            told = _number(Decimal(value // timedelta(microseconds=1)) / 1_000_000)
        case Decimal():
            told = _number(value)
        case bytes() | bytearray() | memoryview():
            told = _text(bytes(value))
        case Mapping():
            told = {str(name): plain(item) for name, item in value.items()}
        case list() | tuple() | set() | frozenset():
            told = [plain(item) for item in value]
        case _:
            told = str(value)
    return told


def _number(value: Decimal) -> int | float:
    if value.is_finite() and value == value.to_integral_value():
        return int(value)
    return float(value)


def _text(value: bytes) -> str | bool:
    if value in {b"\x00", b"\x01"}:
        return value == b"\x01"
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return value.hex()
    return text if text.isprintable() or text.strip().isprintable() else value.hex()
