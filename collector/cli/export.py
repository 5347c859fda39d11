"""``collector export``: a view as a file, for whatever reads no database."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

import click

from collector.cli import shared
from collector.cli.output import progress_shown
from collector.errors import UsageError
from collector.jobs import export as exports
from collector.jobs.export import Format
from collector.jobs.progress import Unwatched
from collector.jobs.whole_file import whole_file
from collector.storage.database import Database
from collector.storage.exporting import Wanted


@click.command()
@click.argument("view")
@click.option(
    "--format",
    "form",
    type=click.Choice([form.value for form in Format]),
    help="[default: what FILE is named for, else csv]",
)
@click.option("--project-id", type=shared.PROJECT_ID, help="Only this project. [default: all]")
@click.option(
    "--from", "since", type=shared.Moment(end=False), metavar="WHEN", help="Only from then on."
)
@click.option("--to", "until", type=shared.Moment(end=True), metavar="WHEN", help="Only before.")
@click.option("--columns", metavar="NAME,…", help="Only these columns, in this order.")
@click.option("--raw", is_flag=True, help="Leave CSV text that a spreadsheet would reckon.")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="Where to; .gz packs it. [default: standard output]",
)
def export(
    view: str,
    form: str | None,
    columns: str | None,
    raw: bool,
    output: Path | None,
    **chosen: Any,
) -> None:
    """Write VIEW, one of the report_* views, as CSV, JSON Lines or Parquet.

    \b
        collector export report_calls --project-id 162 --from 2026-03-01 -o calls.csv.gz
        collector export report_sessions -o sessions.parquet
        collector export report_calls --format jsonl --columns call_id,verdict | head

    All rows are as they stood at one moment, however long it takes, in no certain order; a few
    thousand of them are in memory at a time. A file takes its name when it is whole and on disk,
    and what was there before stays until then. What each column means: docs/analysts.md, or the
    view report_columns.

    --from and --to go by the view's own column: first_seen of sessions, started_at of calls and
    runs, sent_at of batches, day of what is counted by day, and so on. WHEN is a day such as
    2026-03-01 (in UTC; --to includes it), a moment with its offset such as 2026-03-01T14:05Z, or a
    duration ago such as 7d.

    Times are UTC. In CSV, null is an empty cell, and text that begins with =, +, -, @, a tab or a
    carriage return begins with an apostrophe, so that no spreadsheet takes it for a formula; --raw
    leaves it. Parquet needs pyarrow: pip install 'session-collector[parquet]'.
    """
    output = None if output == Path("-") else output
    chosen_form = _checked_form(form, output, raw=raw)
    names = [name.strip() for name in columns.split(",")] if columns is not None else []
    with shared.open_report_database(shared.load_settings()) as database:
        asked = exports.wanted(database, view, columns=names, **chosen)
        if output is None:
            _to_standard_output(database, asked, chosen_form, raw=raw)
        else:
            number = _to_file(database, asked, chosen_form, output, raw=raw)
            click.echo(f"{output} holds {number} row(s) of {view}.")


def _checked_form(form: str | None, output: Path | None, *, raw: bool) -> Format:
    chosen = Format(form or Format.CSV) if form or output is None else exports.format_of(output)
    if raw and chosen is not Format.CSV:
        raise UsageError("--raw is for CSV: the other formats leave text as it is.")
    if chosen is Format.PARQUET:
        if output is not None and _is_packed(output):
            raise UsageError("Parquet is packed by itself: leave out .gz.")
        if output is None and sys.stdout.isatty():
            raise UsageError("Parquet is nothing for a terminal: name a file by -o.")
    return chosen


def _to_file(database: Database, asked: Wanted, form: Format, output: Path, *, raw: bool) -> int:
    # So that the part that was written is removed. Who starts it in the background of a script has
    # Ctrl-C ignored, but can still tell it to stop.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _interrupt)
    with progress_shown() as progress, whole_file(output) as file:
        return exports.export(
            database,
            asked,
            file,
            form=form,
            packed=_is_packed(output),
            raw=raw,
            progress=progress,
        )


def _is_packed(output: Path) -> bool:
    return output.suffix.lower() == ".gz"


def _interrupt(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _to_standard_output(database: Database, asked: Wanted, form: Format, *, raw: bool) -> None:
    stream = sys.stdout.buffer
    try:
        exports.export(
            database, asked, stream, form=form, packed=False, raw=raw, progress=Unwatched()
        )
        stream.flush()
    except BrokenPipeError:
        # Whoever reads has seen enough. What is still held back goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
