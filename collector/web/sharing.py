"""Has the processes of one server count together, in files of a folder that they share.

That is prometheus-client's multiprocess mode: each process has files of its own, mapped into its
memory, and whichever answers a scrape adds up those of all, so that what was counted is kept
whatever ends a process. Here is what the library leaves to whoever uses it: the mode is chosen,
the files have room on the disk before they are mapped, and the levels of processes that have ended
are taken away.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from prometheus_client import values
from prometheus_client.core import Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from collector import config

#: The library's files of one process, by the beginnings of their names, and the room that each has
#: from the start: more than all of the server's metrics and endpoints take.
_ROOM = {"counter": 256 * 1024, "histogram": 32 * 1024, "gauge_livesum": 4 * 1024}


def alone() -> None:
    """From now on metrics are made in this process's own memory, whatever the environment says."""
    values.ValueClass = values.MutexValue


class Folder:
    """What all processes that share it have counted, for a registry of prometheus-client."""

    def __init__(self, folder: Path) -> None:
        """From now on metrics are made in files of this process in the folder.

        Raises:
            OSError: the folder cannot be used, or there is no room on its disk.
        """
        self._folder = folder
        for beginning, size in _ROOM.items():
            _make_room(folder / f"{beginning}_{os.getpid()}.db", size)
        config.count_in(folder)
        values.ValueClass = values.MultiProcessValue()
        self._files = MultiProcessCollector(None, path=str(folder))

    def collect(self) -> Iterable[Metric]:
        for path in self._folder.glob("gauge_livesum_*.db"):
            process = int(path.stem.rpartition("_")[2])
            if not _lives(process):
                with suppress(FileNotFoundError):  # another scrape was quicker
                    mark_process_dead(process, str(self._folder))
        found: Iterable[Metric] = self._files.collect()
        return found


def _make_room(path: Path, size: int) -> None:
    """A file of zeros, at once with all its blocks.

    The library itself makes one without any, and on a disk that is full it would be fatal to write
    to its memory then.
    """
    if path.exists():  # of a process that had the same id: its counts go on
        return
    number, name = tempfile.mkstemp(dir=path.parent)
    made = Path(name)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(bytes(size))
        made.rename(path)  # whole, since somebody may be reading
    except OSError:
        made.unlink()
        raise


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is another user's
        pass
    return True
