"""``collector doctor``: whether everything is well that the software stands on."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import click

from collector.cli import shared
from collector.doctor import Doctor, Finding, State

_COLOURS = {State.OK: "green", State.WARNING: "yellow", State.PROBLEM: "red"}

#: The widths of the two words at the left; what is found stands beside them.
_STATE, _CHECK = 9, 15


@click.command()
@click.option("--offline", is_flag=True, help="Ask no other machine but the database's.")
@shared.json_option
def doctor(offline: bool, as_json: bool) -> None:
    """Look at settings, definition, database, keys, clocks, installations, job and disk.

    One line each: ok, warning, problem, or skipped, with what to do. It changes nothing, prints
    nothing secret, and needs nothing to be set up: on a fresh machine it says what comes next.

    Asks Contentsquare's token endpoint for its time, without credentials, and the server at
    COLLECTOR_PUBLIC_URL whether it is ready, if that is set.

    Exit code 0: nothing is a problem. 1: something is.
    """
    found: list[Finding] = []
    for finding in Doctor(clock=lambda: datetime.now(UTC), offline=offline).examine():
        found.append(finding)
        if not as_json:
            _print(finding)
    counted = Counter(finding.state for finding in found)
    if as_json:
        shared.echo_json(
            {"ok": not counted[State.PROBLEM], "checks": [each.as_json() for each in found]}
        )
    else:
        told = (f"{counted[state]} x {state.value}" for state in State if counted[state])
        click.echo(f"\n{', '.join(told)}")
    raise click.exceptions.Exit(1 if counted[State.PROBLEM] else 0)


def _print(finding: Finding) -> None:
    state = click.style(f"{finding.state.value:{_STATE}}", fg=_COLOURS.get(finding.state))
    click.echo(f"{state}{finding.check:{_CHECK}}{finding.text}")
    if finding.remedy:
        click.echo(f"{'':{_STATE + _CHECK}}-> {finding.remedy}")
