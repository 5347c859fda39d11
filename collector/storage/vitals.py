"""What can be said of the database itself, for whoever asks whether it is well."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from collector.storage.database import Database
from collector.storage.runs import INTERRUPTED
from collector.storage.tables import InstallationRow, RunRow, WebhookRow

#: How often the way there and back is measured; the shortest counts.
_TIMES = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Vitals:
    """The database as it answers. ``clock_ahead`` is None where it is this machine's own clock.

    ``journal`` is only SQLite's; ``is_read_only`` that of a PostgreSQL which follows another one.
    """

    product: str
    round_trip: float
    journal: str | None
    is_read_only: bool
    clock_ahead: timedelta | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Sealed:
    """A stored secret, encrypted, and what its owner is called in a sentence."""

    project_id: int
    name: str
    secret: str


def read(database: Database, clock: Callable[[], datetime]) -> Vitals:
    """Ask the database how it is.

    Raises:
        DatabaseUnavailableError: it does not answer.
    """
    with database.read() as connection:
        round_trip = min(_round_trip(connection) for _ in range(_TIMES))
        if database.is_sqlite:
            return Vitals(
                product=f"SQLite {connection.scalar(sa.text('SELECT sqlite_version()'))}",
                round_trip=round_trip,
                journal=connection.scalar(sa.text("PRAGMA journal_mode")),
                is_read_only=False,
                clock_ahead=None,
            )
        version = connection.execute(sa.text("SHOW server_version")).scalar_one()
        read_only = connection.execute(sa.text("SHOW transaction_read_only")).scalar_one()
        theirs: datetime = connection.execute(sa.text("SELECT clock_timestamp()")).scalar_one()
        return Vitals(
            product=f"PostgreSQL {str(version).split()[0]}",
            round_trip=round_trip,
            journal=None,
            is_read_only=read_only == "on",
            clock_ahead=theirs - clock(),
        )


def file_of(database: Database) -> Path | None:
    """The file of SQLite."""
    return Path(str(database.engine.url.database)).absolute() if database.is_sqlite else None


def secrets(connection: sa.Connection) -> Sequence[Sealed]:
    """Every secret that is stored, by project."""
    installed = sa.select(InstallationRow.project_id, InstallationRow.client_secret)
    hooks = sa.select(WebhookRow.project_id, WebhookRow.preset, WebhookRow.secret)
    earlier = sa.select(WebhookRow.project_id, WebhookRow.preset, WebhookRow.earlier_secret).where(
        WebhookRow.earlier_secret.is_not(None)
    )
    found = [
        Sealed(project_id=project_id, name="its client secret", secret=secret)
        for project_id, secret in connection.execute(installed)
    ]
    found += [
        Sealed(project_id=project_id, name=f"the secret of {preset}", secret=secret)
        for project_id, preset, secret in connection.execute(hooks.union_all(earlier))
    ]
    signing = sa.select(InstallationRow.project_id, InstallationRow.signing_secrets)
    found += [
        Sealed(project_id=project_id, name="a secret for signatures", secret=secret)
        for project_id, held in connection.execute(signing)
        for secret in held
    ]
    return sorted(found, key=lambda each: (each.project_id, each.name))


def count_interrupted(connection: sa.Connection, since: datetime) -> int:
    """How many runs that began since then have ended without a word."""
    return connection.execute(
        sa.select(sa.func.count()).where(RunRow.started_at >= since, RunRow.outcome == INTERRUPTED)
    ).scalar_one()


def _round_trip(connection: sa.Connection) -> float:
    begun = time.perf_counter()
    connection.execute(sa.text("SELECT 1")).scalar_one()
    return time.perf_counter() - begun
