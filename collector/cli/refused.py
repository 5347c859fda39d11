"""``collector calls refused``: the records that could not be read, to be mended and imported."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import click

from collector.cli import shared
from collector.cli.output import moment, print_table
from collector.config import Settings
from collector.domain.call import OWN
from collector.domain.printable import printable
from collector.errors import UsageError
from collector.storage import installations
from collector.storage import refused as kept
from collector.storage.database import Database
from collector.storage.refusals import MAX_KEPT, MAX_RECORD
from collector.storage.refused import Chosen, CodeCount, Refused
from collector.storage.secrets import SecretBox

#: So many are listed if nobody says how many.
LISTED = 20


@click.command()
@click.option("--project-id", type=shared.PROJECT_ID, help="Only this project. [default: all]")
@click.option("--code", type=shared.ShortText(30), help="Only those refused for this reason.")
@click.option("--source", type=shared.ShortText(30), help="Only those read by this preset.")
@click.option(
    "--since", type=shared.Moment(end=False), metavar="WHEN", help="Refused then or later."
)
@click.option("--limit", type=click.IntRange(1), help="Only so many of the newest.")
@click.option("--records", is_flag=True, help="Print the records themselves, as JSON Lines.")
@click.option("--text", is_flag=True, help="Print the lines of text that were no records at all.")
@click.option("--clear", is_flag=True, help="Forget what is chosen.")
@click.option("--yes", is_flag=True, help="Do not ask before clearing.")
@shared.json_option
def refused(
    limit: int | None,
    records: bool,
    text: bool,
    clear: bool,
    yes: bool,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Show the call records that could not be read, and why.

    They are kept for COLLECTOR_REFUSED_DAYS, so that they can be mended and imported again:

    \b
        collector calls refused --project-id 162 --records > mended.jsonl
        (mend mended.jsonl by hand or by a program; one record stands on each line)
        collector calls import mended.jsonl --project-id 162

    Records of a preset are imported with the same `--preset`. A call that is new or changed by
    what could be read of it vanishes from here by its id; the rest stays until it is cleared, by
    the same options that chose it and `--clear`. Lines of text that were no record at all, as of a
    broken CSV file, are left out by `--records` and printed by `--text`.

    The records are printed as they came and hold whatever the platform knows of the caller. They
    are stored encrypted, and not at all where COLLECTOR_SECRET_KEY is not set. WHEN is a day such
    as 2026-03-01 (in UTC), a moment with its offset such as 2026-03-01T14:05Z, or a duration ago
    such as 2d.
    """
    wanted = Chosen(**chosen)
    _check(wanted, limit, records=records, text=text, clear=clear, as_json=as_json, yes=yes)
    settings = shared.load_settings()
    with shared.open_database(settings) as database:
        if wanted.project_id is not None:
            with database.read() as connection:
                installations.get(connection, wanted.project_id)
        if records or text:
            _print_records(database, settings, wanted, limit, text=text)
        elif clear:
            _clear(database, wanted, yes=yes, as_json=as_json)
        else:
            _list(database, wanted, limit or LISTED, as_json=as_json)


def _check(
    wanted: Chosen,
    limit: int | None,
    *,
    records: bool,
    text: bool,
    clear: bool,
    as_json: bool,
    yes: bool,
) -> None:
    if records + text + clear > 1:
        raise UsageError("--records, --text and --clear are three things; ask for one of them.")
    if (records or text) and wanted.project_id is None:
        raise UsageError(
            "--project-id is missing: the records of one project are printed, since they are "
            "imported again for one."
        )
    if (records or text) and as_json:
        raise UsageError("--records are JSON already, one on each line; leave out --json.")
    if clear and limit is not None:
        raise UsageError("--clear forgets all that is chosen; leave out --limit.")
    if clear and as_json and not yes:
        raise UsageError("--clear asks first, which a program cannot answer: add --yes.")


