"""``collector calls``: bring in call records from files, and look at those that were refused."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import click

from collector.cli import shared
from collector.cli.importing import Import
from collector.cli.refused import refused
from collector.domain.callers import CallerHash
from collector.domain.definition import Definition, FileFormat
from collector.domain.reading import CallReader
from collector.errors import UsageError
from collector.jobs.garbage import looking_for_garbage_rarely
from collector.jobs.import_calls import Importer
from collector.sources import folders
from collector.sources.decoding import is_encoding
from collector.sources.dialect import is_sign
from collector.sources.files import Form
from collector.sources.opening import STANDARD_INPUT
from collector.storage import installations
from collector.storage.secrets import SecretBox

#: So long a watch waits between two looks, in seconds.
LOOK_EVERY = 2.0

_WORDS_FOR_SIGNS = {"tab": "\t", "\\t": "\t"}


class Sign(click.ParamType[str]):
    """One character, or a word for one that a shell makes hard to write."""

    name = "sign"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        sign = _WORDS_FOR_SIGNS.get(value, value)
        if not is_sign(sign):
            self.fail(f"{value!r} is not one sign such as ; or the word tab", param, ctx)
        return sign


class Encoding(click.ParamType[str]):
    """The name of an encoding."""

    name = "encoding"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not is_encoding(value):
            self.fail(f"{value!r} is no encoding such as cp1252 or utf-16", param, ctx)
        return value


@click.group()
def calls() -> None:
    """Bring in call records."""


@calls.command("import")
@click.argument(
    "paths",
    metavar="FILE|DIR|-...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, allow_dash=True, path_type=Path),
)
@shared.project_id_option
@click.option(
    "--preset",
    metavar="NAME",
    help="The call platform whose records these are. [default: your own]",
)
@click.option("--encoding", type=Encoding(), help="Of the text. [default: UTF-8, or as marked]")
@click.option("--delimiter", type=Sign(), help="Of CSV. [default: told from the file]")
@click.option("--quote", type=Sign(), help='Of CSV, " or \'. [default: ", or told from the header]')
@click.option(
    "--format",
    "form",
    type=click.Choice([form.value for form in Form]),
    help="How the file holds records. [default: told from the file]",
)
@click.option("--strict", is_flag=True, help="Stop at the first record that cannot be read.")
@click.option(
    "--watch", is_flag=True, help="Import what comes into DIR, new and changed, until stopped."
)
@shared.json_option
def import_(
    paths: tuple[Path, ...],
    project_id: int,
    preset: str | None,
    form: str | None,
    strict: bool,
    watch: bool,
    as_json: bool,
    **written: str | None,
) -> None:
    """Import files of call records: CSV with a header, JSON Lines, or a JSON array.

    They may be compressed with gzip. DIR stands for all files in it whose names end in .csv, .tsv,
    .txt, .json, .jsonl or .ndjson, or in these with .gz; - is standard input.

    The same record again changes nothing; with other content it is an update. Records that
    cannot be read are listed with their line and reason and never stop the others; the exit code
    is then 1. They are kept: `collector calls refused`.

    With --watch, a file is imported once it has stopped growing, and again when it has changed;
    one that is renamed into DIR is taken at once. SIGTERM or Ctrl-C ends it, with exit code 0.
    """
    _check(paths, watch=watch, strict=strict)
    files = [] if watch else folders.expanded(paths)
    settings = shared.load_settings()
    definition = shared.load_definition(settings)
    keys = settings.secret_key
    stop = Event()
    with (
        looking_for_garbage_rarely(),
        shared.open_database(settings, writes_much=True) as database,
    ):
        with database.read() as connection:
            region = installations.get(connection, project_id).region
        caller_hash = CallerHash.of_all(keys) if keys else None
        job = Import(
            importer=Importer(
                database=database,
                project_id=project_id,
                reader=_reader(definition, preset, region=region, caller_hash=caller_hash),
                secrets=SecretBox(keys) if keys else None,
                kept_for=settings.refused_for,
                strict=strict,
                stopping=stop.is_set,
            ),
            written=_written(definition.files_of(preset), written),
            form=Form(form) if form else None,
            as_json=as_json,
        )
        if watch:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: stop.set())
            job.watch(folders.Watch(paths), lambda: stop.wait(LOOK_EVERY))
            return
        job.all_of(files)
    raise click.exceptions.Exit(job.exit_code)


def _check(paths: tuple[Path, ...], *, watch: bool, strict: bool) -> None:
    if watch and strict:
        raise UsageError("--strict stops at a record; it does not go with --watch.")
    for path in paths if watch else ():
        if path == STANDARD_INPUT or not path.is_dir():
            raise UsageError(f"--watch looks at directories, and {path} is none.")


def _reader(definition: Definition, preset: str | None, **of_installation: Any) -> CallReader:
    try:
        return CallReader.of(definition, preset, **of_installation)
    except KeyError as error:
        known = ", ".join(sorted(definition.presets)) or "none"
        raise UsageError(f"There is no preset {preset!r}; there are: {known}.") from error


def _written(known: FileFormat, options: dict[str, str | None]) -> FileFormat:
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    return replace(known, **given)


calls.add_command(refused)
