"""How things look on a terminal: tables, the funnel, a progress bar."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from threading import Lock, local

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from collector.domain.verdicts import Verdict
from collector.storage.funnel import Funnel

#: Columns of output that no terminal folds: programs that read it want whole lines.
WIDE = 1000

#: What each verdict means, in a few words.
MEANING = {
    Verdict.WAITING: "no session yet, still early",
    Verdict.UNMATCHED: "no session was found",
    Verdict.AMBIGUOUS: "several candidates, none clearly right",
    Verdict.INVALID: "the fields cannot be built",
    Verdict.OVER_LIMIT: "the session already has three",
    Verdict.PENDING: "built, not yet accepted",
    Verdict.REJECTED: "refused by the API",
    Verdict.EXPIRED: "too late: seven days had passed",
    Verdict.ACCEPTED: "delivered",
}


def moment(time: datetime) -> str:
    """A time as people read it."""
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def print_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A plain table, as wide as its content; folded only on a terminal that is too narrow."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    _print(table)


def print_funnel(funnel: Funnel) -> None:
    """Sessions, calls, and every verdict with its count; the counts sum to the calls."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_column(style="dim")
    table.add_row("sessions", str(funnel.sessions))
    table.add_row("calls", str(funnel.calls))
    for verdict, count in funnel.verdicts.items():
        style = "bold" if count else "dim"
        table.add_row(f"  {verdict}", str(count), MEANING[Verdict(verdict)], style=style)
    _print(table)


def _print(table: Table) -> None:
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, width=WIDE)
    with console.capture() as capture:
        console.print(table)
    for line in capture.get().splitlines():
        click.echo(line.rstrip())


class ProgressBar:
    """Bars on standard error, only if that is a terminal; several threads may tell of steps."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
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
