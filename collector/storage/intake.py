"""Takes in what was read of call records: good ones are stored, bad ones kept with their reason.

Whoever was forgotten stays out of both.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from collector.domain.reading import Readings, Refusal
from collector.domain.retention import Kind
from collector.domain.tombstones import CALL_ID, Forgotten
from collector.errors import NotFoundError
from collector.storage import calls, installations, purged, refusals, tombstones
from collector.storage.calls import Stored
from collector.storage.preparing import Prepared, PreparedCalls, as_text, prepare
from collector.storage.secrets import SecretBox

_MENDING = frozenset({Stored.NEW, Stored.UPDATED})


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
    content again mends nothing: what was refused may be the newer. What is so old that others of
    its time were removed is passed over.

    Args:
        read: what was read, if it was not made ready already.
        source: the preset that read them.
        origin: where they came from, for people: a file, an address.
        secrets: encrypts refused records; None keeps their reasons alone. By the same keys those
            are recognised who were forgotten.
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
    forgotten = tombstones.find(connection, project_id, secrets.callers if secrets else None)
    outcomes: list[Stored] = []
    if call_ids := ready.calls.call_ids:
        outcomes = _store(connection, project_id, ready.calls, forgotten, now)
        told = zip(call_ids, outcomes, strict=True)
        mended = {call_id for call_id, outcome in told if outcome in _MENDING}
        refusals.forget(connection, project_id, mended)
    if to_keep := _to_keep(connection, project_id, ready.refusals, forgotten):
        refusals.keep(
            connection,
            project_id,
            to_keep,
            source=source,
            origin=origin,
            now=now,
            secrets=secrets,
            kept_for=kept_for,
        )
    return outcomes


def _store(
    connection: sa.Connection,
    project_id: int,
    told: PreparedCalls,
    forgotten: Forgotten | None,
    now: datetime,
) -> list[Stored]:
    """Store the calls, but for those of whoever was forgotten, and those that are too old."""
    oldest = as_text(purged.mark(connection, project_id, Kind.CALLS).before)
    outcomes: list[Stored] = []
    staying: list[int] = []
    for place, started in enumerate(told.started_at):
        if forgotten is not None and forgotten.knows_call(*told.person(place)):
            outcomes.append(Stored.FORGOTTEN)
        else:
            outcomes.append(Stored.TOO_OLD)
            if started >= oldest:
                staying.append(place)
    if len(staying) == len(outcomes):
        return calls.store_prepared(connection, project_id, told, now)
    stored = calls.store_prepared(connection, project_id, told.only(staying), now)
    for place, outcome in zip(staying, stored, strict=True):
        outcomes[place] = outcome
    return outcomes


def _to_keep(
    connection: sa.Connection,
    project_id: int,
    refused: Sequence[Refusal],
    forgotten: Forgotten | None,
) -> Sequence[Refusal]:
    """What was refused, without the records that name somebody who was forgotten."""
    if forgotten is None or not refused:
        return refused
    region = installations.get(connection, project_id).region
    return [
        each
        for each in refused
        if not (each.call_id and forgotten.knows(CALL_ID, each.call_id))
        and not forgotten.knows_text(each.record, region)
    ]
