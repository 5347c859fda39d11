"""``collector reconcile``: the scheduled job."""

from __future__ import annotations

import json
import signal
from threading import Event
from typing import Any

import click

from collector.cli import shared
from collector.cli.output import print_funnel, print_table, progress_shown
from collector.contentsquare import EnrichmentApi
from collector.domain.printable import printable
from collector.errors import CollectorError, UsageError
from collector.jobs.dry_run import dry_run as look
from collector.jobs.reconcile import Job
from collector.jobs.report import ProjectOutcome, ProjectReport, RunReport
from collector.jobs.retention import retention_of
from collector.storage import backup, clocks
from collector.storage.calls import SELDOM
from collector.storage.secrets import SecretBox


@click.command()
@click.option("--project-id", type=shared.PROJECT_ID, help="Only this project. [default: all]")
@click.option("--dry-run", is_flag=True, help="Show what would be sent; change nothing.")
@click.option("--every", type=shared.Duration(), metavar="5m", help="Repeat until stopped.")
@shared.json_option
def reconcile(project_id: int | None, dry_run: bool, every: float | None, as_json: bool) -> None:
    """Join calls to sessions, build enrichments, and deliver them.

    Exit code 0: all went well, or --dry-run only looked. 1: this run found something that needs a
    person, and each case is explained; what earlier runs found stands in `collector status`. It
    can be stopped at any moment and run again; nothing is lost or doubled. A stop by SIGTERM or
    Ctrl-C waits for the batches in flight.
    """
    if dry_run and every is not None:
        raise UsageError("--dry-run shows one moment; it does not go with --every.")
    settings = shared.load_settings()
    definition = shared.load_definition(settings)
    if dry_run:
        with shared.open_database(settings) as database, progress_shown() as bar:
            clock = clocks.read(database)
            report = look(database, definition, project_id, clock=clock, progress=bar)
        _print(report, as_json=as_json)
        return
    secrets = SecretBox(settings.require_secret_key())
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    needs_a_person = False
    with (
        shared.open_database(settings, threads=2 * settings.connections) as database,
        EnrichmentApi(
            settings.auth_url, connections=settings.connections, monotonic=clocks.elapsed
        ) as api,
    ):
        backup.require_told(database)
        while True:
            try:
                definition = shared.load_definition(settings)  # it may have been mended meanwhile
                retention = retention_of(settings, definition)
                with progress_shown() as bar:
                    report = Job(
                        database=database,
                        definition=definition,
                        sender=api,
                        secrets=secrets,
                        clock=clocks.read(database),
                        monotonic=clocks.elapsed,
                        progress=bar,
                        stopping=stop.is_set,
                        refused_for=settings.refused_for,
                        retention=retention if settings.purge_seconds else None,
                        purge_seconds=settings.purge_seconds,
                        caller_hash=secrets.callers,
                        calls_url=settings.calls_url or None,
                        connections=settings.connections,
                        connections_per_installation=settings.connections_per_installation,
                    ).run(project_id)
            except CollectorError as error:
                if every is None:
                    raise
                click.echo(
                    f"Error: {printable(str(error))}", err=True
                )  # the next round may find it mended
            else:
                _print(report, as_json=as_json)
                needs_a_person = bool(report.attention)
            if every is None or stop.wait(every):
                break
    # Repeating is ended by its operator; each round has told what it found.
    raise click.exceptions.Exit(1 if needs_a_person and every is None else 0)


def _print(report: RunReport, *, as_json: bool) -> None:
    if as_json:
        shared.echo_json(report.as_json())
        return
    print_funnel(report.funnel)
    if report.dry_run:
        _print_what_would_be_sent(report.as_json()["would_send"])
    if report.note:
        click.echo(f"Note: {report.note}.")
    for project in report.projects:
        _print_pulled(project)
        if project.outcome in {ProjectOutcome.BUSY, ProjectOutcome.LATER, ProjectOutcome.PAUSED}:
            click.echo(f"Project {project.project_id}: {project.message}.")
        if project.slowed_to is not None:
            click.echo(
                f"Project {project.project_id}: the API answered 429, so that from then on "
                f"{project.slowed_to} request(s) at a time were sent."
            )
    for sentence in report.attention:
        click.echo(
            f"{click.style('Needs a person:', fg='yellow', bold=True)} {printable(sentence)}",
            err=True,
        )


def _print_pulled(project: ProjectReport) -> None:
    if (pulled := project.pulled) is None:
        return
    counts = [
        (name, number) for name, number in pulled.counted().items() if number or name not in SELDOM
    ]
    told = ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in counts)
    click.echo(f"Project {project.project_id}: pulled {told}.")
    if pulled.problem and not pulled.needs_a_person:
        click.echo(f"Project {project.project_id}: {printable(pulled.problem)}.")


def _print_what_would_be_sent(told: dict[str, Any]) -> None:
    click.echo(
        f"\nWould send {told['enrichments']} enrichment(s) in {told['batches']} batch(es); "
        "nothing was changed."
    )
    if told["first"]:
        print_table(
            ("CALL", "SESSION", "NUMBER", "REVISION", "FIELDS"),
            [
                (
                    item["call_id"],
                    item["session_key"],
                    item["enrichment_number"],
                    item["revision"],
                    json.dumps(item["enrichment"], ensure_ascii=False),
                )
                for item in told["first"]
            ],
        )
