"""Runs a target in a process of its own, and sees that it neither hangs nor grows."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from tests.fuzz import server
from tests.fuzz.journal import Journal
from tests.fuzz.targets import TARGETS

#: An input that takes longer, hangs: the slowest that is allowed takes a hundredth of it.
HANGS_SECONDS = 20.0

#: A target loads, starts a server, makes a database.
BEGINS_SECONDS = 180.0

POLL_SECONDS = 0.2

#: Of what a target has said: so many of the last lines, and so much of each.
LINES, WIDTH = 80, 300


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What came of one target. ``problem`` is None if nothing was found."""

    tried: int
    seconds: float
    slowest: float
    slowest_input: bytes
    #: In bytes, after a quarter of the inputs and after the last.
    before: int
    after: int
    problem: str | None
    input: bytes


def watch(name: str, inputs: int, seed: int, folder: Path, tell: Callable[[int], None]) -> Result:
    """Run a target to its end, or until it hangs; ``tell`` hears how many inputs were tried."""
    journal = Journal(folder / f"{name}.journal")
    output = folder / f"{name}.log"
    command = [sys.executable, "-m", "tests.fuzz.targets", name, str(folder / f"{name}.journal")]
    began = time.monotonic()
    before, problem = 0, None
    # What a target that is ended leaves behind goes with the folder.
    with output.open("wb") as log, server.folder() as scratch:
        process = subprocess.Popen(
            [*command, str(inputs), str(seed)],
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "TMPDIR": scratch},
        )
        try:
            while process.poll() is None:
                time.sleep(POLL_SECONDS)
                journal.read()
                tell(journal.tried)
                if not before and journal.tried >= inputs / 4:
                    before = journal.memory
                problem = _hangs(journal, began)
                if problem is not None:
                    break
        finally:
            _end(process)
    journal.read()
    if problem is None:
        problem = _ended(name, process.returncode, journal, inputs, before)
        if problem is not None and process.returncode:
            problem += ":\n" + _said(output)
    return Result(
        tried=journal.tried,
        seconds=time.monotonic() - began,
        slowest=journal.slowest,
        slowest_input=journal.slowest_input,
        before=before,
        after=journal.memory,
        problem=problem,
        input=journal.input,
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a target that has not ended, and the server that it has started."""
    if process.poll() is None:
        for one in [*psutil.Process(process.pid).children(recursive=True), process]:
            one.kill()
        process.wait()


def _hangs(journal: Journal, began: float) -> str | None:
    now = time.monotonic()
    if journal.begun and now - journal.begun > HANGS_SECONDS:
        return f"an input took more than {HANGS_SECONDS:.0f} s"
    if not journal.tried and now - began > BEGINS_SECONDS:
        return f"it has not begun within {BEGINS_SECONDS:.0f} s"
    return None


def _ended(name: str, code: int, journal: Journal, inputs: int, before: int) -> str | None:
    if code:
        return f"it ended with exit code {code}"
    if journal.tried < inputs:
        return f"it ended after {journal.tried} inputs"
    grown = journal.memory - before
    if before and grown > TARGETS[name].may_grow:
        return f"its memory grew by {grown >> 20} MiB"
    return None


def _said(output: Path) -> str:
    lines = output.read_text(errors="backslashreplace").splitlines()
    return "\n".join(line[:WIDTH] for line in lines[-LINES:])
