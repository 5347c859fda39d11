"""Folders: which files are taken from them, and when one is whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from collector.errors import UsageError
from collector.sources.folders import Watch, expanded

LONG_AGO = 1_700_000_000


def write(path: Path, text: str = "id,at\n1,2\n", *, at: int | None = None) -> Path:
    """A file that was just written to, or long ago and was then moved to where it is."""
    path.write_text(text)
    if at is not None:
        os.utime(path, (at, at))
    return path


def names(paths: list[Path]) -> list[str]:
    return [path.name for path in paths]


def test_a_folder_stands_for_its_files_of_records_in_order(tmp_path: Path) -> None:
    taken = ["a.csv", "b.CSV.gz", "c.jsonl", "d.ndjson.gz", "e.json", "f.tsv", "g.txt"]
    for name in [*reversed(taken), "h.csv.part", "i.xlsx", ".j.csv", "k.gz", "csv"]:
        write(tmp_path / name)
    (tmp_path / "folder.csv").mkdir()
    write(tmp_path / "folder.csv" / "inside.csv")
    assert names(expanded([tmp_path])) == taken


def test_each_file_is_read_once_though_it_is_named_twice(tmp_path: Path) -> None:
    one, two = write(tmp_path / "b.csv"), write(tmp_path / "a.csv")
    assert expanded([one, tmp_path, two]) == [one, two]
    assert expanded([Path("-")]) == [Path("-")]


def test_a_folder_without_files_of_records_is_told(tmp_path: Path) -> None:
    write(tmp_path / "notes.md")
    with pytest.raises(UsageError, match=r"holds no file whose name ends in \.csv, .*\.gz"):
        expanded([tmp_path])


def test_a_file_is_taken_once_it_has_stopped_growing(tmp_path: Path) -> None:
    watch = Watch([tmp_path])
    path = write(tmp_path / "a.csv")
    assert watch.look() == []
    write(path, "id,at\n1,2\n3,4\n")
    assert watch.look() == []
    assert watch.look() == [path]
    watch.taken(path)
    assert watch.look() == []


def test_a_file_that_was_renamed_into_its_place_is_taken_at_once(tmp_path: Path) -> None:
    watch = Watch([tmp_path])
    part = write(tmp_path / "a.csv.part", at=LONG_AGO)
    assert watch.look() == []
    path = part.rename(tmp_path / "a.csv")
    assert watch.look() == [path]


def test_a_changed_file_is_taken_again(tmp_path: Path) -> None:
    watch = Watch([tmp_path])
    path = write(tmp_path / "a.csv", at=LONG_AGO)
    for number in range(3):
        assert watch.look() == [path]
        watch.taken(path)
        assert watch.look() == []
        write(path, at=LONG_AGO + 1 + number)


def test_an_empty_file_is_still_to_be_written(tmp_path: Path) -> None:
    watch = Watch([tmp_path])
    path = write(tmp_path / "a.csv", "", at=LONG_AGO)
    assert [watch.look(), watch.look()] == [[], []]
    write(path, at=LONG_AGO)
    assert watch.look() == [path]


def test_a_file_that_was_not_taken_is_due_at_every_look(tmp_path: Path) -> None:
    watch = Watch([tmp_path])
    path = write(tmp_path / "a.csv", at=LONG_AGO)
    assert [watch.look(), watch.look()] == [[path], [path]]
    path.unlink()
    assert watch.look() == []


def test_a_file_that_comes_back_is_taken_again(tmp_path: Path) -> None:
    watch = Watch([tmp_path])
    path = write(tmp_path / "a.csv", at=LONG_AGO)
    watch.look()
    watch.taken(path)
    path.unlink()
    assert watch.look() == []
    write(path, at=LONG_AGO)
    assert watch.look() == [path]


def test_a_folder_that_is_gone_is_told_at_each_look(tmp_path: Path) -> None:
    watch = Watch([tmp_path / "nowhere"])
    for _ in range(2):
        with pytest.raises(UsageError, match="nowhere cannot be read: No such file"):
            watch.look()
