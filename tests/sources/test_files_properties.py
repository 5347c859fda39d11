"""Whatever stands in a file, reading it gives back what was written, or says why not."""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from collector.domain.definition import FileFormat
from collector.errors import UsageError
from collector.sources import files
from collector.sources.files import Form, Line

STANDARD_INPUT = Path("-")
HEADER = ("id", "at", "note")


@contextmanager
def standard_input(content: bytes) -> Iterator[None]:
    """Content without a file: it is quicker, and has no name to tell by."""
    with patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(content))):
        yield


def lines_of(content: bytes, **options: Any) -> list[Line]:
    with standard_input(content):
        return list(files.read_lines(STANDARD_INPUT, **options))


CELLS = st.text(
    st.one_of(
        st.sampled_from(",;\t|'\"\\\n\r éX1 "),
        st.characters(exclude_categories=["Cs"], exclude_characters="\x00"),
    ),
    max_size=8,
)
TABLES = st.lists(st.tuples(CELLS, CELLS, CELLS).filter(any), max_size=6)


def written(rows: list[tuple[str, ...]], encoding: str, **dialect: Any) -> bytes:
    stream = io.StringIO(newline="")
    csv.writer(stream, **dialect).writerows([HEADER, *rows])
    return stream.getvalue().encode(encoding)


def rows_of(lines: list[Line]) -> list[tuple[object, ...]]:
    assert [str(line.error) for line in lines if line.error] == []
    return [tuple((line.record or {}).values()) for line in lines]


@settings(max_examples=100, deadline=None)
@given(
    TABLES,
    st.sampled_from(",;\t|"),
    st.sampled_from("\"'"),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from(["\r\n", "\n"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
@example([("1", "a", '\\"\\')], ",", '"', csv.QUOTE_ALL, "\n", "utf-8")
def test_a_table_with_doubled_quotes_comes_back_cell_by_cell(
    rows: list[tuple[str, ...]], delimiter: str, quote: str, quoting: Any, end: str, encoding: str
) -> None:
    # The writer leaves a lone carriage return bare where it ends no line; nobody can read that.
    rows = [tuple(cell.replace("\r", end) for cell in row) for row in rows]
    content = written(
        rows, encoding, delimiter=delimiter, quotechar=quote, quoting=quoting, lineterminator=end
    )
    assert rows_of(lines_of(content, written=FileFormat(quote=quote))) == rows


@settings(max_examples=100, deadline=None)
@given(TABLES, st.sampled_from(",;\t|"), st.sampled_from("\"'"))
def test_a_table_with_backslashes_comes_back_once_a_cell_tells_of_them(
    rows: list[tuple[str, ...]], delimiter: str, quote: str
) -> None:
    rows = [("0", "now", f"say {quote}this{quote}."), *rows]
    content = written(
        rows, "utf-8", delimiter=delimiter, quotechar=quote, quoting=csv.QUOTE_ALL,
        doublequote=False, escapechar="\\",
    )  # fmt: skip
    assert rows_of(lines_of(content, written=FileFormat(quote=quote))) == rows


SCRAPS = st.lists(
    st.one_of(
        st.binary(max_size=12),
        st.sampled_from([b"id,at\n", b'"', b"\\", b"\n", b"\r", b",", b"[", b"{", b"}", b"]",
                         b'{"id": 1}', b":", b"\xff\xfe", b"\xef\xbb\xbf", b"\x00", b"1e999"]),
    ),
    max_size=12,
).map(b"".join)  # fmt: skip


@settings(max_examples=250, deadline=None)
@given(SCRAPS, st.sampled_from([None, *Form]), st.booleans(), st.integers(0, 30))
def test_no_bytes_bring_anything_but_lines_or_one_sentence(
    content: bytes, form: Form | None, packed: bool, lost: int
) -> None:
    if packed:
        content = gzip.compress(content)
        content = content[: len(content) - lost]
    try:
        lines = lines_of(content, form=form)
    except UsageError:
        return
    for line in lines:
        assert (line.record is None) <= (line.error is not None)
        json.dumps(line.record)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text()),
    lambda inside: st.one_of(
        st.lists(inside, max_size=3), st.dictionaries(st.text(), inside, max_size=3)
    ),
    max_leaves=6,
)
RECORDS = st.lists(st.dictionaries(st.text(), JSON, max_size=4), max_size=5)


@settings(max_examples=50, deadline=None)
@given(RECORDS, st.sampled_from(["array", "page"]), st.booleans(), st.sampled_from([None, 1]))
def test_records_come_back_from_any_document(
    records: list[dict[str, object]], kind: str, ascii_only: bool, indent: int | None
) -> None:
    document = records if kind == "array" else {"page": {"n": [1]}, "calls": records, "more": None}
    text = json.dumps(document, ensure_ascii=ascii_only, indent=indent)
    lines = lines_of(text.encode(errors="surrogatepass"), form=Form.JSON)
    assert [line.record for line in lines] == records


@settings(max_examples=50, deadline=None)
@given(st.lists(st.dictionaries(st.text(), JSON), min_size=1, max_size=5), st.data())
def test_a_document_cut_anywhere_gives_the_records_before_the_cut(
    records: list[dict[str, object]], data: st.DataObject
) -> None:
    parts = [json.dumps(record) for record in records]
    text = "[" + ",".join(parts) + "]"
    size = data.draw(st.integers(1, len(text) - 1))
    *before, last = lines_of(text[:size].encode(), form=Form.JSON)
    assert [line.record for line in before] == records[: len(before)]
    assert last.error is not None
    assert last.number == len(before) + 1
    ends = [len("[" + ",".join(parts[: count + 1])) for count in range(len(parts))]
    assert len(before) == sum(end <= size for end in ends)


def test_the_first_line_of_a_pipe_may_come_in_pieces() -> None:
    class Slow(io.RawIOBase):
        """Gives one byte at a time, as a pipe may."""

        def __init__(self) -> None:
            self._rest = io.BytesIO(gzip.compress(b"id;at\n1;2\n"))

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            part = self._rest.read(1)
            buffer[: len(part)] = part
            return len(part)

    with patch.object(sys, "stdin", io.TextIOWrapper(io.BufferedReader(Slow()))):
        (line,) = files.read_lines(STANDARD_INPUT)
    assert line.record == {"id": "1", "at": "2"}


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"\xef\xbb\xbf", gzip.compress(b"")],
    ids=["nothing", "a line's end", "a mark", "nothing, packed"],
)
def test_nothing_at_all_is_told_so(content: bytes) -> None:
    with pytest.raises(UsageError, match="standard input is empty"):
        lines_of(content)
