"""``collector calls``: bring in call records from files."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from collector.cli import shared
from collector.cli.output import ProgressBar
from collector.jobs.import_calls import StrictImportError, Summary, import_calls
from collector.sources import files
from collector.storage import installations
from collector.storage.calls import Stored

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
    required = (definition.mapping.id, definition.mapping.started)
    refused = 0
    with shared.open_database(settings) as database:
        with database.read() as connection:
            installation = installations.get(connection, project_id)
        for path in paths:
            with ProgressBar().shown() as bar:
                bar.begin(path.name, path.stat().st_size)
                try:
                    summary = import_calls(
                        database,
                        installation,
                        definition,
                        files.read_lines(path, bar.advance, required=required),
                        strict=strict,
                    )
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
                "refused": summary.refused,
                "refusals": [asdict(refusal) for refusal in summary.refusals],
            }
        )
        return
    told = ", ".join(f"{number} {name}" for name, number in counts.items())
    click.echo(f"{path}: {summary.read} read: {told}, {summary.refused} refused")
    for refusal in summary.refusals[:SHOWN]:
        click.echo(f"  line {refusal.line}: {refusal.message}", err=True)
    if summary.refused > SHOWN:
        click.echo(f"  and {summary.refused - SHOWN} more; all of them: --json", err=True)
