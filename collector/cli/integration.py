"""``collector integration``: the integration definition."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import click

from collector import resources
from collector.cli import shared
from collector.cli.output import print_table
from collector.domain.building import UnbuildableError, build_fields
from collector.domain.call import Call
from collector.domain.definition import Definition, IntegrationVersion
from collector.domain.difference import differences, told
from collector.domain.example import example_record
from collector.domain.reading import CallReader
from collector.domain.review import facts, notes
from collector.errors import RecordError, UsageError
from collector.sources import files, presets
from collector.sources.mappings import adapted_presets, as_table

_file = click.option(
    "--file",
    "path",
    type=click.Path(path_type=Path),
    help="The definition file. [default: COLLECTOR_INTEGRATION]",
)


@click.group()
def integration() -> None:
    """Check how call records become enrichment fields."""


@integration.command()
@_file
@click.option(
    "--records",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Build the example from the first call of this file, not from an invented one.",
)
@click.option(
    "--preset",
    metavar="NAME",
    type=click.Choice(presets.NAMES),
    help="Read the example by this preset, not by the definition's own [calls].",
)
@click.option(
    "--region", type=shared.Region(), help="Country of phone numbers in national form in RECORDS."
)
def check(path: Path | None, records: Path | None, preset: str | None, region: str | None) -> None:
    """Check the definition against every documented limit and show an example payload."""
    definition = _read(path)
    adapted = adapted_presets(definition)
    click.echo(f"{definition.name}: the definition is valid.")
    for fact in facts(definition, adapted):
        click.echo(fact)
    for note in notes(definition, adapted):
        click.echo(f"Note: {note}", err=True)
    for version in definition.versions.values():
        click.echo(f"\nVersion {version.number}")
        print_table(
            ("FIELD", "TYPE", "NEED", "MADE FROM"),
            [
                (
                    field.name,
                    field.type,
                    "optional" if field.optional else "required",
                    told(version.recipes.get(field.name)),
                )
                for field in version.schema.fields
            ],
        )
        click.echo("\nExample payload:")
        call = _example_call(definition, version, records, preset, region)
        try:
            fields = build_fields(call, version, definition.mapping_of(preset))
        except UnbuildableError as error:
            raise UsageError(f"Call {call.call_id} has no payload: {error}") from error
        click.echo(json.dumps(fields, indent=2, ensure_ascii=False))


@integration.command()
@click.argument("old", type=click.IntRange(min=1))
@click.argument("new", type=click.IntRange(min=1))
@_file
def diff(old: int, new: int, path: Path | None) -> None:
    """Show what changes from version OLD to version NEW."""
    definition = _read(path)
    for number in (old, new):
        if number not in definition.versions:
            known = ", ".join(str(known) for known in sorted(definition.versions))
            raise UsageError(f"The definition has no version {number}, only {known}.")
    lines = differences(definition.versions[old], definition.versions[new])
    click.echo("\n".join(lines) if lines else "No difference.")


@integration.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=".")
def example(folder: Path) -> None:
    """Copy an example definition for phone calls into FOLDER, to start from."""
    files_there = sorted((resources.path("examples") / "phone-calls").iterdir())
    for file in files_there:
        target = folder / file.name
        if target.exists():
            raise UsageError(f"{target} exists already; nothing is overwritten.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in files_there:
            shutil.copyfile(file, folder / file.name)
            click.echo(f"Wrote {folder / file.name}")
    except OSError as error:
        raise UsageError(f"Nothing can be written to {folder}: {error.strerror}") from error


@integration.command("preset")
@click.argument("name", metavar="[NAME]", type=click.Choice(presets.NAMES), required=False)
@_file
@shared.json_option
def show_preset(name: str | None, path: Path | None, as_json: bool) -> None:
    """Print how the records of a platform are read, as a definition would say it.

    Without NAME, list the platforms. With --json, as the definition adapts them.
    """
    if as_json:
        definition = _read(path)
        shared.echo_json(
            {known: as_table(definition.presets[known]) for known in presets.NAMES}
            if name is None
            else as_table(definition.presets[name])
        )
    elif name is None:
        print_table(("PRESET", "READS"), [(known, presets.about(known)) for known in presets.NAMES])
    else:
        click.echo(presets.text(name), nl=False)


def _read(path: Path | None) -> Definition:
    settings = shared.load_settings()
    if path is None:
        return shared.load_definition(settings)
    from collector.sources import definition  # noqa: PLC0415

    return definition.read(path)


def _example_call(
    definition: Definition,
    version: IntegrationVersion,
    records: Path | None,
    preset: str | None,
    region: str | None,
) -> Call:
    """The first call of the file ``records``, or an invented one."""
    reader = CallReader.of(definition, preset, region=region, caller_hash=None)
    now = datetime.now(UTC)
    if records is None:
        call = reader.read(example_record(definition, version, preset), now)
        if call is None:
            raise UsageError(
                "No record can be invented that is a call: look at the conditions 'only'."
            )
        return call
    line = None
    written = definition.files_of(preset)
    for line in files.read_lines(records, mapping=reader.mapping, written=written):
        try:
            if line.error is not None:
                raise line.error
            call = reader.read(line.record or {}, now)
        except RecordError as error:
            raise UsageError(f"{records}, {line.unit} {line.number}: {error}") from error
        if call is not None:
            return call
    if line is None:
        raise UsageError(f"{records} holds no record.")
    raise UsageError(f"{records} holds no call: the conditions 'only' pass all its records over.")
