"""A small file that unpacks into a huge one costs time, and no memory."""

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path

import pytest

from collector.errors import UsageError
from collector.sources import files
from collector.sources.files import Form

MIB = 1024 * 1024

#: Of 24 MiB each: a line without end, a number without end, and a text without end.
BOMBS = {
    Form.CSV: b"id,at\n" + b'"' + b"x" * (24 * MIB),
    Form.JSON_LINES: b'{"id": "' + b"9" * (24 * MIB),
    Form.JSON: b'[{"id": "' + b"x" * (24 * MIB) + b'"}]',
}


@pytest.mark.parametrize("form", BOMBS)
def test_a_bomb_is_read_in_pieces_and_refused(tmp_path: Path, form: Form) -> None:
    path = tmp_path / "calls.gz"
    path.write_bytes(gzip.compress(BOMBS[form], 1))
    assert path.stat().st_size * 50 < len(BOMBS[form])
    tracemalloc.start()
    try:
        found = [line.error.code for line in files.read_lines(path, form=form) if line.error]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found
    assert set(found) <= {"line_too_long", "not_csv", "not_json", "wrong_width"}
    assert peak < 16 * MIB


def test_a_first_line_of_columns_without_end_is_gone_through_once(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_text(",".join(f"{number:x}" for number in range(150_000)) + "\n")
    assert list(files.read_lines(path)) == []


def test_a_message_does_not_repeat_a_name_without_end(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    name = "9" * 5000
    path.write_text(f"{name},{name}\n")
    with pytest.raises(UsageError, match="occurs twice") as told:
        list(files.read_lines(path))
    assert len(str(told.value)) < 300
