"""Numbers that every process of a server writes, and that whichever answers a scrape can add up.

Each process has a file of its own in a folder that they share, mapped into its memory: to count is
an addition there, and what was counted is in the file whatever ends the process. Whoever starts
takes over a file that nobody holds and goes on counting in it, so that no count ever falls and
there are only as many files as processes at a time. prometheus-client's own files would cost each
beacon more than its way through the event loop may, and grow in number with each process.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import tempfile
from _thread import allocate_lock
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import structlog

#: A slot is a name, filled up with zeros, and a number.
SLOTS = 1024
_SLOT_BYTES = 128
_NAME_BYTES = _SLOT_BYTES - 8
_SIZE = SLOTS * _SLOT_BYTES
_NUMBERS_IN_SLOT = _SLOT_BYTES // 8

_SUFFIX = ".counts"

_log = structlog.get_logger(__name__)

#: Begins the name of a level: what is true now, and of a process that has ended no more.
LEVEL = "~"


@dataclass(frozen=True, kw_only=True, slots=True)
class Sums:
    """The numbers of all processes, added up by name, and how many processes there are."""

    numbers: Mapping[str, float]
    processes: int


class Slots:
    """The numbers of one process. In memory of its own until `open`, and without a folder for good.

    Nothing is opened when it is made, so that a server may fork after that.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._file: BinaryIO | None = None
        self._memory: bytearray | mmap.mmap = bytearray(_SIZE)
        self._names: list[str] = []
        self.numbers = _numbers(self._memory)
        #: Guards names and numbers; the lock of the interpreter itself is the cheapest.
        self.lock = allocate_lock()

    def place(self, name: str) -> int:
        """Where in `numbers` the number of this name is."""
        with self.lock:
            return self._place(name)

    def open(self) -> None:
        """Move into a file, if there is a folder for it and that has not been done."""
        if self._folder is None or self._file is not None:
            return
        with self.lock:
            if self._file is not None:  # another thread was quicker
                return
            try:
                file = _take(self._folder)
            except OSError as error:  # a beacon must not fail for a statistic
                _log.warning("metrics_not_shared", error=str(error))
                self._folder = None
                return
            own, self._memory = _read(self._memory), mmap.mmap(file.fileno(), _SIZE)
            before = _read(self._memory)
            self.numbers = _numbers(self._memory)
            # The file of another version of this software may have other names in other places.
            self._names, names = [], self._names
            for name in names:
                self._place(name)
            for name, number in {**dict.fromkeys(names, 0.0), **before}.items():
                kept = 0.0 if name.startswith(LEVEL) else number
                self.numbers[self._place(name)] = own.get(name, 0.0) + kept
            self._file = file

    def sums(self) -> Sums:
        """The numbers of all processes that share the folder, those that have ended included."""
        if self._folder is None:
            return Sums(numbers=_read(self._memory), processes=1)
        numbers: defaultdict[str, float] = defaultdict(float)
        processes = 0
        for path in self._folder.glob(f"*{_SUFFIX}"):
            try:
                with path.open("rb") as file:
                    is_alive = not _hold(file, fcntl.LOCK_SH)
                    read = _read(file.read(_SIZE))
            except OSError:
                continue
            processes += is_alive
            for name, number in read.items():
                if is_alive or not name.startswith(LEVEL):
                    numbers[name] += number
        return Sums(numbers=numbers, processes=processes)

    def close(self) -> None:
        """Leave the file to whoever comes next."""
        with self.lock:
            if self._file is None:
                return
            file, self._file, self._folder = self._file, None, None
            kept = bytearray(self._memory)
            self.numbers.release()
            if isinstance(self._memory, mmap.mmap):
                self._memory.close()
            self._memory, self.numbers = kept, _numbers(kept)
            file.close()

    def _place(self, name: str) -> int:
        try:
            slot = self._names.index(name)
        except ValueError:
            slot = len(self._names)
            # What has no room left is counted where nobody looks.
            if slot < SLOTS - 1 and len(name.encode()) <= _NAME_BYTES:
                self._names.append(name)
                self._label(slot, name.encode().ljust(_NAME_BYTES, b"\0"))
            else:
                slot = SLOTS - 1
        return _number_at(slot)

    def _label(self, slot: int, name: bytes) -> None:
        begin = slot * _SLOT_BYTES
        # Somebody may be reading: a number keeps its name, and no name has another's number.
        if self._memory[begin : begin + _NAME_BYTES] != name:
            self.numbers[_number_at(slot)] = 0.0
            self._memory[begin : begin + _NAME_BYTES] = name


