"""A progress bar on a terminal; loaded only where there is one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, local

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)


class ProgressBar:
    """Bars on standard error; several threads may tell of steps."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._lock = Lock()
        self._tasks: dict[str, TaskID] = {}
        self._totals: dict[str, int | None] = {}
        self._mine = local()

    def begin(self, step: str, total: int | None) -> None:
        """One bar for each step: what several installations have to do is added up."""
        with self._lock:
            before = self._totals.get(step, 0)
            now = None if before is None or total is None else before + total
            self._totals[step] = now
            if step not in self._tasks:
                self._tasks[step] = self._progress.add_task(step, total=now)
            self._progress.update(self._tasks[step], total=now)
            self._mine.task = self._tasks[step]

    def advance(self, done: int) -> None:
        """In the step that this thread has begun last."""
        if (task := getattr(self._mine, "task", None)) is not None:
            self._progress.advance(task, done)

    @contextmanager
    def shown(self) -> Iterator[ProgressBar]:
        with self._progress:
            yield self
