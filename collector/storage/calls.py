"""Stores call records: what is new, what has changed, and nothing else."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

import sqlalchemy as sa

from collector.domain.call import Call
from collector.domain.verdicts import Reason, Verdict
from collector.storage import bulk
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
    _look_again(connection, project_id, known)
    stored = frozenset(known)
    outcomes = []
    changed: dict[str, tuple[Call, str]] = {}
    confirmed: dict[str, datetime | None] = {}  # the same content, said again later
    for call in calls:
        content_hash = call.content_hash()
        before = known.get(call.call_id)
        outcome = _compare(call, content_hash, before)
        outcomes.append(outcome)
        if outcome is not Stored.UNCHANGED:
            changed[call.call_id] = call, content_hash
        elif before is not None and _confirms(call, content_hash, before):
            confirmed[call.call_id] = call.updated_at
        else:
            continue
        known[call.call_id] = _Known(content_hash, call.updated_at)
    _upsert(connection, project_id, changed, stored, now)
    if confirmed:
        connection.execute(
            sa.update(CallRow)
            .where(CallRow.project_id == project_id, CallRow.call_id == sa.bindparam("the_call"))
            .values(updated_at=sa.bindparam("said_at")),
            [{"the_call": name, "said_at": said_at} for name, said_at in sorted(confirmed.items())],
        )
    return outcomes


class _Known(NamedTuple):
    """What is compared of a call that is stored already."""

    content_hash: str
    updated_at: datetime | None
    verdict: str = Verdict.WAITING


def _confirms(call: Call, content_hash: str, known: _Known) -> bool:
    """Whether it says the same at a later time, so that what lies between has come too late."""
    return (
        known.content_hash == content_hash
        and call.updated_at is not None
        and (known.updated_at is None or known.updated_at < call.updated_at)
    )


def _look_again(connection: sa.Connection, project_id: int, known: Mapping[str, _Known]) -> None:
    """A record sent again may have become buildable: the definition may have been mended."""
    mendable = [
        call_id
        for call_id, found in known.items()
        if found.verdict in {Verdict.INVALID, Verdict.REJECTED}
    ]
    if mendable:
        connection.execute(
            sa.update(CallRow).where(*_among(connection, CallRow, project_id, mendable)),
            {"examine": True},
        )


def _known(
    connection: sa.Connection, project_id: int, call_ids: Collection[str]
) -> dict[str, _Known]:
    rows = connection.execute(
        sa.select(CallRow.call_id, CallRow.content_hash, CallRow.updated_at, CallRow.verdict).where(
            *_among(connection, CallRow, project_id, call_ids)
        )
    )
    return {row.call_id: _Known(row.content_hash, row.updated_at, row.verdict) for row in rows}


def _among(
    connection: sa.Connection,
    table: type[CallRow | CallKeyRow],
    project_id: int,
    call_ids: Collection[str],
) -> tuple[sa.ColumnElement[bool], ...]:
    named = bulk.one_of(table.call_id, call_ids, connection.dialect.name)
    return table.project_id == project_id, named


def _compare(call: Call, content_hash: str, known: _Known | None) -> Stored:
    if known is None:
        return Stored.NEW
    if known.content_hash == content_hash:
        return Stored.UNCHANGED
    said = known.updated_at
    if said is not None and call.updated_at is not None and call.updated_at < said:
        return Stored.UNCHANGED
    return Stored.UPDATED


#: What a call has of a record besides its attributes.
_TOLD = (
    "started_at", "ended_at", "updated_at", "source", "answered", "value", "caller", "caller_key",
)  # fmt: skip

#: The verdict stays until the job has looked: it is still true of what was sent.
_UPDATE = "ON CONFLICT (project_id, call_id) DO UPDATE SET " + ", ".join(
    f"{name} = excluded.{name}"
    for name in (*_TOLD, "attributes", "content_hash", "changed_at", "examine")
)


def _upsert(
    connection: sa.Connection,
    project_id: int,
    changed: Mapping[str, tuple[Call, str]],
    stored: Collection[str],
    now: datetime,
) -> None:
    """Write what is new or changed; what was stored before is updated, its keys replaced."""
    # Sorted, so that rows lie beside those that are asked for with them.
    calls = [changed[call_id][0] for call_id in sorted(changed)]
    updated = [call_id for call_id in changed if call_id in stored]
    bulk.insert(
        connection,
        CallRow.metadata.tables["call"],
        {
            "project_id": project_id,
            "received_at": now,
            "changed_at": now,
            "verdict": Verdict.WAITING,
            "reason": Reason.NEW,
            "detail": "imported; the next run of the job looks at it",
            "decided_at": now,
            "examine": True,
        },
        {
            "call_id": [call.call_id for call in calls],
            **{name: [getattr(call, name) for call in calls] for name in _TOLD},
            "attributes": [dict(call.attributes) for call in calls],
            "content_hash": [changed[call.call_id][1] for call in calls],
        },
        conflict=_UPDATE if updated else "",
    )
    if updated:
        connection.execute(
            sa.delete(CallKeyRow).where(*_among(connection, CallKeyRow, project_id, updated))
        )
    keys = [(call.call_id, *key) for call in calls for key in call.keys.items()]
    bulk.insert(
        connection,
        CallKeyRow.metadata.tables["call_key"],
        {"project_id": project_id},
        {
            "call_id": [call_id for call_id, _, _ in keys],
            "kind": [kind for _, kind, _ in keys],
            "value": [value for _, _, value in keys],
        },
    )
