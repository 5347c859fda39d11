"""A view goes out as a file or a stream: what is asked for is checked, then carried row by row."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, cast

from collector.errors import UsageError
from collector.jobs.export_forms import CsvForm, Form, JsonLinesForm
from collector.jobs.progress import Progress
from collector.storage import comments, exporting, installations
from collector.storage.database import Database
from collector.storage.exporting import HELD, Wanted


class Format(StrEnum):
    """What an export is written as."""

    CSV = "csv"
    PARQUET = "parquet"
    JSONL = "jsonl"


def format_of(path: Path) -> Format:
    """What a file is named for.

    Raises:
        UsageError: its name does not say.
    """
    name = path.name.lower().removesuffix(".gz")
    for form in Format:
        if name.endswith(f".{form}"):
            return form
    raise UsageError(
        f"{path.name} does not say what it is to be. Name it .csv, .jsonl or .parquet, or say "
        "--format."
    )


def wanted(
    database: Database,
    view: str,
    *,
    columns: Sequence[str],
    project_id: int | None,
    since: datetime | None,
    until: datetime | None,
) -> Wanted:
    """What is asked for, once it is known that there is such a thing.

    Raises:
        UsageError, NotFoundError
    """
    views = comments.read().views
    if view not in views:
        raise UsageError(f"There is no view {view!r}. There are: {', '.join(views)}.")
    found = views[view]
    known = {column.name: column for column in found.columns}
    if unknown := [name for name in columns if name not in known]:
        raise UsageError(f"{view} has no column {unknown[0]!r}. It has: {', '.join(known)}.")
    if len(set(columns)) < len(columns):
        raise UsageError("--columns: a column is named twice.")
    if (since is not None or until is not None) and found.span is None:
        raise UsageError(f"{view} has no column of time: leave out --from and --to.")
    if since is not None and until is not None and since >= until:
        raise UsageError("--from is not before --to: nothing lies between.")
    if project_id is not None:
        if "project_id" not in known:
            raise UsageError(f"{view} is not of a project: leave out --project-id.")
        with database.read() as connection:
            installations.get(connection, project_id)
    chosen = [known[name] for name in columns] or list(found.columns)
    return Wanted(view=found, columns=chosen, project_id=project_id, since=since, until=until)


def export(
    database: Database,
    asked: Wanted,
    stream: BinaryIO,
    *,
    form: Format,
    packed: bool,
    raw: bool,
    progress: Progress,
    held: int = HELD,
) -> int:
    """Write what was asked for to ``stream``, by gzip if ``packed``; how many rows there were.

    Raises:
        UsageError: the format needs a library that is not installed.
        DatabaseUnavailableError
    """
    with ExitStack() as open_ones:
        if packed:
            zipped = gzip.GzipFile(fileobj=stream, mode="wb", compresslevel=6, mtime=0)
            stream = cast("BinaryIO", open_ones.enter_context(zipped))
        writer = _form(form, stream, asked, raw=raw)
        progress.begin("rows", None)
        number = 0
        for rows in exporting.rows(database, asked, held=held):
            writer.write(rows)
            number += len(rows)
            progress.advance(len(rows))
        writer.close()
    return number


def _form(form: Format, stream: BinaryIO, asked: Wanted, *, raw: bool) -> Form:
    if form is Format.JSONL:
        return JsonLinesForm(stream, asked.columns)
    if form is Format.CSV:
        return CsvForm(stream, asked.columns, raw=raw)
    try:
        from collector.jobs.export_parquet import ParquetForm  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise UsageError(
            "Parquet needs pyarrow, which is not installed: pip install 'session-collector"
            "[parquet]', or choose --format csv or jsonl."
        ) from error
    return ParquetForm(stream, asked.columns)
