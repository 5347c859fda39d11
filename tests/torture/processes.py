"""Gives orders to the worker process, and reads how the children that carry them out end."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """How a child ended, or that it has stopped.

    ``how`` is ``exit``, ``signal`` or ``stopped``, ``number`` that of the exit or the signal.
    ``points`` it has passed, ``written`` so many requests, and ``said`` names the last point, or
    what was wrong.
    """

    pid: int
    how: str
    number: int
    points: int
    written: int
    said: str

    @property
    def is_well(self) -> bool:
        """Whether it came to its end by itself."""
        return (self.how, self.number) == ("exit", 0)

    @property
    def was_killed(self) -> bool:
        """Whether it died where it was told to."""
        return (self.how, self.number) == ("signal", signal.SIGKILL)

    @property
    def is_stopped(self) -> bool:
        """Whether it stalls where it was told to."""
        return self.how == "stopped"


class Worker:
    """The process that everything is forked from."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.torture.worker"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._process as process:
            assert process.stdin is not None
            process.stdin.close()  # no more orders: it ends, and whatever stalls with it

    def begin(self, **order: Any) -> int:
        """Fork a child that carries out an order, and do not wait for it; returns its id."""
        return int(self._ask(**order)["pid"])

    def wait(self, pid: int) -> Ended:
        """Wait until a child has ended, or has stopped."""
        return Ended(**self._ask(do="wait", pid=pid))

    def go_on(self, pid: int) -> Ended:
        """Wake a child that has stopped, and wait for its end."""
        return Ended(**self._ask(do="go on", pid=pid))

    def _ask(self, **order: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the worker process has ended; see what it wrote to standard error")
        answer: dict[str, Any] = json.loads(line)
        return answer
