"""Calls, sessions and moments in few words, for the tests of rules and of storage."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from collector.domain.beacon import Beacon
from collector.domain.call import Call
from collector.domain.identifiers import parse_session_key

#: Noon in UTC, on a day without any change of clocks.
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)


def a_call(call_id: str = "call-1", **changes: Any) -> Call:
    """A call that started at noon, lasted 75 seconds and says nothing else."""
    standard: dict[str, Any] = {
        "started_at": NOON,
        "ended_at": NOON + timedelta(seconds=75),
        "updated_at": None,
        "keys": {},
        "attributes": {},
    }
    return Call(call_id=call_id, **(standard | changes))


def a_beacon(session_key: str, *, project_id: int = 162, **keys: str) -> Beacon:
    """A beacon of this session with these match keys."""
    return Beacon(project_id=project_id, session=parse_session_key(session_key), keys=keys)
