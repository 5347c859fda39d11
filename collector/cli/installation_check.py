"""``collector installation check``: an installation explains itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click

from collector.cli import shared
from collector.cli.output import moment
from collector.contentsquare import EnrichmentApi
from collector.domain.outcomes import KEY_IGNORED
from collector.jobs.check import DAYS, Check, Finding
from collector.jobs.check import check as look
from collector.storage.key_shares import KeyShares
from collector.storage.secrets import SecretBox

#: The width of the words at the left.
_LEFT = 14


@click.command()
@shared.project_id_argument
@shared.json_option
def check(project_id: int, as_json: bool) -> None:
    """Tell whether an installation works, and if not, why, and what to do.

    Gets a token with the stored credentials, and shows the beacons that came, the keys they
    carry, and what was refused in the last seven days (UTC), each with its remedy.

    Exit code 0: the credentials work, and nothing needs a person. 1: the credentials do not
    work; or the last run had a problem; or beacons came once, and none for 48 hours; or something
    that only a person can mend was refused or left out within the last 24 hours. That no beacon
    has come yet is no failure.
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
    item = found.installation
    click.secho(f"{item.name} (project {item.project_id})", bold=True)
    if found.credentials_error is None:
        _line("Credentials", f"work: the token is for project {item.project_id}")
        _line("Enrichments", f"go to {found.endpoint}/v1/enrichments")
    else:
        _line("Credentials", "do not work; the error below says why")
    if item.paused:
        _line("Paused", f"nothing is sent until: collector installation resume {item.project_id}")
    if item.problem:
        _line("Problem", item.problem)
    if found.last_beacon is None:
        _line("Last beacon", "none has ever come. Put the tag on the customer's pages:")
        _line("", f"  collector snippet --project-id {item.project_id}")
        _line("", "and see what a page does with it:")
        _line("", f"  collector verify {found.first_page}")
    else:
        _line("Last beacon", f"{moment(found.last_beacon)}, {_ago(found.now - found.last_beacon)}")
        _line("Today", f"{found.beacons_today} beacons, {found.sessions_today} new sessions (UTC)")
    if found.keys is not None:
        _print_keys(found.keys)
    if found.silence:
        _line("Silence", found.silence)
    _print_findings(found)


def _print_keys(keys: KeyShares) -> None:
    shares = [f"{kind} {_percent(number, keys.sessions)}" for kind, number in keys.kinds.items()]
    without = _percent(keys.sessions - keys.with_a_key, keys.sessions)
    _line("Keys", ", ".join([*shares, f"none {without}"]))
    _line("", f"of the {keys.sessions} sessions first seen on {keys.day}")


def _print_findings(found: Check) -> None:
    if not found.findings:
        click.echo(f"\nNothing was refused or left out in the last {DAYS} days.")
        return
    click.echo(f"\nRefused or left out in the last {DAYS} days:")
    for item in found.findings:
        click.echo(f"\n  {click.style(item.outcome, bold=True)}: {_how_often(item, found.now)}")
        if item.detail:
            click.echo(f"    Answered: {item.detail}")
        left = click.style("To do:", fg="yellow") if item.needs_person else "Note:"
        click.echo(f"    {left} {item.remedy}")


def _how_often(item: Finding, now: datetime) -> str:
    beacons = f"{item.beacons} beacon{'s'[: item.beacons != 1]}"
    words = [f"{beacons}, the last {_ago(now - item.last_at)}"]
    if item.outcome == KEY_IGNORED:
        words = [f"a key was left out of {words[0]}"]
    if item.origins:
        words.append("from " + ", ".join(item.origins))
    if not item.of_project:
        words.append("which told no known project")
    return ", ".join(words)


def _line(left: str, right: str) -> None:
    click.echo(f"{left:{_LEFT}}{right}")


def _percent(number: int, of: int) -> str:
    return f"{100 * number / of:.0f} %" if of else "0 %"


def _ago(time: timedelta) -> str:
    """A time that has passed, in its largest unit."""
    seconds = max(int(time.total_seconds()), 0)
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            number = seconds // length
            return f"{number} {unit}{'s'[: number != 1]} ago"
    return "less than a minute ago"
