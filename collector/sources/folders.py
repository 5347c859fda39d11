"""Finds the files of call records in a folder, and those that are new, whole or changed there."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from collector.errors import UsageError

ENDINGS = ("csv", "tsv", "txt", "json", "jsonl", "ndjson")

_NAME = re.compile(rf"[^.].*\.(?:{'|'.join(ENDINGS)})(?:\.gz)?", re.IGNORECASE | re.DOTALL)


def files_in(folder: Path) -> list[Path]:
    """The files of a folder that can hold records, by their names; not those of folders in it.

    Raises:
        UsageError: the folder cannot be read.
    """
    try:
        return sorted(
            path for path in folder.iterdir() if _NAME.fullmatch(path.name) and path.is_file()
        )
    except OSError as error:
        raise UsageError(f"{folder} cannot be read: {error.strerror}") from error


def expanded(paths: Iterable[Path]) -> list[Path]:
    """Each file once; a folder stands for the files in it.

    Raises:
        UsageError: a folder holds none.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if not path.is_dir():
            found[path] = None
            continue
        files = files_in(path)
        if not files:
            raise UsageError(
                f"{path} holds no file whose name ends in .{', .'.join(ENDINGS)}, or in these "
                "with .gz"
            )
        found |= dict.fromkeys(files)
    return list(found)


#: What changes when a file is written, or another takes its place.
_State = tuple[int, int, int]


class Watch:
    """Tells which files of some folders are there to be read, look by look.

    A file that somebody still writes to is not taken: it has to look the same twice. One that
    was renamed into its place was written elsewhere and is whole, so it is taken at once. An empty
    one is still to be written.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self._folders = tuple(folders)
        self._seen: dict[Path, _State] = {}
        self._taken: dict[Path, _State] = {}

    def look(self) -> list[Path]:
        """The files that are new or changed since they were taken, and no longer grow.

        Each is due at every look until it is ``taken``.

        Raises:
            UsageError: a folder cannot be read.
        """
        before, self._seen = self._seen, {}
        due = []
        for folder in self._folders:
            for path in files_in(folder):
                try:
                    found = path.stat()
                except OSError:
                    continue  # it was there a moment ago
                state = self._seen[path] = _state(found)
                still = before.get(path) == state or _is_renamed(found)
                if still and found.st_size and self._taken.get(path) != state:
                    due.append(path)
        self._taken = {path: state for path, state in self._taken.items() if path in self._seen}
        return due

    def taken(self, path: Path) -> None:
        """The file, as it was at the last look, has been read."""
        self._taken[path] = self._seen[path]


def _state(found: os.stat_result) -> _State:
    return found.st_ino, found.st_size, found.st_mtime_ns


def _is_renamed(found: os.stat_result) -> bool:
    """Whether the last thing that happened to a file was not that somebody wrote to it.

    Writing sets both times alike; renaming, or setting the time of writing, only that of change.
    """
    return found.st_ctime_ns > found.st_mtime_ns
