"""Takes in what was read of call records: good ones are stored, bad ones kept with their reason."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from collector.domain.reading import Readings
from collector.errors import NotFoundError
from collector.storage import calls, installations, refusals
from collector.storage.calls import Stored
from collector.storage.preparing import Prepared, prepare
from collector.storage.secrets import SecretBox


def take_in(
    connection: sa.Connection,
    project_id: int,
    read: Readings | Prepared,
    *,
    source: str,
    origin: str,
    now: datetime,
    secrets: SecretBox | None,
    kept_for: timedelta | None = None,
) -> list[Stored]:
    """Store the calls, in order, and keep the refusals, all in the caller's transaction.

    What was refused of a call that is new or changed hereby is mended, and forgotten. The same
    content again mends nothing: what was refused may be the newer.

    Args:
        read: what was read, if it was not made ready already.
        source: the preset that read them.
        origin: where they came from, for people: a file, an address.
        secrets: encrypts refused records; None keeps their reasons alone.
        kept_for: so long refused records are kept; None leaves that to the job.

    Raises:
        NotFoundError: the installation was removed meanwhile, and all that it held.
    """
    if not installations.queue_up(connection, project_id):
        raise NotFoundError(
            f"Project {project_id} has no installation any more, so that nothing was stored. "
            "Known ones: collector installation list"
        )
    ready = read if isinstance(read, Prepared) else prepare(read, connection.dialect.name)
    outcomes: list[Stored] = []
    if call_ids := ready.calls.call_ids:
        outcomes = calls.store_prepared(connection, project_id, ready.calls, now)
        told = zip(call_ids, outcomes, strict=True)
        mended = {call_id for call_id, outcome in told if outcome is not Stored.UNCHANGED}
        refusals.forget(connection, project_id, mended)
    if ready.refusals:
        refusals.keep(
            connection,
            project_id,
            ready.refusals,
            source=source,
            origin=origin,
            now=now,
            secrets=secrets,
            kept_for=kept_for,
        )
    return outcomes
