"""Takes in what was read of call records: good ones are stored, bad ones kept with their reason."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from collector.domain.reading import Readings
from collector.storage import calls, refusals
from collector.storage.calls import Stored
from collector.storage.secrets import SecretBox


def take_in(
    connection: sa.Connection,
    project_id: int,
    readings: Readings,
    *,
    source: str,
    origin: str,
    now: datetime,
    secrets: SecretBox | None,
    kept_for: timedelta | None = None,
) -> list[Stored]:
    """Store the calls, in order, and keep the refusals, all in the caller's transaction.

    Args:
        source: the preset that read them.
        origin: where they came from, for people: a file, an address.
        secrets: encrypts refused records; None keeps their reasons alone.
        kept_for: so long refused records are kept; None leaves that to the job.
    """
    outcomes: list[Stored] = []
    if readings.calls:
        outcomes = calls.store(connection, project_id, readings.calls, now)
        refusals.forget(connection, project_id, {call.call_id for call in readings.calls})
    if readings.refusals:
        refusals.keep(
            connection,
            project_id,
            readings.refusals,
            source=source,
            origin=origin,
            now=now,
            secrets=secrets,
            kept_for=kept_for,
        )
    return outcomes
