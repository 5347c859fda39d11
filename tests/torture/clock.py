"""One clock for all processes of a trial: a small file, moved by whoever lets time pass."""

from __future__ import annotations

import fcntl
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.world import START, Clock

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SIZE = 8


class SharedClock(Clock):
    """Stands still until it is moved, also by another process that has the same file."""

    def __init__(self, path: Path, now: datetime | None = None) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT)
        if now is not None:
            super().__init__(now)

    @property
    def now(self) -> datetime:
        return _EPOCH + self._read() * _MICROSECOND

    @now.setter
    def now(self, moment: datetime) -> None:
        self._write((moment - _EPOCH) // _MICROSECOND)

    def __call__(self) -> datetime:
        return self.now

    def monotonic(self) -> float:
        """The same clock in seconds: a stalled process finds that time has passed."""
        return (self.now - START).total_seconds()

    def forward(self, **duration: float) -> None:
        # The lock ends with the process that has it, also if that is killed.
        fcntl.lockf(self._file, fcntl.LOCK_EX)
        try:
            self._write(self._read() + timedelta(**duration) // _MICROSECOND)
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        os.close(self._file)

    def _read(self) -> int:
        return int.from_bytes(os.pread(self._file, _SIZE, 0), "little")

    def _write(self, microseconds: int) -> None:
        os.pwrite(self._file, microseconds.to_bytes(_SIZE, "little"), 0)
