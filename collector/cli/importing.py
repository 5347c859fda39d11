"""Imports one file after the other, or what comes into a folder, and tells what became of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from collector.cli import shared
from collector.cli.output import progress_shown
from collector.domain.call import OWN
from collector.domain.definition import FileFormat
from collector.domain.printable import printable
from collector.errors import CollectorError, StorageError, UsageError
from collector.jobs.chunks import StrictImportError
from collector.jobs.import_calls import Importer, Summary
from collector.jobs.reading_ahead import LARGE, Task, read_ahead
from collector.sources import files
from collector.sources.folders import Watch
from collector.sources.opening import STANDARD_INPUT, name_of
from collector.storage.calls import SELDOM, Stored

#: So many refused lines are printed; the JSON form has more.
SHOWN = 20


class Import:
    """One run of ``collector calls import``."""

    def __init__(
        self,
        *,
        importer: Importer,
        written: FileFormat,
        form: files.Form | None,
        as_json: bool,
    ) -> None:
        self._importer = importer
        self._written = written
        self._form = form
        self._as_json = as_json
        self._total = Summary()
        self._unread = 0

    @property
    def exit_code(self) -> int:
        """2 if a file could not be read at all, 1 if a record could not."""
        return UsageError.exit_code if self._unread else int(self._total.refused > 0)

    def all_of(self, paths: Sequence[Path]) -> None:
        """Import these files; one that cannot be read at all does not stop the others.

        Raises:
            UsageError: the only file cannot be read at all.
            StrictImportError, StorageError
        """
        for path in paths:
            try:
                self._import(path)
            except UsageError as error:
                if len(paths) == 1:
                    raise
                self._unread += 1
                click.echo(f"Error: {printable(str(error))}", err=True)
        if len(paths) > 1 and not self._as_json:
            unread = f"; {self._unread} could not be read at all" if self._unread else ""
            click.echo(f"{len(paths)} files: {_told(self._total)}{unread}")
        self._tell_of_kept()

    def watch(self, folder: Watch, wait: Callable[[], bool]) -> None:
        """Import what ``folder`` finds at each look, until ``wait`` answers that it is over."""
        said = ""
        while True:
            try:
                for path in folder.look():
                    self._import_one_of_many(path, folder)
                said = ""
            except CollectorError as error:
                # The next look may find it mended: the folder, or the database. Until then it
                # is said once.
                if said != (said := str(error)):
                    click.echo(f"Error: {printable(str(error))}", err=True)
            if wait():
                return

    def _import_one_of_many(self, path: Path, folder: Watch) -> None:
        refused = self._total.refused
        try:
            stopped = self._import(path)
        except StorageError:
            raise
        except CollectorError as error:
            stopped = False  # it is the file that has to change
            click.echo(f"Error: {printable(str(error))}", err=True)
        if not stopped:
            folder.taken(path)
        if self._total.refused > refused:
            self._tell_of_kept()

    def _import(self, path: Path) -> bool:
        """Import one file; whether it was stopped before its end."""
        name = name_of(path)
        with progress_shown() as bar:
            bar.begin(name, _size(path))
            try:
                summary = self._read_and_store(path, name, bar.advance)
            except StrictImportError as error:
                raise StrictImportError(
                    error.code, f"{name}, {error}. The records before it are stored."
                ) from error
        self._total.include(summary)
        self._print(path, summary)
        return summary.stopped

    def _read_and_store(self, path: Path, name: str, on_bytes: Callable[[int], None]) -> Summary:
        importer = self._importer
        if path != STANDARD_INPUT and path.is_file() and path.stat().st_size >= LARGE:
            task = Task(
                path=path, reader=importer.chunk_reader, written=self._written, form=self._form
            )
            with read_ahead(task, on_bytes) as chunks:
                return importer.store(chunks, name)
        mapping = importer.reader.mapping
        lines = files.read_lines(
            path, on_bytes, mapping=mapping, written=self._written, form=self._form
        )
        return importer.run(lines, name)

    def _print(self, path: Path, summary: Summary) -> None:
        if self._as_json:
            shared.echo_json({"file": str(path), **_as_json(summary)})
            return
        click.echo(f"{name_of(path)}: {_told(summary)}")
        for refusal in summary.refusals[:SHOWN]:
            click.echo(f"  {summary.unit} {refusal.number}: {printable(refusal.message)}", err=True)
        if summary.passed_over and summary.passed_over == summary.read:
            click.echo(f"  {self._why_none()}", err=True)
        if summary.refused > SHOWN:
            click.echo(f"  and {summary.refused - SHOWN} more; all of them: --json", err=True)

    def _why_none(self) -> str:
        reader = self._importer.reader
        whose = "[[calls.only]] in the integration definition"
        if reader.source != OWN:
            whose = f"'only' of the preset {reader.source}"
        columns = dict.fromkeys(
            column for condition in reader.mapping.only for column in condition.columns
        )
        return f"not one is a call by the conditions {whose}: look at {', '.join(columns)}"

    def _tell_of_kept(self) -> None:
        if not self._total.refused or self._as_json:
            return
        what = "Refused records are kept"
        if self._importer.secrets is None:
            what = "Of refused records the reasons are kept, for want of COLLECTOR_SECRET_KEY"
        click.echo(
            f"{what}: collector calls refused --project-id {self._importer.project_id}", err=True
        )


def _size(path: Path) -> int | None:
    try:
        return None if path == STANDARD_INPUT else path.stat().st_size or None
    except OSError:
        return None  # whoever opens it says why


def _counts(summary: Summary) -> dict[str, int]:
    return {
        **{outcome.value: summary.counts[outcome] for outcome in Stored},
        "passed_over": summary.passed_over,
        "refused": summary.refused,
    }


def _told(summary: Summary) -> str:
    counts = _counts(summary).items()
    told = ", ".join(
        f"{number} {name.replace('_', ' ')}"
        for name, number in counts
        if number or name not in SELDOM
    )
    stopped = "; stopped before the end" if summary.stopped else ""
    return f"{summary.read} read: {told}{stopped}"


def _as_json(summary: Summary) -> dict[str, Any]:
    return {
        "read": summary.read,
        **_counts(summary),
        "refusals": [
            {
                summary.unit: refusal.number,
                "call_id": refusal.call_id,
                "code": refusal.code,
                "message": refusal.message,
            }
            for refusal in summary.refusals
        ],
    }
