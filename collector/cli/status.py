"""``collector status``: where everything stands."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from collector.cli import shared
from collector.cli.output import moment, print_funnel, print_table
from collector.insight.status import Status, read_status

#: How a run ended, in a few words.
OUTCOMES = {
    "running": "still running",
    "done": "done",
    "attention": "needs a person; each case stood in what it printed",
    "interrupted": "interrupted: it ended without a word; the next run goes on where it stopped",
}


@click.command()
@click.option("--project-id", type=shared.PROJECT_ID, help="Only this project. [default: all]")
@shared.json_option
def status(project_id: int | None, as_json: bool) -> None:
    """Show the funnel, and the state of each installation."""
    with shared.open_database(shared.load_settings()) as database:
        found = read_status(database, project_id, datetime.now(UTC))
    if as_json:
        shared.echo_json(found.as_json())
        return
    print_funnel(found.funnel)
    _print_installations(found)
    if found.last_run is None:
        click.echo("\nThe job has not run yet. Run it with: collector reconcile")
    else:
        run = found.last_run
        click.echo(f"\nLast run: {moment(run['started_at'])}, {OUTCOMES[run['outcome']]}")
    for item in found.installations:
        for warning in item.warnings:
            shared.echo_warning(f"Project {item.installation.project_id}: {warning}")


def _print_installations(found: Status) -> None:
    if not found.installations:
        click.echo("\nNo installation yet. Add one with: collector installation add")
        return
    click.echo()
    print_table(
        ("PROJECT", "NAME", "VERSION", "STATE", "CALLS", "ACCEPTED", "LAST BEACON"),
        [
            (
                item.installation.project_id,
                item.installation.name,
                item.installation.integration_version,
                item.state,
                item.funnel.calls,
                item.funnel.verdicts["accepted"],
                moment(item.last_beacon) if item.last_beacon else "never",
            )
            for item in found.installations
        ],
    )
    for item in found.installations:
        if problem := item.installation.problem:
            click.echo(f"\nProject {item.installation.project_id}: {problem}.", err=True)
