"""Tells how a CSV file is written from its header and its first lines.

What is told is what reads most of them: a decimal comma must not pass for a delimiter, nor a
backslash in somebody's notes for an escape.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from typing import TypedDict

from collector.domain.definition import FileFormat
from collector.errors import UsageError

DELIMITERS = ",;\t|"

#: So many of the first lines tell the delimiter.
SAMPLE = 100

#: Excel may say in a line of its own, before the header, what it delimits with.
_SAID = re.compile(r'"?sep=(.)"?\s*$')

_QUOTED_OTHERWISE = re.compile(r"\s*'[^'\"]*'\s*(?:[,;\t|]|$)")


class Dialect(TypedDict):
    """As ``csv.reader`` takes it."""

    delimiter: str
    quotechar: str
    escapechar: str | None
    strict: bool


def is_sign(text: str) -> bool:
    """Whether a text can delimit or quote."""
    return len(text) == 1 and not text.isalnum() and text not in "\r\n\0\\"


def said_by(line: str) -> str | None:
    """The delimiter, where a line says nothing but this."""
    found = _SAID.match(line)
    return found.group(1) if found else None


def told_by(lines: Sequence[str], written: FileFormat) -> Dialect:
    """The dialect of a file that begins with these lines; what ``written`` names is taken as said.

    Args:
        lines: the header and what follows it.

    Raises:
        UsageError: no file can be written as ``written`` says.
    """
    quote = written.quote
    if quote == '"' and '"' not in lines[0] and _QUOTED_OTHERWISE.match(lines[0]):
        quote = "'"
    if quote == written.delimiter:
        raise UsageError(f"{quote!r} cannot both delimit and quote: see --delimiter and --quote")
    delimiter = written.delimiter or _delimiter(lines[:SAMPLE], quote)
    dialect = _dialect(delimiter, quote)
    if any("\\" + quote in line for line in lines):
        escaped = _dialect(delimiter, quote, "\\")
        if _misfits(lines, escaped) < _misfits(lines, dialect):
            return escaped
    return dialect


def _dialect(delimiter: str, quote: str, escape: str | None = None) -> Dialect:
    return Dialect(delimiter=delimiter, quotechar=quote, escapechar=escape, strict=True)


def _delimiter(lines: Sequence[str], quote: str) -> str:
    """The one by which most lines have as many columns as the header, which has at least two."""

    def fit(delimiter: str) -> tuple[bool, float, int]:
        dialect = _dialect(delimiter, quote)
        width = next(widths(lines, dialect), 0)
        return width > 1, -_misfits(lines, dialect) / len(lines), width

    return max((sign for sign in DELIMITERS if sign != quote), key=fit)


def _misfits(lines: Sequence[str], dialect: Dialect) -> int:
    """How many records are no CSV, or not as wide as the first."""
    found = [width for width in widths(lines, dialect) if width]
    return sum(width != found[0] for width in found)


def widths(lines: Sequence[str], dialect: Dialect) -> Iterator[int]:
    """The width of each record: 0 of a blank line, -1 of what is no CSV."""
    reader = csv.reader(lines, **dialect)
    while True:
        try:
            yield len(next(reader))
        except StopIteration:
            return
        except csv.Error:
            yield -1