class Count:
    """A number that only grows."""

    __slots__ = ("_lock", "_place", "_slots")

    def __init__(self, slots: Slots, name: str) -> None:
        self._slots, self._place, self._lock = slots, slots.place(name), slots.lock

    def add(self, number: float = 1.0) -> None:
        """Count so many."""
        with self._lock:
            self._slots.numbers[self._place] += number


class Level:
    """A number that is true now, of one process; the sum over those that live is told."""

    __slots__ = ("_lock", "_place", "_slots")

    def __init__(self, slots: Slots, name: str) -> None:
        self._slots, self._place, self._lock = slots, slots.place(LEVEL + name), slots.lock

    def set(self, number: float) -> None:
        """From now on it is this."""
        with self._lock:
            self._slots.numbers[self._place] = number


class Spread:
    """How often a value was up to which bound, and the sum of all.

    The slots are named ``NAME|BOUND`` for each bound, ``NAME|+Inf`` above, and ``NAME|sum``.
    """

    __slots__ = ("_bounds", "_lock", "_places", "_slots", "_sum")

    def __init__(self, slots: Slots, name: str, bounds: Sequence[float]) -> None:
        self._slots, self._lock, self._bounds = slots, slots.lock, tuple(bounds)
        self._places = [slots.place(f"{name}|{bound}") for bound in (*bounds, "+Inf")]
        self._sum = slots.place(f"{name}|sum")

    def add(self, value: float) -> None:
        """There was such a value."""
        place = self._places[bisect_left(self._bounds, value)]
        with self._lock:
            numbers = self._slots.numbers
            numbers[place] += 1.0
            numbers[self._sum] += value


def _number_at(slot: int) -> int:
    return (slot + 1) * _NUMBERS_IN_SLOT - 1


def _numbers(memory: bytearray | mmap.mmap) -> memoryview[float]:
    return memoryview(memory).cast("d")


def _read(memory: bytes | bytearray | mmap.mmap) -> dict[str, float]:
    return dict(_pairs(bytes(memory[:_SIZE])))


def _pairs(content: bytes) -> Iterator[tuple[str, float]]:
    whole = content[: len(content) // _SLOT_BYTES * _SLOT_BYTES]  # one may just be being made
    numbers = memoryview(whole).cast("d")
    for slot in range(len(whole) // _SLOT_BYTES):
        begin = slot * _SLOT_BYTES
        if name := whole[begin : begin + _NAME_BYTES].rstrip(b"\0"):
            yield name.decode(errors="replace"), numbers[_number_at(slot)]


def _take(folder: Path) -> BinaryIO:
    """A file that this process holds to its end: one that another has left, or a new one."""
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        with suppress(FileNotFoundError):
            file = path.open("r+b")
            if _hold(file, fcntl.LOCK_EX):
                return _whole(file)
            file.close()
    while True:
        number, _ = tempfile.mkstemp(suffix=_SUFFIX, dir=folder)
        file = os.fdopen(number, "r+b")
        if _hold(file, fcntl.LOCK_EX):
            return _whole(file)
        file.close()  # another process has seen it in this moment


def _whole(file: BinaryIO) -> BinaryIO:
    """The file with all its room. Where a disk has none for it, to write there would be fatal."""
    missing = _SIZE - file.seek(0, os.SEEK_END)
    try:
        file.write(bytes(max(missing, 0)))
        file.flush()
    except OSError:
        with suppress(OSError):
            file.close()
        raise
    return file


def _hold(file: BinaryIO, how: int) -> bool:
    """Lock a file until it is closed, by whatever end of the process; False if another has it."""
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
