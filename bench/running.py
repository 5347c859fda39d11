"""What each benchmark is given, and how it runs a whole process and measures it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

from bench.databases import Databases


@dataclass(frozen=True, kw_only=True, slots=True)
class Bench:
    """What a benchmark works with.

    Attributes:
        rounds: how often each contestant is measured.
        scale: 1 for the sizes that the goals speak of; less for a quick look, whose figures
            mean little.
        kinds: the databases to measure.
        folder: for files; gone afterwards.
        say: tells whoever waits what is being done.
    """

    rounds: int
    scale: float
    kinds: Sequence[str]
    databases: Databases
    folder: Path
    say: Callable[[str], None]

    def sized(self, number: int, *, least: int = 1) -> int:
        """``number`` at this scale."""
        return max(least, round(number * self.scale))


@dataclass(frozen=True, kw_only=True, slots=True)
class Ran:
    """One process from its start to its end."""

    seconds: float
    peak_megabytes: float
    output: str


class FailedError(Exception):
    """A process that was to be measured failed."""


def run(
    arguments: Sequence[str],
    environment: Mapping[str, str] | None = None,
    *,
    allowed: Collection[int] = (0,),
) -> Ran:
    """Run a command of this Python to its end: ``["-m", "collector", ...]``.

    Args:
        allowed: exit codes with which it ends well.

    Raises:
        FailedError: with what it wrote, if it did not end well.
    """
    with tempfile.TemporaryFile() as written:
        begun = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *arguments],
            env={**os.environ, **(environment or {})},
            stdout=written,
            stderr=subprocess.STDOUT,
        )
        watch = _Watch(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
        peak = watch.end()
        process.returncode = os.waitstatus_to_exitcode(status)
        written.seek(0)
        output = written.read().decode(errors="replace")
    if process.returncode not in allowed:
        shown = " ".join(arguments)
        raise FailedError(f"{shown} ended with {process.returncode}:\n{output[-4000:]}")
    told = usage.ru_maxrss if sys.platform != "darwin" else usage.ru_maxrss / 1024
    return Ran(seconds=seconds, peak_megabytes=(peak or told) / 1024, output=output)


class _Watch(Thread):
    """Reads the peaks of a process and of those that it starts: their sum is what they need.

    What the system tells afterwards counts the memory of who started the process, and leaves out
    whom it has started itself. The last moments are not seen: what has ended has no memory.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._ended = Event()
        self._kilobytes = 0
        self.start()

    def run(self) -> None:
        while not self._ended.wait(0.05):
            self._kilobytes = max(self._kilobytes, sum(map(_peak, _family(self._pid))))

    def end(self) -> int:
        """The sum of the peaks in kilobytes, 0 where the system does not tell."""
        self._ended.set()
        self.join()
        return self._kilobytes


def _family(pid: int) -> list[int]:
    """A process and all that it has started, and they."""
    found = [pid]
    for each in found:
        for children in Path(f"/proc/{each}/task").glob("*/children"):
            with suppress(OSError):  # it has ended
                found += map(int, children.read_text(encoding="ascii").split())
    return found


def _peak(pid: int) -> int:
    """The peak of one process in kilobytes, 0 if it has ended."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0
