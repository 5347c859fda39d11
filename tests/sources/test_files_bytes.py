"""Bytes become text: encodings, gzip, standard input; what is broken costs what it must."""

from __future__ import annotations

import gzip
import io
import json
import sys
import tracemalloc
from pathlib import Path

import pytest

from collector.errors import UsageError
from collector.sources import files
from tests.sources.reading_files import lines_of, read

TABLE = "id;at\n1;Rennes, l'été à 5 €\n2;Zürich\n"
READ = [(2, {"id": "1", "at": "Rennes, l'été à 5 €"}), (3, {"id": "2", "at": "Zürich"})]


def test_a_byte_order_mark_belongs_to_no_column(tmp_path: Path) -> None:
    assert read(tmp_path, "\ufeff" + TABLE) == READ


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_tells_the_encoding_whatever_was_named(
    tmp_path: Path, encoding: str
) -> None:
    content = TABLE.encode(encoding)
    assert read(tmp_path, content) == READ
    assert read(tmp_path, content, encoding="cp1252") == READ


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16-le", "utf-16-be", "mac-roman", "utf-7"])
def test_a_named_encoding_is_read(tmp_path: Path, encoding: str) -> None:
    assert read(tmp_path, TABLE.encode(encoding), encoding=encoding) == READ
    document = json.dumps([{"id": "été"}], ensure_ascii=False).encode(encoding)
    assert read(tmp_path, document, "calls.json", encoding=encoding) == [(1, {"id": "été"})]


def test_bytes_that_are_no_text_cost_their_line_and_tell_the_way_out(tmp_path: Path) -> None:
    content = b"id,at\n1,a\n2,\xe9t\xe9\n3,c\n"
    good, bad, other = lines_of(tmp_path, content)
    assert (good.record, other.record) == ({"id": "1", "at": "a"}, {"id": "3", "at": "c"})
    assert bad.number == 3
    assert bad.error is not None
    assert "byte 0xe9 at character 3" in str(bad.error)
    assert "--encoding cp1252 or --encoding utf-16" in str(bad.error)
    assert (bad.record or {})["id"] == "2", "by its id it is forgotten once it is mended"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("calls.jsonl", b'{"id": 1}\n{"id": "\xe9"}\n{"id": 3}\n'),
        ("calls.json", b'[{"id": 1}, {"id": "\xe9"}, {"id": 3}]'),
    ],
    ids=["lines", "document"],
)
def test_bytes_that_are_no_text_cost_their_json_record_only(
    tmp_path: Path, name: str, content: bytes
) -> None:
    assert read(tmp_path, content, name) == [(1, {"id": 1}), (2, "not_text"), (3, {"id": 3})]


@pytest.mark.parametrize(
    "content", ["id;été\n".encode("cp1252"), "id;at\n1;2\n".encode("utf-16-le")]
)
def test_a_header_in_another_encoding_is_refused_with_the_way_out(
    tmp_path: Path, content: bytes
) -> None:
    with pytest.raises(UsageError, match=r"first line.*--encoding.*utf-16"):
        read(tmp_path, content)


def test_a_workbook_is_told_from_a_table(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="export it as CSV"):
        read(tmp_path, b"PK\x03\x04rest")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.csv cannot be read: No such file"):
        list(files.read_lines(tmp_path / "nowhere.csv"))


@pytest.mark.parametrize("name", ["calls.csv.gz", "calls.csv", "calls"])
def test_gzip_is_told_from_the_content(tmp_path: Path, name: str) -> None:
    content = TABLE.encode()
    parts = gzip.compress(content[:20]) + gzip.compress(content[20:])
    assert read(tmp_path, parts, name) == READ
    packed = gzip.compress(b"\n" * 3 + b'{"id": 1}\nx\n')
    assert read(tmp_path, packed, "calls.jsonl.gz") == [(4, {"id": 1}), (5, "not_json")]


ROWS = 5000
LONG = {
    "calls.csv": "id,at\n" + "".join(f"{number},{number**5}\n" for number in range(ROWS)),
    "calls.jsonl": "".join(f'{{"id": "{number}", "at": {number**5}}}\n' for number in range(ROWS)),
    "calls.json": json.dumps([{"id": str(n), "at": n**5} for n in range(ROWS)]),
}


@pytest.mark.parametrize("name", LONG)
def test_what_stands_before_the_end_of_a_cut_file_is_read(tmp_path: Path, name: str) -> None:
    packed = gzip.compress(LONG[name].encode())
    whole = lines_of(tmp_path, packed, name)
    assert [line.error for line in whole] == [None] * ROWS
    for size in (len(packed) * 2 // 3, len(packed) - 9, len(packed) - 3):
        *good, cut = lines_of(tmp_path, packed[:size], name)
        assert good == whole[: len(good)], "not even half of a record passes for one"
        assert len(good) > ROWS / 2
        assert cut.error is not None
        assert cut.error.code == "cut_short"
        assert "breaks off" in str(cut.error)


def test_a_damaged_compressed_file_is_told_as_well(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(LONG["calls.csv"].encode()))
    packed[-6] ^= 0xFF  # of the checksum
    *good, cut = lines_of(tmp_path, bytes(packed))
    assert len(good) == ROWS
    assert cut.error is not None
    assert cut.error.code == "cut_short"


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_progress_adds_up_to_the_size_of_the_file_as_it_lies_there(
    tmp_path: Path, packed: bool
) -> None:
    content = LONG["calls.csv"].encode()
    if packed:
        content = gzip.compress(content)
    path = tmp_path / "calls.csv"
    path.write_bytes(content)
    told: list[int] = []
    assert len(list(files.read_lines(path, told.append))) == ROWS
    assert sum(told) == len(content)


def test_standard_input_is_read_and_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    given = io.BytesIO(gzip.compress(TABLE.encode()))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(given))
    lines = list(files.read_lines(Path("-")))
    assert [(line.number, line.record) for line in lines] == READ
    assert not given.closed
    with pytest.raises(UsageError, match="standard input is empty"):
        list(files.read_lines(Path("-")))


def wide(number: int) -> dict[str, str]:
    return {"id": str(number), "at": "now", "note": f"{number:>150}"}


MANY = 20_000


@pytest.mark.parametrize(
    ("form", "packed"),
    [("csv", False), ("csv", True), ("jsonl", True), ("json", False), ("envelope", True)],
)
def test_a_long_file_is_never_in_memory_whole(tmp_path: Path, form: str, packed: bool) -> None:
    path = tmp_path / ("calls.csv" if form == "csv" else "calls.json")
    with gzip.open(path, "wt", compresslevel=1) if packed else path.open("w") as stream:
        begin, between, end = {
            "csv": ("id,at,note\n", "", ""),
            "jsonl": ("", "", ""),
            "json": ("[", ",", "]"),
            "envelope": ('{"page": 1, "calls": [', ",", "]}"),
        }[form]
        stream.write(begin)
        for number in range(MANY):
            record = wide(number)
            row = ",".join(record.values()) if form == "csv" else json.dumps(record)
            stream.write((between if number else "") + row + "\n")
        stream.write(end)
    tracemalloc.start()
    try:
        ids = (line.record["id"] for line in files.read_lines(path) if line.record)
        assert all(found == str(number) for number, found in zip(range(MANY), ids, strict=True))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1_500_000 < MANY * 150
