"""Keeps the call records that could not be read, so that they can be mended and handed in again.

They are bounded in number and in time, and the records themselves are encrypted: unlike calls,
they hold whatever the platform knows. Reading, resealing and clearing them is in
:mod:`collector.storage.refused`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from collector.domain.call import digest
from collector.domain.masking import without_numbers
from collector.domain.reading import Refusal
from collector.storage.database import insert_for
from collector.storage.installations import queue_up
from collector.storage.secrets import SecretBox
from collector.storage.tables import MAX_ORIGIN_OF_RECORD, RefusedRecordRow

#: So many are kept for a project; beyond that the oldest go.
MAX_KEPT = 10_000

#: So long one is kept after it was last refused, if the settings say nothing else.
KEPT_FOR = timedelta(days=30)

#: A longer record, in characters, is not kept: a part of it could not be mended.
MAX_RECORD = 20_000

#: So many ids stand in one statement; databases limit them.
_IDS = 500


def keep(
    connection: sa.Connection,
    project_id: int,
    refusals: Sequence[Refusal],
    *,
    source: str,
    origin: str,
    now: datetime,
    secrets: SecretBox | None,
    kept_for: timedelta | None = None,
) -> None:
    """Keep what was refused; the same record again is counted, not doubled.

    Without ``secrets`` the records themselves are not kept, only what was wrong with them.

    Args:
        kept_for: what was last refused longer ago goes; None leaves that to the job.
    """
    origin = _fitting(origin)
    rows: dict[str, dict[str, Any]] = {}
    for refusal in refusals:
        row = _row(project_id, refusal, source, origin, now, secrets)
        before = rows.get(row["refusal_id"])
        rows[row["refusal_id"]] = {**row, "times": before["times"] + 1 if before else 1}
    if not rows:
        return
    # Two that keep, count and drop the same rows in different orders would stop each other.
    queue_up(connection, project_id)
    insert = insert_for(connection, RefusedRecordRow)
    newest = {
        name: insert.excluded[name]
        for name in (
            "source", "origin", "number", "call_id", "code", "message", "record", "refused_at",
        )
    }  # fmt: skip
    connection.execute(
        insert.on_conflict_do_update(
            index_elements=["project_id", "refusal_id"],
            set_={**newest, "times": RefusedRecordRow.times + insert.excluded["times"]},
        ),
        list(rows.values()),
    )
    if kept_for is not None:
        drop_old(connection, project_id, now - kept_for)
    _drop_too_many(connection, project_id)


def drop_old(connection: sa.Connection, project_id: int, before: datetime) -> None:
    """Forget what was last refused before ``before``; the project's lease or queue is held."""
    connection.execute(
        sa.delete(RefusedRecordRow).where(
            RefusedRecordRow.project_id == project_id, RefusedRecordRow.refused_at < before
        )
    )


def forget(connection: sa.Connection, project_id: int, call_ids: Collection[str]) -> None:
    """These calls could be read since: what was refused of them is mended."""
    if not call_ids:
        return
    of_project = RefusedRecordRow.project_id == project_id
    named = sa.exists().where(of_project, RefusedRecordRow.call_id.is_not(None))
    if not connection.execute(sa.select(named)).scalar_one():
        return  # most imports: one look at an index instead of one for each call
    ids = sorted(call_ids)
    for start in range(0, len(ids), _IDS):
        chunk = ids[start : start + _IDS]
        connection.execute(
            sa.delete(RefusedRecordRow).where(of_project, RefusedRecordRow.call_id.in_(chunk))
        )


def _fitting(origin: str) -> str:
    """An origin as the column takes it: of a long path its end, and a name in bytes escaped."""
    return origin.encode(errors="backslashreplace").decode()[-MAX_ORIGIN_OF_RECORD:]


def _drop_too_many(connection: sa.Connection, project_id: int) -> None:
    of_project = RefusedRecordRow.project_id == project_id
    too_many = (
        sa.select(RefusedRecordRow.refusal_id)
        .where(of_project)
        .order_by(RefusedRecordRow.refused_at.desc(), RefusedRecordRow.refusal_id)
        .offset(MAX_KEPT)
    )
    connection.execute(
        sa.delete(RefusedRecordRow).where(of_project, RefusedRecordRow.refusal_id.in_(too_many))
    )


def _row(
    project_id: int,
    refusal: Refusal,
    source: str,
    origin: str,
    now: datetime,
    secrets: SecretBox | None,
) -> dict[str, Any]:
    whole = 0 < len(refusal.record) <= MAX_RECORD
    return {
        "project_id": project_id,
        "refusal_id": _identity(project_id, refusal, source, origin, secrets),
        "source": source,
        "origin": origin,
        "number": refusal.number,
        "call_id": _shown_id(refusal.call_id),
        "code": refusal.code,
        "message": without_numbers(refusal.message),
        "record": secrets.seal(refusal.record) if secrets and whole else None,
        "first_at": now,
        "refused_at": now,
    }


def _shown_id(call_id: str | None) -> str | None:
    """An id, unless it is written as no id is but a number, because the columns have slipped."""
    if (
        call_id is None
        or re.fullmatch(r"[^\s+()]*", call_id)
        or without_numbers(call_id) == call_id
    ):
        return call_id
    return None


def _identity(
    project_id: int, refusal: Refusal, source: str, origin: str, secrets: SecretBox | None
) -> str:
    """What makes a refusal the same again: its record, or without a key the place it stood at.

    A hash of the record that needs no key could be guessed back to what is hidden.
    """
    if secrets is None or not refusal.record:
        return digest([source, origin, refusal.number, refusal.call_id, refusal.code])
    return secrets.fingerprint(f"{project_id} {refusal.record}")
