"""``collector purge``: what is older than the settings say is removed."""

from __future__ import annotations

import signal
from threading import Event

import click

from collector.cli import shared
from collector.cli.output import print_table, progress_shown
from collector.domain.retention import Kind
from collector.jobs.purge import Purger
from collector.jobs.purge_all import PurgeReport, look
from collector.jobs.purge_all import purge as remove
from collector.jobs.retention import retention_of
from collector.storage import clocks


@click.command()
@click.option("--project-id", type=shared.PROJECT_ID, help="Only this project. [default: all]")
@click.option("--dry-run", is_flag=True, help="Count what would go; change nothing.")
@shared.json_option
def purge(project_id: int | None, dry_run: bool, as_json: bool) -> None:
    """Remove what is older than COLLECTOR_SESSIONS_DAYS, _CALLS_DAYS, _RUNS_DAYS and so on.

    The job does the same, a few seconds in each run (COLLECTOR_PURGE_SECONDS); this goes on until
    all is done. Sessions and calls stay counted in the views of days. What can still matter stays:
    sessions that a stored call points to, and calls without a final verdict.

    It removes a little at a time, and beacons come between. Ctrl-C or SIGTERM stops it; begun
    again, it goes on. Exit code 1: an installation was left out, since the job was at it for long.
    """
    settings = shared.load_settings()
    retention = retention_of(settings, shared.load_definition(settings))
    stop = Event()
    if not dry_run:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
    with shared.open_database(settings) as database, progress_shown() as bar:
        purger = Purger(
            database=database,
            retention=retention,
            clock=clocks.read(database),
            over=stop.is_set,
            rest=stop.wait,
            progress=bar,
        )
        report = look(purger, project_id) if dry_run else remove(purger, project_id)
    if as_json:
        shared.echo_json(report.as_json())
    else:
        _print(report)
    busy = [one.installation.project_id for one in report.projects if one.busy]
    if busy and not report.stopped:
        named = ", ".join(map(str, busy))
        click.echo(f"The job was at {named} all the time; run this again.", err=True)
        raise click.exceptions.Exit(1)


def _print(report: PurgeReport) -> None:
    print_table(
        ("PROJECT", "NAME", *(kind.replace("_", " ").upper() for kind in Kind)),
        [
            (
                one.installation.project_id,
                one.installation.name,
                *(one.removed[kind] for kind in Kind),
            )
            for one in report.projects
        ],
    )
    for what, number in report.others.items():
        if number:
            click.echo(f"{what.replace('_', ' ').capitalize()}: {number}.")
    click.echo(f"\n{_ended(report)}")


def _ended(report: PurgeReport) -> str:
    if report.dry_run:
        return "So much would be removed; nothing was changed."
    if report.stopped:
        return "Stopped before the end; what stands above is removed. To go on: collector purge"
    if not report.projects:
        return "There is no installation, so that there was nothing of one to remove."
    return "Removed. Sessions and calls stay counted in the views of days."
