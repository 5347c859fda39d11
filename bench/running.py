"""What each benchmark is given, and how it runs a whole process and measures it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

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
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        written.seek(0)
        output = written.read().decode(errors="replace")
    if process.returncode not in allowed:
        shown = " ".join(arguments)
        raise FailedError(f"{shown} ended with {process.returncode}:\n{output[-4000:]}")
    kilobytes = usage.ru_maxrss if sys.platform != "darwin" else usage.ru_maxrss / 1024
    return Ran(seconds=seconds, peak_megabytes=kilobytes / 1024, output=output)
