"""Puts numbers, shares and times into words that are no lie, however they are rounded."""

from __future__ import annotations

from datetime import datetime, timedelta

#: Said where there is nothing to tell; a nought would be a number.
NO_DATA = "no data"

#: It stays on the line of its number.
_PERCENT = "\N{NO-BREAK SPACE}%"


def number(value: float) -> str:
    """A whole number in groups of three digits."""
    return f"{value:,}"


def share(part: int, whole: int) -> str:
    """A percentage with one decimal place: neither all nor nothing unless it is."""
    if not whole:
        return NO_DATA
    tenths = (2000 * part + whole) // (2 * whole)
    if tenths == 0 and part:
        return f"< 0.1{_PERCENT}"
    if tenths == 1000 and part < whole:
        return f"> 99.9{_PERCENT}"
    return f"{tenths // 10}.{tenths % 10}{_PERCENT}"


def per_hundred(part: int, whole: int) -> str:
    """A rate for what is no share, since the one is no part of the other."""
    return f"{100 * part / whole:,.1f} for each 100" if whole else NO_DATA


def ago(since: datetime, now: datetime) -> str:
    """How long ago, in its largest unit."""
    return f"{length(now - since)} ago" if now >= since else f"in {length(since - now)}"


def length(time: timedelta) -> str:
    """A time in its largest unit, rounded down."""
    seconds = int(time.total_seconds())
    for unit, long in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= long:
            whole = seconds // long
            return f"{whole} {unit}{'s'[: whole != 1]}"
    return "less than a minute"


def seconds(value: float) -> str:
    """A number of seconds: to the millisecond, or in whole seconds from a minute on."""
    if value < 0:
        return f"\N{MINUS SIGN}{seconds(-value)}"
    if value < 60:
        return f"{value:.3f}".rstrip("0").rstrip(".") + " s"
    whole = int(value)
    days, rest = divmod(whole, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, left = divmod(rest, 60)
    told = [(days, "d"), (hours, "h"), (minutes, "min"), (left, "s")]
    while told[0][0] == 0:
        told.pop(0)
    return " ".join(f"{amount} {unit}" for amount, unit in told if amount)


def moment(time: datetime) -> str:
    """A moment, to the second."""
    return f"{time:%Y-%m-%d %H:%M:%S}"
