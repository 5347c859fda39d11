"""Stores call records: what is new, what has changed, and nothing else."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

import sqlalchemy as sa

from collector.domain.call import Call
from collector.domain.verdicts import Reason, Verdict
from collector.storage import bulk
from collector.storage.installations import queue_up
from collector.storage.preparing import (
    KEY,
    TOLD,
    PreparedCalls,
    as_text,
    as_time,
    prepare_calls,
)
from collector.storage.tables import CallKeyRow, CallRow


class Stored(StrEnum):
    """What storing one record did."""

    NEW = "new"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    FORGOTTEN = "forgotten"  #: of somebody who is to stay out
    TOO_OLD = "too_old"  #: others of its time were removed and counted: it would be counted twice


#: What is told to people only where it has happened.
SELDOM = frozenset({Stored.FORGOTTEN, Stored.TOO_OLD})


def store(
    connection: sa.Connection, project_id: int, calls: Sequence[Call], now: datetime
) -> list[Stored]:
    """Insert or update calls, in order; the same content again changes nothing.

    A record that says it was updated earlier than what is stored changes nothing either.
    """
    prepared = prepare_calls(calls, connection.dialect.name)
    return store_prepared(connection, project_id, prepared, now)


def store_prepared(
    connection: sa.Connection, project_id: int, calls: PreparedCalls, now: datetime
) -> list[Stored]:
    """Store what was made ready before."""
    queue_up(connection, project_id)
    known = _known(connection, project_id, calls.call_ids)
    if not known and len(set(calls.call_ids)) == len(calls.call_ids):  # the usual case of a file
        _upsert(connection, project_id, calls, range(len(calls.call_ids)), (), now)
        return [Stored.NEW] * len(calls.call_ids)
    _look_again(connection, project_id, known)
    stored = frozenset(known)
    outcomes = []
    changed: dict[str, int] = {}  # where each stands
    confirmed: dict[str, str | None] = {}  # the same content, said again later
    told = zip(calls.call_ids, calls.hashes, calls.updated_at, strict=True)
    for place, (call_id, content_hash, updated_at) in enumerate(told):
        before = known.get(call_id)
        outcome = _compare(content_hash, updated_at, before)
        outcomes.append(outcome)
        if outcome is not Stored.UNCHANGED:
            changed[call_id] = place
            confirmed.pop(call_id, None)  # the change is later, and tells its own time
        elif before is not None and _confirms(content_hash, updated_at, before):
            confirmed[call_id] = updated_at
        else:
            continue
        known[call_id] = _Known(content_hash, updated_at)
    updated = [call_id for call_id in changed if call_id in stored]
    _upsert(connection, project_id, calls, changed.values(), updated, now)
    if confirmed:
        _confirm(connection, project_id, confirmed)
    return outcomes


def _confirm(
    connection: sa.Connection, project_id: int, confirmed: Mapping[str, str | None]
) -> None:
    """Write when these were last said to be as they are stored."""
    connection.execute(
        sa.update(CallRow)
        .where(CallRow.project_id == project_id, CallRow.call_id == sa.bindparam("the_call"))
        .values(updated_at=sa.bindparam("said_at")),
        [
            {"the_call": name, "said_at": said_at and as_time(said_at)}
            for name, said_at in sorted(confirmed.items())
        ],
    )


class _Known(NamedTuple):
    """What is compared of a call that is stored already."""

    content_hash: str
    updated_at: str | None  #: as a text that sorts by time
    verdict: str = Verdict.WAITING


def _confirms(content_hash: str, updated_at: str | None, known: _Known) -> bool:
    """Whether it says the same at a later time, so that what lies between has come too late."""
    return (
        known.content_hash == content_hash
        and updated_at is not None
        and (known.updated_at is None or known.updated_at < updated_at)
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
    return {
        call_id: _Known(content_hash, as_text(updated_at) if updated_at else None, verdict)
        for call_id, content_hash, updated_at, verdict in rows
    }


def _among(
    connection: sa.Connection,
    table: type[CallRow | CallKeyRow],
    project_id: int,
    call_ids: Collection[str],
) -> tuple[sa.ColumnElement[bool], ...]:
    named = bulk.one_of(table.call_id, call_ids, connection.dialect.name)
    return table.project_id == project_id, named


def _compare(content_hash: str, updated_at: str | None, known: _Known | None) -> Stored:
    if known is None:
        return Stored.NEW
    if known.content_hash == content_hash:
        return Stored.UNCHANGED
    said = known.updated_at
    if said is not None and updated_at is not None and updated_at < said:
        return Stored.UNCHANGED
    return Stored.UPDATED


#: The verdict stays until the job has looked: it is still true of what was sent.
_UPDATE = "ON CONFLICT (project_id, call_id) DO UPDATE SET " + ", ".join(
    f"{name} = excluded.{name}" for name in (*TOLD, "changed_at", "examine") if name != "call_id"
)


def _upsert(
    connection: sa.Connection,
    project_id: int,
    calls: PreparedCalls,
    places: Iterable[int],
    updated: Collection[str],
    now: datetime,
) -> None:
    """Write what is new or changed; what was stored before is updated, its keys replaced."""
    # Sorted, so that rows lie beside those that are asked for with them.
    order = sorted(places, key=calls.call_ids.__getitem__)
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
        TOLD,
        [calls.rows[place] for place in order],
        conflict=_UPDATE if updated else "",
    )
    if updated:
        connection.execute(
            sa.delete(CallKeyRow).where(*_among(connection, CallKeyRow, project_id, updated))
        )
    bulk.insert(
        connection,
        CallKeyRow.metadata.tables["call_key"],
        {"project_id": project_id},
        KEY,
        [key for place in order for key in calls.keys[place]],
    )