def _list(database: Database, wanted: Chosen, limit: int, *, as_json: bool) -> None:
    with database.read() as connection:
        counts = kept.counts(connection, wanted)
        newest = kept.newest(connection, wanted, limit)
    if as_json:
        shared.echo_json(
            {"codes": [asdict(one) for one in counts], "newest": [asdict(one) for one in newest]}
        )
        return
    if not counts:
        click.echo("No refused record is kept here.")
        return
    print_table(
        ("PROJECT", "CODE", "RECORDS", "TIMES", "LAST REFUSED"),
        [
            (one.project_id, one.code, one.records, one.times, moment(one.refused_at))
            for one in counts
        ],
    )
    click.echo()
    print_table(
        ("PROJECT", "REFUSED", "SOURCE", "FROM", "CALL", "TIMES", "REASON"),
        [_row(one) for one in newest],
    )
    for sentence in _remarks(counts, len(newest)):
        click.echo(sentence, err=True)


def _row(one: Refused) -> tuple[object, ...]:
    place = f"{one.origin}:{one.number}"
    return (
        one.project_id, moment(one.refused_at), one.source, place, one.call_id, one.times,
        f"{one.code}: {one.message}",
    )  # fmt: skip


def _remarks(counts: list[CodeCount], listed: int) -> list[str]:
    """What the tables alone would leave in the dark."""
    told = []
    total = sum(one.records for one in counts)
    if total > listed:
        told.append(f"Of {total} the newest {listed} are listed; more with: --limit {total}")
    if bare := sum(one.without_record for one in counts):
        told.append(f"Of {bare} only the reason is kept: {_NOT_KEPT}.")
    of_project: Counter[int] = Counter()
    for one in counts:
        of_project[one.project_id] += one.records
    told += [
        f"Of project {project_id} only the newest {MAX_KEPT} are kept."
        for project_id, number in of_project.items()
        if number >= MAX_KEPT
    ]
    return told


_NOT_KEPT = (
    "COLLECTOR_SECRET_KEY was not set when they came, or they were empty or had more than "
    f"{MAX_RECORD:,} characters"
)


def _print_records(
    database: Database, settings: Settings, wanted: Chosen, limit: int | None, *, text: bool
) -> None:
    """Records, or lines of text, on standard output; what is left out is told beside it."""
    secrets = SecretBox(settings.require_secret_key())
    sources: Counter[str] = Counter()
    left = unopened = 0
    for one in kept.opened(database, wanted, secrets, limit):
        if one.text is None:
            unopened += 1
        elif _is_record(one.text) is text:
            left += 1
        else:
            sources[one.source] += 1
            # What is to be mended stays as it came, unless it is only looked at.
            click.echo(printable(one.text) if sys.stdout.isatty() else one.text)
    for sentence in _beside(wanted, sources, left, unopened, text=text):
        click.echo(sentence, err=True)


def _beside(
    wanted: Chosen, sources: Counter[str], left: int, unopened: int, *, text: bool
) -> list[str]:
    told = []
    if not sources:
        told.append(f"No {'line of text' if text else 'record'} to print.")
    if len(sources) > 1:
        told.append(
            f"They were read by {', '.join(sorted(sources))}: print those of each with --source, "
            "and import them with its --preset."
        )
    elif sources and not text:
        (source,) = sources
        preset = "" if source == OWN else f" --preset {source}"
        told.append(
            "When they are mended: collector calls import FILE.jsonl --project-id "
            f"{wanted.project_id}{preset}"
        )
    if left:
        told.append(
            f"{left} of them are records; print those with --records."
            if text
            else f"{left} are lines of text and no records; print those with --text."
        )
    if unopened:
        told.append(
            f"{unopened} cannot be printed: {_NOT_KEPT}, or the key they were encrypted with is "
            "not in COLLECTOR_SECRET_KEY."
        )
    return told


def _is_record(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _clear(database: Database, wanted: Chosen, *, yes: bool, as_json: bool) -> None:
    # What is refused from now on was not meant.
    wanted = replace(wanted, until=datetime.now(UTC))
    with database.read() as connection:
        number = kept.count(connection, wanted)
    if number and not yes:
        click.confirm(f"Forget {number} refused record(s)?", abort=True)
    with database.write() as connection:
        number = kept.clear(connection, wanted)
    if as_json:
        shared.echo_json({"cleared": number})
    else:
        click.echo(f"{number} refused record(s) are forgotten.")
