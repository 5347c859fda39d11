"""Reads call records from files, one at a time, never the whole file.

A line that cannot be read is handed on with its reason; it never stops the good ones.
"""

from __future__ import annotations

import csv
import json
from collections import deque
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from collector.errors import RecordError, UsageError

JSON_LINES = (".jsonl", ".ndjson")
DELIMITERS = ",;\t|"

#: One physical line longer than this is no record; reading it whole would fill the memory.
MAX_LINE_BYTES = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One record with the number of its line in the file, or why it cannot be read.

    ``text`` is the line itself where there is no record to show.
    """

    number: int
    record: dict[str, object] | None = None
    error: RecordError | None = None
    text: str = ""


def read_lines(
    path: Path,
    on_bytes: Callable[[int], None] | None = None,
    *,
    required: Collection[str] = (),
) -> Iterator[Line]:
    """The records of a CSV file with a header, or of JSON Lines (``.jsonl``, ``.ndjson``).

    Args:
        on_bytes: told how many bytes each step has read, for a progress bar.
        required: columns without which a CSV file is not one of call records at all.

    Raises:
        UsageError: the file cannot be opened, has no header, or lacks a required column.
    """
    try:
        stream = path.open("rb")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    with stream:
        lines = _text_lines(stream, on_bytes or (lambda _: None))
        if path.suffix.lower() in JSON_LINES:
            yield from _json_lines(lines)
        else:
            yield from _csv_records(lines, path, required)


def _text_lines(stream: IO[bytes], on_bytes: Callable[[int], None]) -> Iterator[tuple[str, bool]]:
    """Physical lines as text, each with whether it is whole; broken bytes stay recognisable."""
    first = True
    while raw := stream.readline(MAX_LINE_BYTES):
        on_bytes(len(raw))
        whole = len(raw) < MAX_LINE_BYTES
        while not whole and (rest := stream.readline(MAX_LINE_BYTES)):
            on_bytes(len(rest))
            if rest.endswith(b"\n"):
                break
        text = raw.decode("utf-8", errors="surrogateescape")
        if first:
            text, first = text.removeprefix("\ufeff"), False
        yield text, whole


def _json_lines(lines: Iterator[tuple[str, bool]]) -> Iterator[Line]:
    for number, (text, whole) in enumerate(lines, start=1):
        if not text.strip():
            continue
        try:
            yield Line(number=number, record=_json_record(text, whole=whole))
        except RecordError as error:
            yield Line(number=number, error=error)


def _json_record(text: str, *, whole: bool) -> dict[str, object]:
    if not whole:
        raise _too_long()
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RecordError("not_json", f"is not JSON: {error}") from None
    if not isinstance(record, dict):
        raise RecordError("not_an_object", "is JSON, but not an object with columns")
    return record


def _csv_records(
    lines: Iterator[tuple[str, bool]], path: Path, required: Collection[str]
) -> Iterator[Line]:
    header_text, whole = next(lines, ("", True))
    delimiter = max(DELIMITERS, key=header_text.count)
    header = _header(path, header_text, delimiter, whole=whole)
    missing = [column for column in required if column not in header]
    if missing:
        raise UsageError(
            f"{path} has no column {missing[0]!r}, which [calls] of the integration definition "
            f"names; its first line names {', '.join(header)[:200]}"
        )
    physical = _Replayed(lines)
    while True:
        physical.begin()
        try:
            row = next(csv.reader(physical, delimiter=delimiter, strict=True))
            if any(row):
                yield Line(number=physical.first, record=_csv_record(row, header, physical))
        except StopIteration:
            return
        except csv.Error as error:
            physical.replay()
            yield Line(number=physical.first, error=RecordError("not_csv", f"is not CSV: {error}"))
        except RecordError as error:
            physical.replay()
            yield Line(number=physical.first, error=error)


def _header(path: Path, text: str, delimiter: str, *, whole: bool) -> list[str]:
    if not text.strip():
        raise UsageError(f"{path} is empty: a CSV file starts with a line of column names")
    if not whole or "\x00" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise UsageError(f"{path} is no CSV file in UTF-8: its first line is no line of text")
    try:
        names = next(csv.reader([text], delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise UsageError(
            f"{path} is not CSV: its first line cannot be read ({error}). Lines end in LF or CRLF"
        ) from error
    header = [name.strip() for name in names]
    doubled = sorted({name for name in header if header.count(name) > 1})
    if doubled:
        raise UsageError(f"{path}: the column {doubled[0]!r} occurs twice in the first line")
    return header


def _csv_record(row: list[str], header: list[str], physical: _Replayed) -> dict[str, object]:
    if not physical.whole:
        raise _too_long()
    if len(row) != len(header):
        raise RecordError(
            "wrong_width", f"has {len(row)} columns where the first line names {len(header)}"
        )
    return dict(zip(header, row, strict=True))


class _Replayed:
    """Hands out physical lines, and again those that a bad record has swallowed.

    A quote that is never closed runs on into the lines after it. Only the line it stands in is
    bad; the others are read again.
    """

    def __init__(self, lines: Iterator[tuple[str, bool]]) -> None:
        self._fresh = lines
        self._again: deque[tuple[str, bool]] = deque()
        self._taken: list[tuple[str, bool]] = []
        self.first = 2  # line 1 is the header

    def begin(self) -> None:
        """Start the next record after the lines that the last one took."""
        self.first += len(self._taken)
        self._taken = []

    def replay(self) -> None:
        """Keep only the record's first line as taken; the others come again."""
        self._again.extendleft(reversed(self._taken[1:]))
        del self._taken[1:]

    @property
    def whole(self) -> bool:
        return all(whole for _, whole in self._taken)

    def __iter__(self) -> _Replayed:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._fresh)
        self._taken.append(line)
        return line[0]


def _too_long() -> RecordError:
    return RecordError("line_too_long", f"is longer than {MAX_LINE_BYTES} bytes")
