"""``collector retry``: what was refused is sent again, once its cause has been mended."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from collector.cli import shared
from collector.cli.output import print_table
from collector.domain.next_steps import how_to_resume
from collector.domain.verdicts import Reason
from collector.errors import UsageError
from collector.jobs.retry import RETRIABLE, RetryReport
from collector.jobs.retry import retry as mark
from collector.storage.retries import Selection

#: So many calls can be named one by one; more are chosen by what they have in common.
MOST_NAMED = 1000


@click.command()
@click.option("--project-id", type=shared.PROJECT_ID, help="Only this project. [default: all]")
@click.option(
    "--reason",
    "reasons",
    type=click.Choice([reason.value for reason in RETRIABLE]),
    multiple=True,
    default=[Reason.REFUSED_BY_API.value],
    show_default=True,
    help="Why it was not delivered; may be repeated.",
)
@click.option(
    "--containing",
    type=shared.ShortText(),
    metavar="TEXT",
    help="Only calls whose detail, as `explain` shows it, contains this.",
)
@click.option(
    "--since", type=shared.Moment(end=False), metavar="WHEN", help="Verdict given then or later."
)
@click.option(
    "--until", type=shared.Moment(end=True), metavar="WHEN", help="Verdict given before that."
)
@click.option(
    "--call-id",
    "call_ids",
    type=shared.ShortText(),
    multiple=True,
    help="Only this call; may be repeated.",
)
@click.option("--dry-run", is_flag=True, help="Count them; change nothing.")
@shared.json_option
def retry(
    project_id: int | None, reasons: tuple[str, ...], dry_run: bool, as_json: bool, **chosen: Any
) -> None:
    """Take up again what was refused, after its cause has been mended.

    It marks the chosen calls; the next `collector reconcile` builds each anew from its call, by
    the definition as it is then, and sends it. With `--reason fields_invalid` calls are chosen
    whose fields could not be built, with `--reason deadline_passed` those that a wrong clock gave
    up too early; with `no_session`, `several_users`, `key_flooded` and `no_keys` those without
    a session, for which changed rules of matching may find one.

    WHEN is a day such as 2026-03-01 (in UTC; --until includes it), a moment with its offset such
    as 2026-03-01T14:05Z, or a duration ago such as 2d. What is too late to be delivered stays as
    it is, and is counted.

    Exit code 1: a call that was named is not among those that can be sent again.
    """
    selection = _checked(Selection(**{**chosen, "call_ids": chosen["call_ids"] or None}))
    with shared.open_database(shared.load_settings()) as database:
        report = mark(
            database,
            project_id,
            [reason for reason in RETRIABLE if reason.value in reasons],
            selection,
            now=datetime.now(UTC),
            dry_run=dry_run,
        )
    if as_json:
        shared.echo_json(report.as_json())
    else:
        _print(report)
    if report.not_fitting:
        click.echo(_not_fitting(report.not_fitting), err=True)
        raise click.exceptions.Exit(1)


def _checked(selection: Selection) -> Selection:
    since, until = selection.since, selection.until
    if since is not None and until is not None and since >= until:
        raise UsageError("--since is not before --until: no verdict was given in between.")
    if len(selection.call_ids or ()) > MOST_NAMED:
        raise UsageError(
            f"--call-id: at most {MOST_NAMED} calls can be named at once; choose them by --reason, "
            "--containing, --since and --until."
        )
    return selection


def _print(report: RetryReport) -> None:
    found = [project for project in report.projects if project.found]
    if not found:
        click.echo("No such call: nothing is to be sent again.")
        return
    reasons = list(found[0].marked)
    print_table(
        ("PROJECT", "NAME", *(reason.upper() for reason in reasons), "TOO LATE"),
        [
            (
                project.installation.project_id,
                project.installation.name,
                *project.marked.values(),
                sum(project.too_late.values()),
            )
            for project in found
        ],
    )
    click.echo(f"\n{_next_step(report)}")
    for project in found:
        item = project.installation
        if item.paused and any(project.marked.values()):
            click.echo(
                f"Project {item.project_id} is paused, and nothing of it is sent before it is "
                f"resumed{how_to_resume(item.project_id, item.problem)}"
            )


def _next_step(report: RetryReport) -> str:
    if not report.marked:
        return "Too late: the seven days of their sessions are over, or nearly. Nothing was marked."
    if report.dry_run:
        return f"Would mark {report.marked} call(s); nothing was changed."
    return (
        f"Marked {report.marked} call(s). The next run builds them anew and sends them: "
        "collector reconcile"
    )


def _not_fitting(call_ids: list[str]) -> str:
    named = ", ".join(call_ids[:10]) + (f" and {len(call_ids) - 10} more" * (len(call_ids) > 10))
    return (
        f"Not among the calls that can be sent again so: {named}. Where a call stands says: "
        "collector explain CALL_ID --project-id N"
    )
