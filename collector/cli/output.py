"""How things look on a terminal: tables, the funnel, a progress bar."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

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
    """A bar on standard error, only if that is a terminal."""

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
        self._task: TaskID | None = None

    def begin(self, step: str, total: int | None) -> None:
        self._task = self._progress.add_task(step, total=total)

    def advance(self, done: int) -> None:
        if self._task is not None:
            self._progress.advance(self._task, done)

    @contextmanager
    def shown(self) -> Iterator[ProgressBar]:
        with self._progress:
            yield self
