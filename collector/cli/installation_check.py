"""``collector installation check``: an installation explains itself."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from collector.cli import paragraphs, shared
from collector.cli.output import moment
from collector.contentsquare import EnrichmentApi
from collector.domain.printable import printable
from collector.insight import flooding
from collector.insight.check import Check
from collector.insight.check import check as look
from collector.insight.hearing import DAYS, Hearing
from collector.insight.wording import ago, how_often, number, percent
from collector.storage.secrets import SecretBox

#: The width of the words at the left; what folds hangs beside them.
_LEFT = 14

_CREDENTIALS = {
    True: "work: the token is for project {project_id}",
    False: "do not work; the error below says why",
    None: "could not be tried; the error below says why",
}


@click.command()
@shared.project_id_argument
@shared.json_option
def check(project_id: int, as_json: bool) -> None:
    """Tell whether an installation works, and if not, why, and what to do.

    Gets a token with the stored credentials, and shows the beacons that came, the keys they
    carry, and what was refused in the last seven days (UTC), each with its remedy.

    Exit code 0: the credentials work, and nothing needs a person. 1: the credentials do not
    work, or could not be tried; or the last run had a problem; or beacons came once, and none for
    48 hours; or something that only a person can mend was refused or left out within the last 24
    hours. Of the origins that are not allowed only those count whose host is akin to an allowed
    one, such as www.shop.example to shop.example; all of them, when no beacon was accepted in the
    last 24 hours. That no beacon has come yet is no failure.
    """
    settings = shared.load_settings()
    box = SecretBox(settings.require_secret_key())
    with (
        shared.open_database(settings) as database,
        EnrichmentApi(settings.auth_url) as api,
    ):
        found = look(database, api, box, project_id, datetime.now(UTC))
    if as_json:
        shared.echo_json(found.as_json())
    else:
        _print(found)
    if found.credentials_error is not None:
        raise found.credentials_error
    raise click.exceptions.Exit(1 if found.needs_person else 0)


def _print(found: Check) -> None:
    item = found.hearing.installation
    click.secho(f"{item.name} (project {item.project_id})", bold=True)
    _line("Credentials", _CREDENTIALS[found.credentials_work].format(project_id=item.project_id))
    if found.endpoint:
        _line("Enrichments", f"go to {found.endpoint}")
    if item.paused:
        _line("Paused", f"nothing is sent until: collector installation resume {item.project_id}")
    if item.problem:
        _line("Problem", item.problem)
    _print_hearing(found.hearing)


def _print_hearing(found: Hearing) -> None:
    project_id = found.installation.project_id
    if found.last_beacon is None:
        command = f"collector snippet --project-id {project_id} --url https://..."
        _line("Last beacon", f"none has ever come. Put the tag on the customer's pages: {command}")
        _line("", f"and see what a page does with it: collector verify {found.first_page}")
    else:
        _line("Last beacon", f"{moment(found.last_beacon)}, {ago(found.now - found.last_beacon)}")
        beacons = number(found.beacons_today, "beacon")
        _line("Today", f"{beacons}, {number(found.sessions_today, 'new session')} (UTC)")
    _print_keys(found)
    if found.silence:
        _line("Silence", found.silence)
    for flood in found.floods:
        click.echo()
        _line("Flooded", f"{flooding.told(flood)}.", colour="yellow")
        _line("", flooding.remedy(flood, found.installation))
    _print_findings(found)


def _print_keys(found: Hearing) -> None:
    keys = found.keys
    if keys is None:
        return
    shares = [f"{kind} {percent(count, keys.sessions)}" for kind, count in found.kinds.items()]
    more = f" and {found.more_kinds} more" if found.more_kinds else ""
    without = percent(keys.sessions - keys.with_a_key, keys.sessions)
    told = f"{', '.join(shares)}{more}, none {without}" if shares else f"none {without}"
    sessions = number(keys.sessions, "session")
    _line("Keys", f"{told}, of the {sessions} first seen on {keys.day}")


def _print_findings(found: Hearing) -> None:
    if not found.findings:
        click.echo(f"\nNothing was refused or left out in the last {DAYS} days.")
        return
    click.echo(f"\nRefused or left out in the last {DAYS} days:")
    for item in found.findings:
        first, *others = paragraphs.fold(
            f"{item.outcome}: {how_often(item, found.now)}", paragraphs.columns() - 4
        )
        click.echo("\n  " + first.replace(item.outcome, click.style(item.outcome, bold=True), 1))
        for line in others:
            click.echo(f"    {line}")
        if item.detail:
            _line("    Answered:", item.detail)
        if item.needs_person:
            _line("    To do:", item.remedy, colour="yellow")
        else:
            is_plain = item.remedy.startswith("Nothing to do")
            _line("" if is_plain else "    Note:", item.remedy)


def _line(left: str, right: str, *, colour: str | None = None) -> None:
    """A word at the left, and a text that is folded beside it."""
    beside = click.style(left, fg=colour) + " " * (_LEFT - len(left))
    for line in paragraphs.fold(printable(right), paragraphs.columns() - _LEFT):
        click.echo(f"{beside}{line}".rstrip())
        beside = " " * _LEFT
