"""Files of call records: one bad line costs that line and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.errors import UsageError
from collector.sources import files


def read(tmp_path: Path, content: str | bytes, name: str = "calls.csv") -> list[tuple[int, object]]:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return [
        (line.number, line.record if line.error is None else line.error.code)
        for line in files.read_lines(path)
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_taken_from_the_header(tmp_path: Path, delimiter: str) -> None:
    lines = delimiter.join(("id", "at")) + "\n" + delimiter.join(("7", "now")) + "\n"
    assert read(tmp_path, lines) == [(2, {"id": "7", "at": "now"})]


def test_a_byte_order_mark_belongs_to_no_column(tmp_path: Path) -> None:
    assert read(tmp_path, "\ufeffid,at\n7,now\n") == [(2, {"id": "7", "at": "now"})]


def test_a_quoted_field_may_hold_delimiters_quotes_and_line_ends(tmp_path: Path) -> None:
    content = 'id,note\n1,"a, ""b""\nc"\n2,d\n'
    assert read(tmp_path, content) == [
        (2, {"id": "1", "note": 'a, "b"\nc'}),
        (4, {"id": "2", "note": "d"}),
    ]


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ('2,"open', "not_csv"),
        ('2,"closed" early', "not_csv"),
        ("2", "wrong_width"),
        ("2,b,c", "wrong_width"),
    ],
)
def test_a_bad_line_is_refused_and_its_neighbours_are_read(
    tmp_path: Path, bad: str, code: str
) -> None:
    assert read(tmp_path, f'id,at\n1,a\n{bad}\n3,c\n4,"d"\n') == [
        (2, {"id": "1", "at": "a"}),
        (3, code),
        (4, {"id": "3", "at": "c"}),
        (5, {"id": "4", "at": "d"}),
    ]


def test_an_open_quote_does_not_join_the_next_lines_into_one_record(tmp_path: Path) -> None:
    # The quote of line 4 would close that of line 2, and the sum would look like one record.
    content = 'id,at\n1,"a\n2,b\n3,c"\n'
    assert read(tmp_path, content) == [(2, {"id": "1", "at": "a\n2,b\n3,c"})]
    content = 'id,at\n1,"a\n2,b\n3,c",d\n5,e\n'
    assert read(tmp_path, content)[1:] == [
        (3, {"id": "2", "at": "b"}),
        (4, "wrong_width"),
        (5, {"id": "5", "at": "e"}),
    ]


def test_a_line_too_long_to_be_a_record_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_LINE_BYTES", 50)
    content = "id,at\n1," + "x" * 200 + "\n2,b\n"
    assert read(tmp_path, content) == [(2, "line_too_long"), (3, {"id": "2", "at": "b"})]


def test_blank_lines_are_no_records(tmp_path: Path) -> None:
    assert read(tmp_path, "id,at\n\n1,a\n\n\n2,b\n") == [
        (3, {"id": "1", "at": "a"}),
        (6, {"id": "2", "at": "b"}),
    ]


def test_json_lines_are_read_with_their_types(tmp_path: Path) -> None:
    content = '{"id": 1, "ok": true}\n\nnot json\n[1]\n{"id": 2}\n'
    assert read(tmp_path, content, "calls.jsonl") == [
        (1, {"id": 1, "ok": True}),
        (3, "not_json"),
        (4, "not_an_object"),
        (5, {"id": 2}),
    ]


def test_deeply_nested_json_is_a_bad_line_and_not_a_crash(tmp_path: Path) -> None:
    assert read(tmp_path, "[" * 100_000 + "\n{}\n", "calls.jsonl") == [(1, "not_json"), (2, {})]


@pytest.mark.parametrize(("content", "said"), [("", "empty"), ("a,b,a\n1,2,3\n", "'a' occurs")])
def test_a_file_without_a_usable_header_is_refused(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read(tmp_path, content)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.csv cannot be read"):
        list(files.read_lines(tmp_path / "nowhere.csv"))


def test_progress_adds_up_to_the_size_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_text("id,at\n" + "".join(f"{number},é\n" for number in range(500)))
    told: list[int] = []
    assert len(list(files.read_lines(path, told.append))) == 500
    assert sum(told) == path.stat().st_size


def test_a_file_that_lacks_a_required_column_is_refused_whole(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_text("id,when\n1,now\n")
    assert len(list(files.read_lines(path, required=("id", "when")))) == 1
    with pytest.raises(UsageError, match=r"no column 'started'.*names id, when"):
        list(files.read_lines(path, required=("id", "started")))
