"""Reads the records of a CSV file with a header; one bad line costs that line and nothing else."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from collector.domain.definition import CallMapping, Columns, FileFormat
from collector.errors import RecordError, UsageError
from collector.sources.decoding import NOT_TEXT, Decoded, LineBlock
from collector.sources.dialect import Dialect, said_by, told_by, widths
from collector.sources.lines import MAX_RECORD, Line


def csv_records(text: Decoded, written: FileFormat, mapping: CallMapping | None) -> Iterator[Line]:
    """The records of a CSV file.

    Args:
        mapping: if given, a header without the columns of id and start is refused.

    Raises:
        UsageError: the file has no header, or not that of call records.
    """
    blocks = text.lines()
    first = _with_a_line(blocks)
    begin = next((at for at, line in enumerate(first.lines) if line.strip()), 0)
    lines = first.lines[begin:]
    if not lines or not lines[0].strip():
        raise UsageError(f"{text.name} is empty: a CSV file starts with a line of column names")
    _check_is_text(text, lines[0], first.problems.get(begin))
    if said := said_by(lines[0]):
        written = FileFormat(delimiter=written.delimiter or said, quote=written.quote)
        begin += 1
        lines = lines[1:] or [""]
    dialect = told_by(lines, written)
    header, taken = _header(text.name, lines, dialect)
    if mapping is not None:
        _check_columns(text.name, header, dialect, mapping)
    begin += taken
    rest = LineBlock(
        first.lines[begin:],
        {at - begin: problem for at, problem in first.problems.items() if at >= begin},
    )
    yield from _Records(header, dialect, begin + 1).of(chain([rest], blocks))


def _with_a_line(blocks: Iterator[LineBlock]) -> LineBlock:
    return next((block for block in blocks if block.lines), LineBlock([], {}))


def _check_is_text(text: Decoded, line: str, problem: RecordError | None) -> None:
    if problem is not None:
        raise UsageError(f"{text.name} is no CSV file: its first line {problem}")
    if "\x00" in line:
        raise UsageError(
            f"{text.name} is no CSV file in {text.encoding}: its first line is no line of text. "
            "Name its encoding with --encoding, such as utf-16"
        )


def _header(name: str, lines: Sequence[str], dialect: Dialect) -> tuple[list[str], int]:
    """The names of the columns, and how many lines they take."""
    reader = csv.reader(lines, **dialect)
    try:
        header = [column.strip() for column in next(reader, [])]
    except csv.Error as error:
        raise UsageError(
            f"{name} is not CSV: its first line cannot be read ({_said(error)}). Lines "
            "end in LF, CRLF or CR"
        ) from error
    times = Counter(column for column in header if column)
    doubled = sorted(column for column, number in times.items() if number > 1)
    if doubled:
        shown = doubled[0][:60]
        raise UsageError(f"{name}: the column {shown!r} occurs twice in the first line")
    return header, reader.line_num


def _check_columns(name: str, header: list[str], dialect: Dialect, mapping: CallMapping) -> None:
    def there(columns: Columns) -> bool:
        return not columns or not set(columns).isdisjoint(header)

    missing = None
    if not there(mapping.id):
        missing = "the call's id", mapping.id
    elif not (mapping.started and there(mapping.started)) and not (
        mapping.ended and there(mapping.ended) and mapping.duration and there(mapping.duration)
    ):
        missing = "the call's start", mapping.started or mapping.ended + mapping.duration
    if missing is None:
        return
    what, columns = missing
    # A way into nested objects is no column that CSV could have.
    named = [column for column in columns if "." not in column] or list(columns)
    raise UsageError(
        f"{name} has no column for {what}: {' or '.join(map(repr, named))}, as [calls] of the "
        f"integration definition or the preset says. Delimited by {dialect['delimiter']!r}, its "
        f"first line names {', '.join(header)[:200]}. Another platform's records: --preset; "
        "another delimiter: --delimiter"
    )


class _Records:
    """Reads block by block; the lines of a record that runs on are held until it has ended."""

    def __init__(self, header: list[str], dialect: Dialect, number: int) -> None:
        self._header = header
        self._dialect = dialect
        self._number = number  # of the first line that is not settled

    def of(self, blocks: Iterator[LineBlock]) -> Iterator[Line]:
        held: list[str] = []
        problems: dict[int, RecordError] = {}
        for block in blocks:
            problems |= {at + len(held): problem for at, problem in block.problems.items()}
            held += block.lines
            found, settled = self._settle(held, problems, last=False)
            yield from found
            held = held[settled:]
            problems = {at - settled: why for at, why in problems.items() if at >= settled}
            self._number += settled
        yield from self._settle(held, problems, last=True)[0]

    def _settle(
        self, lines: list[str], problems: dict[int, RecordError], *, last: bool
    ) -> tuple[list[Line], int]:
        """The records in ``lines``, and how many lines they take; the others may go on."""
        header, width, number = self._header, len(self._header), self._number
        found: list[Line] = []
        at = 0
        while at < len(lines):
            begin = at
            reader = csv.reader(lines[begin:], **self._dialect)
            try:
                for row in reader:
                    end = begin + reader.line_num
                    if len(row) == width and not problems and (row[0] or any(row)):
                        found.append(Line(number + at, dict(zip(header, row, strict=False))))
                        at = end
                        continue
                    line, at = self._doubtful(row, lines, problems, at, end)
                    if line is not None:
                        found.append(line)
                    if at < end:
                        break  # the lines after it are read again
            except csv.Error as error:
                whole = begin + reader.line_num < len(lines) or last
                if not whole and sum(map(len, lines[at:])) <= MAX_RECORD:
                    break
                problem = problems.get(at) or RecordError("not_csv", f"is not CSV: {_said(error)}")
                found.append(Line(number + at, None, problem, _text(lines[at : at + 1])))
                at += 1
        return found, at

    def _doubtful(
        self,
        row: list[str],
        lines: list[str],
        problems: dict[int, RecordError],
        at: int,
        end: int,
    ) -> tuple[Line | None, int]:
        """What a row is that may be blank or bad, and where the next record begins.

        A quote that is never closed runs on into the lines after it. Only the line it stands in
        is bad, if any other is a record by itself.
        """
        number, width = self._number + at, len(self._header)
        record: dict[str, object] | None = None
        if len(row) == width:
            record = dict(zip(self._header, row, strict=True))
        problem = next((problems[line] for line in range(at, end) if line in problems), None)
        if problem is None:
            if not any(row):
                return None, end
            if record is not None:
                return Line(number, record), end
            problem = RecordError(
                "wrong_width", f"has {len(row)} columns where the first line names {width}"
            )
        if problem.code != NOT_TEXT:
            record = None
        if record is None and self._holds_record(lines[at + 1 : end]):
            end = at + 1
        return Line(number, record, problem, _text(lines[at:end])), end

    def _holds_record(self, lines: list[str]) -> bool:
        return len(self._header) in widths(lines, self._dialect)


def _said(error: csv.Error) -> str:
    """What is wrong, for somebody who wrote the file and not the program."""
    said = str(error)
    return "a carriage return stands outside quotes" if "new-line character" in said else said


def _text(lines: Iterable[str]) -> str:
    return "".join(lines).rstrip("\r\n")
