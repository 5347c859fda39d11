"""How things look on a terminal: tables, the funnel, a progress bar.

rich is loaded with the first of them: a job that prints JSON has none.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

import click

from collector.domain.printable import printable
from collector.domain.verdicts import MEANING, Verdict
from collector.jobs.progress import Progress, Unwatched
from collector.storage.funnel import Funnel

if TYPE_CHECKING:
    from rich.table import Table

#: Columns of output that no terminal folds: programs that read it want whole lines.
WIDE = 1000


def moment(time: datetime) -> str:
    """A time as people read it."""
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def print_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A plain table, as wide as its content; folded only on a terminal that is too narrow."""
    from rich.table import Table  # noqa: PLC0415 - as said above

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*("" if cell is None else printable(str(cell)) for cell in row))
    _print(table)


def print_funnel(funnel: Funnel) -> None:
    """Sessions, calls, and every verdict with its count; the counts sum to the calls."""
    from rich.table import Table  # noqa: PLC0415 - as said above

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
    from rich.console import Console  # noqa: PLC0415 - as said above

    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, width=WIDE)
    with console.capture() as capture:
        console.print(table)
    for line in capture.get().splitlines():
        click.echo(line.rstrip())


@contextmanager
def progress_shown() -> Iterator[Progress]:
    """A progress bar on standard error, if that is a terminal."""
    if not sys.stderr.isatty():
        yield Unwatched()
        return
    from collector.cli.progress_bar import ProgressBar  # noqa: PLC0415 - as said above

    with ProgressBar().shown() as bar:
        yield bar
