"""Makes calls ready to be stored: with their hash, and as rows that the driver takes as they are.

It needs no database and no library, so that a process that only reads can do it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from json.encoder import encode_basestring_ascii as _quoted
from typing import Any

from collector.domain.call import Call
from collector.domain.reading import Readings, Refusal

#: One row: its values on SQLite, a JSON object on PostgreSQL.
Row = tuple[Any, ...] | str

#: What a call has of a record, in the order of the values.
TOLD = (
    "call_id", "started_at", "ended_at", "updated_at", "source", "answered", "value", "caller",
    "caller_key", "attributes", "content_hash",
)  # fmt: skip

_CALLER = TOLD.index("caller")

#: What a match key has.
KEY = ("call_id", "kind", "value")


#: Writes a document as SQLite does, whoever stores it.
encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, kw_only=True, slots=True)
class PreparedCalls:
    """Calls in the order in which they came, part by part. Times are texts that sort by time."""

    call_ids: Sequence[str] = ()
    hashes: Sequence[str] = ()
    started_at: Sequence[str] = ()
    updated_at: Sequence[str | None] = ()
    rows: Sequence[Row] = ()
    keys: Sequence[Sequence[Row]] = ()  #: of each call
    older_callers: Sequence[Sequence[str]] = ()  #: of each call, and stored of none

    def only(self, places: Sequence[int]) -> PreparedCalls:
        """Those that stand at these places."""
        return PreparedCalls(
            **{
                part.name: [getattr(self, part.name)[place] for place in places]
                for part in fields(self)
            }
        )

    def person(self, place: int) -> tuple[str, list[tuple[str, str]], list[str]]:
        """What says whose call one is: its id, its match keys, and the caller's hashes."""
        row, keys = self.rows[place], self.keys[place]
        caller = json.loads(row).get("caller") if isinstance(row, str) else row[_CALLER]
        told = [tuple(json.loads(key).values()) if isinstance(key, str) else key for key in keys]
        callers = [] if caller is None else [caller, *self.older_callers[place]]
        return self.call_ids[place], [(kind, value) for _, kind, value in told], callers


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """What came of several records, ready to be stored."""

    calls: PreparedCalls = PreparedCalls()
    refusals: Sequence[Refusal] = field(default=())
    passed_over: int = 0


def as_text(time: datetime) -> str:
    """A moment as it stands on SQLite, which PostgreSQL, set to UTC, reads alike."""
    return time.astimezone(UTC).isoformat(" ", "microseconds")[:26]


def as_time(text: str) -> datetime:
    """The moment of such a text."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def prepare(readings: Readings, dialect: str) -> Prepared:
    """What was read, as a database of this dialect takes it."""
    return Prepared(
        calls=prepare_calls(readings.calls, dialect),
        refusals=readings.refusals,
        passed_over=readings.passed_over,
    )


def _object(members: Iterable[tuple[str, object]]) -> str:
    """A JSON object, by hand: the encoder takes twice the time for so little."""
    written = [
        f"{_quoted(name)}:{_quoted(value) if type(value) is str else _json(value)}"
        for name, value in members
    ]
    return f"{{{','.join(written)}}}"


def _json(value: object) -> str:
    if value is None:
        return "null"
    return _object(value.items()) if isinstance(value, dict) else encode(value)


def prepare_calls(calls: Sequence[Call], dialect: str) -> PreparedCalls:
    """Calls as a database of this dialect takes them."""
    as_objects = dialect == "postgresql"
    hashes = [call.content_hash() for call in calls]
    started = [as_text(call.started_at) for call in calls]
    updated = [as_text(call.updated_at) if call.updated_at else None for call in calls]
    rows: list[Row] = []
    keys: list[list[Row]] = []
    told = zip(calls, hashes, started, updated, strict=True)
    for call, content_hash, started_at, updated_at in told:
        ended_at = as_text(call.ended_at) if call.ended_at else None
        attributes = dict(call.attributes)
        row = (
            call.call_id, started_at, ended_at, updated_at, call.source,
            call.answered, call.value, call.caller, call.caller_key,
            attributes if as_objects else _object(attributes.items()), content_hash,
        )  # fmt: skip
        of_call = [(call.call_id, *key) for key in call.keys.items()]
        if as_objects:
            parts = zip(TOLD, row, strict=True)
            rows.append(_object(part for part in parts if part[1] is not None))
            keys.append([_object(zip(KEY, key, strict=True)) for key in of_call])
        else:
            rows.append(row)
            keys.append(list(of_call))
    return PreparedCalls(
        call_ids=[call.call_id for call in calls],
        hashes=hashes,
        started_at=started,
        updated_at=updated,
        rows=rows,
        keys=keys,
        older_callers=[call.older_callers for call in calls],
    )
