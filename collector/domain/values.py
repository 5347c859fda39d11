"""Reads numbers, lengths of time and truth values as people and platforms write them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal, InvalidOperation

_LARGEST_EXPONENT = 308  # of a double; it also keeps "1e999999" from becoming a huge integer
_TRUE = frozenset({"true", "t", "yes", "y", "1", "on"})
_FALSE = frozenset({"false", "f", "no", "n", "0", "off"})


def parse_number(text: str, decimal: str = ".") -> Decimal:  # noqa: ARG001
    """A number, exactly as written.

    Args:
        decimal: the sign before the fraction, where the text alone leaves it open.

    Raises:
        ValueError: it is no number, or one that no double can hold.
    """
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text[:40]!r} is not a number") from None
    if not number.is_finite() or number.adjusted() > _LARGEST_EXPONENT:
        raise ValueError(f"{text[:40]!r} is not a number that can be sent")
    return number


def parse_length(text: str, unit: timedelta, decimal: str = ".") -> timedelta:
    """A length of time: so many units.

    Raises:
        ValueError: it is none.
    """
    try:
        return float(parse_number(text, decimal)) * unit
    except (ValueError, OverflowError):
        raise ValueError(f"is {text[:40]!r}, not a duration") from None


def parse_bool(text: str) -> bool:
    """A truth value.

    Raises:
        ValueError: it is none.
    """
    word = text.strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError(f"{word[:40]!r} is neither true nor false")
