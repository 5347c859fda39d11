"""``collector simulate``: what other rules would have made of the calls that are stored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from collector.cli import shared
from collector.cli.output import print_table, progress_shown
from collector.domain.altering import Alteration
from collector.domain.definition import Definition, Matching
from collector.domain.identifiers import is_kind
from collector.domain.times import parse_duration
from collector.errors import UsageError
from collector.jobs.simulate import ROWS, Simulation
from collector.jobs.simulate import simulate as replay
from collector.sources import definition as definitions
from collector.storage.periods import Period

#: Where nothing else is asked for.
LAST_DAYS = timedelta(days=7)

#: Of each change so many calls are named on a terminal.
SHOWN = 10

_CHANGES = {
    "found": "found newly",
    "lost": "lost",
    "elsewhere": "in another session",
    "same": "the same session",
    "without": "without a session either way",
}


class Length(click.ParamType[timedelta]):
    """A duration such as 30m."""

    name = "duration"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Window(click.ParamType[tuple[str, timedelta]]):
    """A kind of key and its window."""

    name = "window"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, timedelta]:
        kind, equals, text = value.partition("=")
        if not equals or not is_kind(kind):
            self.fail(f"{value[:40]!r} is not of the form KIND=30m", param, ctx)
        return kind, Length().convert(text, param, ctx)


class Kinds(click.ParamType[tuple[str, ...]]):
    """Kinds of keys, each once."""

    name = "kinds"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        kinds = tuple(kind.strip() for kind in value.split(","))
        for kind in kinds:
            if not is_kind(kind):
                self.fail(f"{kind[:40]!r} is no kind of key", param, ctx)
            if kinds.count(kind) > 1:
                self.fail(f"{kind} is named twice", param, ctx)
        return kinds


@click.command()
@shared.project_id_option
@click.option(
    "--from",
    "since",
    type=shared.Moment(end=False),
    metavar="WHEN",
    help="Calls that started then or later. [default: 7d]",
)
@click.option(
    "--to", "until", type=shared.Moment(end=True), metavar="WHEN", help="And before that."
)
@click.option(
    "--file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="DEFINITION.toml",
    help="Begin with the rules of this definition instead of today's.",
)
@click.option(
    "--order",
    type=Kinds(),
    metavar="KIND,KIND",
    help="Try these rules, in this order, and no others. A kind without a rule gets one of 7d, not "
    "shared.",
)
@click.option(
    "--window",
    "windows",
    type=Window(),
    multiple=True,
    metavar="KIND=30m",
    help="How long before the call the key may last have been seen; may be repeated. [default: as "
    "today]",
)
@click.option("--skew", type=Length(), metavar="60s", help="How far clocks may disagree.")
@click.option(
    "--horizon", type=Length(), metavar="1h", help="How long a call waits for its session."
)
@shared.json_option
def simulate(
    project_id: int, since: datetime | None, until: datetime | None, as_json: bool, **chosen: Any
) -> None:
    """Replay the matching with other rules, and show the funnel beside today's.

    It changes nothing. Every call of the period is matched anew from its keys, also those that
    have an enrichment, which the job would keep in their sessions; therefore what is stored is
    shown beside the replay of today's rules wherever the two differ. Of another --file only the
    matching rules are taken. WHEN is a day such as 2026-03-01 (in UTC; --to includes it), a moment
    with its offset such as 2026-03-01T14:05Z, or a duration ago such as 2d.
    """
    now = datetime.now(UTC)
    period = Period(project_id=project_id, since=since or now - LAST_DAYS, until=until or now)
    if period.since >= period.until:
        raise UsageError("--from is not before --to: no call started in between.")
    settings = shared.load_settings()
    definition = shared.load_definition(settings)
    rules = _other_rules(definition, project_id, **chosen)
    with shared.open_report_database(settings) as database, progress_shown() as bar:
        simulation = replay(database, definition, period, rules, clock=lambda: now, progress=bar)
    if as_json:
        shared.echo_json(simulation.as_json())
    else:
        _print(simulation)


def _other_rules(
    definition: Definition,
    project_id: int,
    *,
    file: Path | None,
    order: tuple[str, ...] | None,
    windows: tuple[tuple[str, timedelta], ...],
    **tolerances: timedelta | None,
) -> Matching:
    base = definitions.read(file) if file else definition
    changes = Alteration(order=order or (), windows=dict(windows), **tolerances)
    try:
        return changes.of(base.matching_of(project_id))
    except ValueError as error:
        raise UsageError(f"--window: {error}.") from error


def _print(simulation: Simulation) -> None:
    document = simulation.as_json()
    if not document["calls"]:
        click.echo("No call that is stored started in this period.")
        return
    names = ["today", "other"] if simulation.same_as_stored else ["stored", "today", "other"]
    columns = [document[name] for name in names]
    headings = [{"today": "TODAY'S RULES", "other": "OTHER RULES"}.get(n, n.upper()) for n in names]
    print_table(
        ("CALLS", *headings),
        [
            *((row, *(column["funnel"][row] for column in columns)) for row in ROWS),
            ("in all", *(column["calls"] for column in columns)),
        ],
    )
    click.echo()
    kinds = dict.fromkeys(kind for column in columns for kind in column["by_rule"])
    print_table(
        ("SESSION FOUND BY", *headings),
        [(kind, *(column["by_rule"].get(kind, 0) for column in columns)) for kind in kinds],
    )
    if not simulation.same_as_stored:
        click.echo(
            f"\nToday's own rules, replayed, would put {simulation.replayed_elsewhere} call(s) "
            "elsewhere than they stand: calls stay in the session that they were enriched in, "
            "rules, beacons or definition were others when they were matched, or the job has not "
            "looked at them yet. Compare the replays."
        )
    _print_changes(document)
    _print_adoption(simulation)


def _print_changes(document: dict[str, Any]) -> None:
    click.echo("\nBy the other rules, compared with today's replayed:")
    print_table(
        ("SESSION", "CALLS", "SUCH AS"),
        [
            (
                _CHANGES[name],
                change["calls"],
                "" if name in {"same", "without"} else " ".join(change["examples"][:SHOWN]),
            )
            for name, change in document["changes"].items()
        ],
    )


def _print_adoption(simulation: Simulation) -> None:
    if simulation.other_rules == simulation.todays_rules:
        click.echo("\nThe rules are today's own; see --window, --order, --skew and --horizon.")
        return
    click.echo(
        "\nNothing was changed. To adopt the other rules, put this into the definition, for all "
        "projects under [matching] instead. Calls that have an enrichment stay where they are; "
        "those without a session are looked at again after\n"
        "  collector retry --reason no_session --reason several_users --reason key_flooded "
        "--project-id "
        f"{simulation.period.project_id}\n"
    )
    for line in simulation.as_json()["definition"]:
        click.echo(line)
