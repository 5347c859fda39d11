"""Stores call records: what is new, what has changed, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from collector.domain.call import Call
from collector.domain.verdicts import Reason, Verdict
from collector.storage.database import insert_for
from collector.storage.installations import queue_up
from collector.storage.tables import CallKeyRow, CallRow


class Stored(StrEnum):
    """What storing one record did."""

    NEW = "new"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


def store(
    connection: sa.Connection, project_id: int, calls: Sequence[Call], now: datetime
) -> list[Stored]:
    """Insert or update calls, in order; the same content again changes nothing.

    A record that says it was updated earlier than what is stored changes nothing either.
    """
    queue_up(connection, project_id)
    known = _known(connection, project_id, [call.call_id for call in calls])
    outcomes = []
    changed: dict[str, Call] = {}
    confirmed: dict[str, datetime | None] = {}  # the same content, said again later
    for call in calls:
        outcome = _compare(call, known.get(call.call_id))
        outcomes.append(outcome)
        if outcome is not Stored.UNCHANGED:
            known[call.call_id] = (call.content_hash(), call.updated_at)
            changed[call.call_id] = call
        elif _confirms(call, known[call.call_id]):
            known[call.call_id] = (call.content_hash(), call.updated_at)
            confirmed[call.call_id] = call.updated_at
    _look_again(connection, project_id, [call.call_id for call in calls])
    if changed:
        # Sorted, so that two imports of the same calls never wait for each other crosswise.
        _upsert(connection, project_id, [changed[call_id] for call_id in sorted(changed)], now)
    if confirmed:
        connection.execute(
            sa.update(CallRow)
            .where(CallRow.project_id == project_id, CallRow.call_id == sa.bindparam("the_call"))
            .values(updated_at=sa.bindparam("said_at")),
            [{"the_call": name, "said_at": said_at} for name, said_at in sorted(confirmed.items())],
        )
    return outcomes


def _confirms(call: Call, known: tuple[str, datetime | None]) -> bool:
    """Whether it says the same at a later time, so that what lies between has come too late."""
    content_hash, updated_at = known
    return (
        content_hash == call.content_hash()
        and call.updated_at is not None
        and (updated_at is None or updated_at < call.updated_at)
    )


def _look_again(connection: sa.Connection, project_id: int, call_ids: Sequence[str]) -> None:
    """A record sent again may have become buildable: the definition may have been mended."""
    connection.execute(
        sa.update(CallRow)
        .where(
            CallRow.project_id == project_id,
            CallRow.call_id.in_(call_ids),
            CallRow.verdict.in_((Verdict.INVALID, Verdict.REJECTED)),
        )
        .values(examine=True)
    )


def _known(
    connection: sa.Connection, project_id: int, call_ids: Sequence[str]
) -> dict[str, tuple[str, datetime | None]]:
    rows = connection.execute(
        sa.select(CallRow.call_id, CallRow.content_hash, CallRow.updated_at).where(
            CallRow.project_id == project_id, CallRow.call_id.in_(call_ids)
        )
    )
    return {row.call_id: (row.content_hash, row.updated_at) for row in rows}


def _compare(call: Call, known: tuple[str, datetime | None] | None) -> Stored:
    if known is None:
        return Stored.NEW
    content_hash, updated_at = known
    if content_hash == call.content_hash():
        return Stored.UNCHANGED
    if updated_at is not None and call.updated_at is not None and call.updated_at < updated_at:
        return Stored.UNCHANGED
    return Stored.UPDATED


def _upsert(
    connection: sa.Connection, project_id: int, calls: Sequence[Call], now: datetime
) -> None:
    insert = insert_for(connection, CallRow)
    content = {
        name: insert.excluded[name]
        for name in (
            "started_at",
            "ended_at",
            "updated_at",
            "attributes",
            "content_hash",
            "source",
            "answered",
            "value",
            "caller",
            "caller_key",
        )
    }
    connection.execute(
        insert.on_conflict_do_update(
            index_elements=["project_id", "call_id"],
            # The verdict stays until the job has looked: it is still true of what was sent.
            set_={**content, "changed_at": now, "examine": True},
        ),
        [_new_row(project_id, call, now) for call in calls],
    )
    connection.execute(
        sa.delete(CallKeyRow).where(
            CallKeyRow.project_id == project_id,
            CallKeyRow.call_id.in_([call.call_id for call in calls]),
        )
    )
    keys = [
        {"project_id": project_id, "call_id": call.call_id, "kind": kind, "value": value}
        for call in calls
        for kind, value in call.keys.items()
    ]
    if keys:
        connection.execute(sa.insert(CallKeyRow), keys)


def _new_row(project_id: int, call: Call, now: datetime) -> dict[str, Any]:
    return {
        "project_id": project_id,
        "call_id": call.call_id,
        "started_at": call.started_at,
        "ended_at": call.ended_at,
        "updated_at": call.updated_at,
        "attributes": dict(call.attributes),
        "content_hash": call.content_hash(),
        "source": call.source,
        "answered": call.answered,
        "value": call.value,
        "caller": call.caller,
        "caller_key": call.caller_key,
        "received_at": now,
        "changed_at": now,
        "verdict": Verdict.WAITING,
        "reason": Reason.NEW,
        "detail": "imported; the next run of the job looks at it",
        "decided_at": now,
        "examine": True,
    }
