"""Rows of a view as CSV or JSON Lines: the same text from both databases."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from typing import Any, BinaryIO, Protocol

from collector.storage.comments import Column

#: A spreadsheet takes a text that begins so for a formula, and reckons it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

#: Sorted: PostgreSQL does not keep the order in which keys were written.
document = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode


class Form(Protocol):
    """Writes rows to where it was told to."""

    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        """Some more of them."""

    def close(self) -> None:
        """There are no more; the stream itself stays open."""


class CsvForm:
    """CSV (RFC 4180) in UTF-8, with a header; null is an empty cell.

    Moments are UTC and end in Z, booleans are true and false, JSON is one cell. Text that a
    spreadsheet would take for a formula begins with an apostrophe, unless it is to be ``raw``.
    """

    def __init__(self, stream: BinaryIO, columns: Sequence[Column], *, raw: bool) -> None:
        self._stream = stream
        self._text = io.StringIO(newline="")
        self._writer = csv.writer(self._text)
        texts: dict[str, Callable[[Any], object]] = {
            "moment": _moment,
            "day": date.isoformat,
            "boolean": {True: "true", False: "false"}.__getitem__,
            "json": document,
        }
        if not raw:
            texts["text"] = _defused
        self._told = [texts.get(column.type) for column in columns]
        self._writer.writerow([column.name for column in columns])

    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        self._writer.writerows(
            [
                value if value is None or tell is None else tell(value)
                for tell, value in zip(self._told, row, strict=True)
            ]
            for row in rows
        )
        self._pass_on()

    def close(self) -> None:
        self._pass_on()

    def _pass_on(self) -> None:
        self._stream.write(self._text.getvalue().encode())
        self._text.seek(0)
        self._text.truncate()


class JsonLinesForm:
    """One JSON object a line, in UTF-8; JSON of the view is nested, moments are UTC with a Z."""

    def __init__(self, stream: BinaryIO, columns: Sequence[Column]) -> None:
        self._stream = stream
        texts: dict[str, Callable[[Any], object]] = {"moment": _moment, "day": date.isoformat}
        self._told = [texts.get(column.type) for column in columns]
        self._names = [f"{document(column.name)}:" for column in columns]

    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        self._stream.write("".join(map(self._line, rows)).encode())

    def _line(self, row: Iterable[Any]) -> str:
        cells = [
            name + document(value if value is None or tell is None else tell(value))
            for name, tell, value in zip(self._names, self._told, row, strict=True)
        ]
        return f"{{{','.join(cells)}}}\n"

    def close(self) -> None:
        """Nothing is held back."""


def _moment(value: datetime) -> str:
    return f"{value.isoformat('T', 'microseconds')[:-6]}Z"


def _defused(value: str) -> str:
    return f"'{value}" if value.startswith(_FORMULA) else value
