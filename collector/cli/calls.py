"""``collector calls``: bring in call records from files."""

from __future__ import annotations

from pathlib import Path

import click

from collector.cli import shared
from collector.cli.output import ProgressBar
from collector.domain.callers import CallerHash
from collector.domain.reading import CallReader
from collector.jobs.import_calls import Importer, StrictImportError, Summary
from collector.sources import files
from collector.storage import installations
from collector.storage.calls import Stored
from collector.storage.secrets import SecretBox

#: So many refused lines are printed; the JSON form has more.
SHOWN = 20


@click.group()
def calls() -> None:
    """Bring in call records."""


@calls.command("import")
@click.argument(
    "paths",
    metavar="FILE...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@shared.project_id_option
@click.option("--strict", is_flag=True, help="Stop at the first record that cannot be read.")
@shared.json_option
def import_(paths: tuple[Path, ...], project_id: int, strict: bool, as_json: bool) -> None:
    """Import CSV files with a header, or JSON Lines (.jsonl, .ndjson).

    The same record again changes nothing; with other content it is an update. Records that
    cannot be read are listed with their line and reason and never stop the others; the exit code
    is then 1.
    """
    settings = shared.load_settings()
    definition = shared.load_definition(settings)
    required = definition.mapping.id[:1] + definition.mapping.started[:1]
    keys = settings.secret_key
    refused = 0
    with shared.open_database(settings) as database:
        with database.read() as connection:
            installation = installations.get(connection, project_id)
        importer = Importer(
            database=database,
            project_id=project_id,
            reader=CallReader.of(
                definition,
                None,
                region=installation.region,
                caller_hash=CallerHash.of(keys[0]) if keys else None,
            ),
            secrets=SecretBox(keys) if keys else None,
            strict=strict,
        )
        for path in paths:
            with ProgressBar().shown() as bar:
                bar.begin(path.name, path.stat().st_size)
                try:
                    lines = files.read_lines(path, bar.advance, required=required)
                    summary = importer.run(lines, str(path))
                except StrictImportError as error:
                    raise StrictImportError(
                        error.code, f"{path}, {error}. The records before it are stored."
                    ) from error
            _print(path, summary, as_json=as_json)
            refused += summary.refused
    if refused:
        raise click.exceptions.Exit(1)


def _print(path: Path, summary: Summary, *, as_json: bool) -> None:
    counts = {outcome.value: summary.counts[outcome] for outcome in Stored}
    if as_json:
        shared.echo_json(
            {
                "file": str(path),
                "read": summary.read,
                **counts,
                "passed_over": summary.passed_over,
                "refused": summary.refused,
                "refusals": [
                    {
                        "line": refusal.number,
                        "call_id": refusal.call_id,
                        "code": refusal.code,
                        "message": refusal.message,
                    }
                    for refusal in summary.refusals
                ],
            }
        )
        return
    told = ", ".join(f"{number} {name}" for name, number in counts.items())
    click.echo(f"{path}: {summary.read} read: {told}, {summary.refused} refused")
    for refusal in summary.refusals[:SHOWN]:
        click.echo(f"  line {refusal.number}: {refusal.message}", err=True)
    if summary.refused > SHOWN:
        click.echo(f"  and {summary.refused - SHOWN} more; all of them: --json", err=True)
