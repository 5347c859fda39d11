"""Finds what a record holds under a column, whatever form the record came in."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeGuard

from collector.domain.call import Scalar
from collector.domain.definition import Columns
from collector.errors import RecordError

MAX_ATTRIBUTE = 2000

Record = Mapping[str, object]


class Cell(NamedTuple):
    """The column of several that holds something, and what it holds, as text without blanks.

    ``typed`` says that it was no text, but a number or truth value. A tuple, because each record
    of a file makes ten.
    """

    column: str
    text: str
    typed: bool = False

    def sign(self, decimal: str) -> str:
        """The sign before its fraction: only text can have a decimal comma."""
        return "." if self.typed else decimal


#: Its own way is by keywords, which take twice the time.
_CELL = tuple.__new__


def cell(record: Record, columns: Columns) -> Cell | None:
    """The first of ``columns`` that holds anything but white space.

    Raises:
        RecordError: it holds something that is no text, number or truth value.
    """
    for column in columns:
        found = record.get(column)
        # As in _is_plain, which for each cell of a file would be a call too many.
        if type(found) is str and found.isascii() and len(found) <= MAX_ATTRIBUTE:
            text = found.strip()
            if not text:
                continue
            if "\x00" not in found:
                return _CELL(Cell, (column, text, False))
        elif found is None and "." not in column:
            continue
        value = scalar(record, column)
        text = value.strip() if isinstance(value, str) else as_text(value)
        if text:
            return Cell(column=column, text=text, typed=not isinstance(value, str))
    return None


def held(record: Record, columns: Iterable[str]) -> dict[str, Scalar]:
    """What the record holds under those of ``columns`` that say something.

    Raises:
        RecordError: one holds something that is no text, number or truth value.
    """
    found: dict[str, Scalar] = {}
    for column in columns:
        value = record.get(column)
        if not (type(value) is str and value.isascii() and len(value) <= MAX_ATTRIBUTE) or (
            "\x00" in value
        ):
            value = scalar(record, column)
        if value is not None and not (isinstance(value, str) and (not value or value.isspace())):
            found[column] = value
    return found


def as_text(value: Scalar) -> str:
    """A value as text: truth values and whole numbers as JSON writes them, nothing as nothing."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def says_something(value: Scalar) -> bool:
    """Whether a value is more than blanks: empty is absent, in whatever form it came."""
    return value is not None and not (isinstance(value, str) and not value.strip())


def has(record: Record, column: str) -> bool:
    """Whether the record has the column at all."""
    return _look_up(record, column) is not _ABSENT


def scalar(record: Record, column: str) -> Scalar:
    """What the record holds under ``column``; None where it has no such column, or an empty list.

    Raises:
        RecordError: it holds something that is no text, number or truth value.
    """
    found = record.get(column)
    if _is_plain(found):
        return found
    value = _look_up(record, column)
    if value is _ABSENT or (isinstance(value, list | dict) and not value):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        raise RecordError("not_a_number", f"column {column!r} is {value}, which is no number")
    if value is None or isinstance(value, bool | int | float):
        return value
    if not isinstance(value, str):
        raise RecordError("not_a_scalar", f"column {column!r} holds {_nested(column, value)}")
    if len(value) > MAX_ATTRIBUTE:
        raise RecordError(
            "attribute_too_long", f"column {column!r} has more than {MAX_ATTRIBUTE} characters"
        )
    if "\x00" in value or not _is_unicode(value):
        raise RecordError("bad_text", f"column {column!r} holds bytes that are no text")
    return value


_ABSENT = object()


def _is_plain(value: object) -> TypeGuard[str]:
    """Whether it is text that nothing can be wrong with."""
    return (
        type(value) is str
        and value.isascii()
        and len(value) <= MAX_ATTRIBUTE
        and "\x00" not in value
    )


def _look_up(record: Record, column: str) -> object:
    """A column by its name, or a way into nested objects: ``custom.agent``."""
    if column in record:
        return record[column]
    found: object = record
    for name in column.split("."):
        if not isinstance(found, Mapping) or name not in found:
            return _ABSENT
        found = found[name]
    return found


def _nested(column: str, value: object) -> str:
    if not isinstance(value, Mapping):
        return "a list"
    within = next((name for name in value if isinstance(name, str)), "NAME")
    return f"an object: name a column inside of it, such as {f'{column}.{within}'[:100]!r}"


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
