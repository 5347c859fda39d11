"""Keeps the call records that could not be read, so that they can be mended and handed in again.

They are bounded in number and in time, and the records themselves are encrypted: unlike calls,
they hold whatever the platform knows.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from collector.domain.call import digest
from collector.domain.reading import Refusal
from collector.storage.database import insert_for
from collector.storage.secrets import SecretBox
from collector.storage.tables import MAX_ORIGIN_OF_RECORD, RefusedRecordRow

#: So many are kept for a project; beyond that the oldest go.
MAX_KEPT = 10_000

#: So long one is kept after it was last refused.
KEPT_FOR = timedelta(days=30)

#: As much of a record as is kept, in characters.
MAX_RECORD = 20_000


def keep(
    connection: sa.Connection,
    project_id: int,
    refusals: Sequence[Refusal],
    *,
    source: str,
    origin: str,
    now: datetime,
    secrets: SecretBox | None,
) -> None:
    """Keep what was refused; the same refusal again is counted, not doubled.

    Without ``secrets`` the records themselves are not kept, only what was wrong with them.
    """
    rows: dict[str, dict[str, Any]] = {}
    for refusal in refusals:
        row = _row(project_id, refusal, source, origin[:MAX_ORIGIN_OF_RECORD], now, secrets)
        known = rows.setdefault(row["refusal_id"], row)
        known["times"] += known is not row
    if not rows:
        return
    insert = insert_for(connection, RefusedRecordRow)
    newest = {name: insert.excluded[name] for name in ("record", "message", "refused_at")}
    connection.execute(
        insert.on_conflict_do_update(
            index_elements=["project_id", "refusal_id"],
            set_={**newest, "times": RefusedRecordRow.times + insert.excluded["times"]},
        ),
        [rows[refusal_id] for refusal_id in sorted(rows)],
    )


def _row(
    project_id: int,
    refusal: Refusal,
    source: str,
    origin: str,
    now: datetime,
    secrets: SecretBox | None,
) -> dict[str, Any]:
    record = refusal.record[:MAX_RECORD]
    return {
        "project_id": project_id,
        # Not of the record: a hash of what is hidden could be guessed back.
        "refusal_id": digest([source, origin, refusal.number, refusal.call_id, refusal.code]),
        "source": source,
        "origin": origin,
        "number": refusal.number,
        "call_id": refusal.call_id,
        "code": refusal.code,
        "message": refusal.message,
        "record": secrets.seal(record) if secrets else None,
        "times": 1,
        "first_at": now,
        "refused_at": now,
    }


def forget(connection: sa.Connection, project_id: int, call_ids: Collection[str]) -> None:
    """These calls could be read since: what was refused of them is mended."""
    connection.execute(
        sa.delete(RefusedRecordRow).where(
            RefusedRecordRow.project_id == project_id,
            RefusedRecordRow.call_id.in_(sorted(call_ids)),
        )
    )
