"""What several commands need: the settings, an open database, and the definition."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, TypeVar

import click

from collector import config, logs
from collector.config import Settings
from collector.domain.definition import Definition
from collector.domain.identifiers import MAX_PROJECT_ID, is_region
from collector.domain.printable import as_json, printable
from collector.domain.times import parse_duration, parse_time
from collector.sources import definition
from collector.storage import replicas, revisions
from collector.storage.database import Database

F = TypeVar("F", bound=Callable[..., Any])

PROJECT_ID = click.IntRange(1, MAX_PROJECT_ID)


class ShortText(click.ParamType[str]):
    """One line of text, not blank, of at most as many characters as its column holds."""

    name = "text"

    def __init__(self, most: int = 200) -> None:
        self._most = most

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not value.strip() or len(value) > self._most or not value.isprintable():
            self.fail(f"must be one line of 1 to {self._most} characters", param, ctx)
        return value


class Region(click.ParamType[str]):
    """A two-letter country code."""

    name = "country"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not is_region(value.upper()):
            self.fail(f"{value!r} is not a two-letter country such as FR", param, ctx)
        return value.upper()


class Moment(click.ParamType[datetime]):
    """A day, a moment, or a duration ago. A day is meant whole: it begins, or ends, the span."""

    name = "moment"

    def __init__(self, *, end: bool) -> None:
        self._end = end

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        try:
            return self._read(value.strip())
        except (ValueError, OverflowError):
            self.fail(
                f"{value[:40]!r} is no day such as 2026-03-01, no moment with its offset such as "
                "2026-03-01T14:05Z, and no duration such as 2d for two days ago",
                param,
                ctx,
            )

    def _read(self, text: str) -> datetime:
        if text[-1:] in {"s", "m", "h", "d"}:
            return datetime.now(UTC) - parse_duration(text)
        if len(text) <= len("2026-03-01"):
            day = datetime.combine(date.fromisoformat(text), time.min, UTC)
            return day + timedelta(days=1) if self._end else day
        if datetime.fromisoformat(text).tzinfo is None:
            raise ValueError  # nobody knows by whose clock it was read
        return parse_time(text, UTC)


class Duration(click.ParamType[float]):
    """A duration such as 5m, in seconds."""

    name = "duration"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        try:
            seconds = parse_duration(value).total_seconds()
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if seconds <= 0:
            self.fail("it must be longer than nothing", param, ctx)
        return seconds


project_id_argument = click.argument("project_id", type=PROJECT_ID)
project_id_option = click.option(
    "--project-id",
    type=PROJECT_ID,
    required=True,
    help="Contentsquare's id of the customer's project.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for machines.")


def load_settings() -> Settings:
    """The settings, with logging set up by them.

    Raises:
        SettingError
    """
    settings = config.load()
    logs.configure(settings)
    return settings


@contextmanager
def open_database(
    settings: Settings, *, threads: int = 1, writes_much: bool = False
) -> Iterator[Database]:
    """The database, once it is known to be migrated, for so many threads at once.

    Raises:
        DatabaseUnavailableError, NotMigratedError
    """
    with Database(
        settings.database_url,
        pool_size=max(threads, 5),
        writes_much=writes_much,
        many_threads=threads > 1,
    ) as database:
        revisions.require_usable(database)
        yield database


@contextmanager
def open_report_database(settings: Settings) -> Iterator[Database]:
    """The database from which reports are read: the replica, if one is set, and nothing else then.

    Raises:
        DatabaseUnavailableError, NotMigratedError
    """
    if not settings.report_database_url:
        with open_database(settings) as database:
            yield database
        return
    with replicas.opened(settings.report_database_url) as database:
        revisions.require_usable(database)
        yield database


def load_definition(settings: Settings) -> Definition:
    """The integration definition that the settings name.

    Raises:
        DefinitionError
    """
    return definition.read(Path(settings.integration))


def echo_json(document: Any) -> None:
    """One document on one line, with times as ISO 8601."""
    told = json.dumps(document, default=lambda value: value.isoformat(), ensure_ascii=False)
    click.echo(as_json(told))


def echo_warning(text: str) -> None:
    """One line on standard error, marked as what it is."""
    click.echo(f"{click.style('Warning:', fg='yellow', bold=True)} {printable(text)}", err=True)
