"""What a target is trying, told through shared memory to whoever watches it from outside.

A target that hangs, or is ended by the system, can say nothing any more. So each input is written
here before it is tried, and the watcher reads it when the target has gone.
"""

from __future__ import annotations

import mmap
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil  # type: ignore[import-untyped]

#: What of an input is kept; longer ones are cut, and repeated by the seed.
MAX_INPUT = 64 * 1024

_HEAD = struct.Struct("<QdQdQQ")
_SIZE = _HEAD.size + 2 * MAX_INPUT


class Journal:
    """One file, mapped by the target, who writes, and by the watcher, who reads."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(_SIZE))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), _SIZE)
        self._process = psutil.Process()
        self.tried, self.begun, self.length, self.slowest, self.slow_length, self.memory = (
            0, 0.0, 0, 0.0, 0, 0,
        )  # fmt: skip
        self.read()

    @contextmanager
    def trying(self, data: bytes) -> Iterator[None]:
        """Say what is tried, and how long it took."""
        kept = data[:MAX_INPUT]
        self._map[_HEAD.size : _HEAD.size + len(kept)] = kept
        self.length, self.begun = len(kept), time.monotonic()
        self._write()
        yield
        seconds = time.monotonic() - self.begun
        if seconds > self.slowest:
            self.slowest, self.slow_length = seconds, len(kept)
            at = _HEAD.size + MAX_INPUT
            self._map[at : at + len(kept)] = kept
        self.tried, self.begun = self.tried + 1, 0.0
        self._write()

    def weigh(self, *others: int) -> None:
        """Note the memory of this process, or of those that answer it."""
        self.memory = sum(psutil.Process(one).memory_info().rss for one in others) or (
            self._process.memory_info().rss
        )
        self._write()

    def read(self) -> None:
        """What the target has written by now."""
        told = _HEAD.unpack_from(self._map, 0)
        self.tried, self.begun, self.length, self.slowest, self.slow_length, self.memory = told

    @property
    def input(self) -> bytes:
        """The one that is tried, or was tried last."""
        return self._map[_HEAD.size : _HEAD.size + self.length]

    @property
    def slowest_input(self) -> bytes:
        at = _HEAD.size + MAX_INPUT
        return self._map[at : at + self.slow_length]

    def _write(self) -> None:
        # At once: `pack_into` writes noughts first, which the watcher would read.
        self._map[: _HEAD.size] = _HEAD.pack(
            self.tried, self.begun, self.length, self.slowest, self.slow_length, self.memory
        )
