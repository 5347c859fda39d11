"""A past made up by chance: sessions, calls with every verdict, and what hangs on them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from collector.domain.retention import Retention
from collector.storage.database import Database
from collector.storage.tables import (
    BatchRow,
    BeaconCountRow,
    CallKeyRow,
    CallRow,
    EnrichmentRow,
    RunRow,
    SessionRow,
    SightingRow,
)
from tests.world import PROJECT

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)

RETENTION = Retention(
    sessions=30 * DAY, calls=60 * DAY, refused=30 * DAY, runs=20 * DAY, counts=400 * DAY
)

#: The verdicts that a call without a session can have, and those that one with a session can.
WITHOUT = ("waiting", "unmatched", "ambiguous")
WITH_SESSION = ("invalid", "over_limit", "pending", "rejected", "expired", "accepted")

#: What the views of days say, which removing changes nothing of.
DAILY = (
    "SELECT * FROM report_funnel_daily ORDER BY project_id, day",
    "SELECT * FROM report_verdicts_daily ORDER BY day, source, verdict, reason, coalesce(rule, '')",
    "SELECT * FROM report_beacons_daily ORDER BY project_id, day, outcome, origin",
)


def daily(database: Database) -> list[Any]:
    """All numbers of all days."""
    with database.read() as connection:
        return [connection.execute(sa.text(query)).all() for query in DAILY]


def count(database: Database, table: str) -> int:
    with database.read() as connection:
        return int(connection.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar_one())


def a_session(
    key: str, seen: datetime, last: datetime | None = None, project: int = PROJECT
) -> Any:
    user_id, number = key.split(".")
    return {
        "project_id": project, "user_id": user_id, "session_number": int(number),
        "first_seen": seen, "last_seen": last or seen, "beacons": 1,
    }  # fmt: skip


def a_call(
    call_id: str, started: datetime, verdict: str, key: str | None = None, **more: Any
) -> dict[str, Any]:
    user_id, number = key.split(".") if key else (None, None)
    return {
        "project_id": PROJECT, "call_id": call_id, "started_at": started, "attributes": {},
        "content_hash": "", "received_at": started, "changed_at": started, "verdict": verdict,
        "reason": "delivered", "detail": "", "decided_at": started, "examine": False,
        "user_id": user_id, "session_number": number and int(number),
        "rule": "visitor_id" if key else None, "source": "own", "value": None, **more,
    }  # fmt: skip


def an_enrichment(call: dict[str, Any], state: str = "accepted") -> dict[str, Any]:
    at = call["started_at"]
    return {
        "project_id": PROJECT, "user_id": call["user_id"],
        "session_number": call["session_number"], "enrichment_number": 1,
        "call_id": call["call_id"], "payload": {}, "payload_hash": "", "integration_version": 1,
        "revision": 1, "accepted_revision": 1, "state": state, "deadline": at + 7 * DAY,
        "attempts": 1, "created_at": at, "changed_at": at,
    }  # fmt: skip


def store(database: Database, row: type[Any], rows: Sequence[Any]) -> None:
    if rows:
        with database.write() as connection:
            connection.execute(sa.insert(row), rows)


def fill(database: Database, seed: int, sessions: int = 120, days: int = 90) -> None:
    """So many sessions of so many days until now, every third with a call, and calls without."""
    chance = random.Random(seed)  # noqa: S311 - made up, and the same each time
    seen = [NOW - chance.random() * days * DAY for _ in range(sessions)]
    visits = [
        a_session(f"u{n}.1", at, at + chance.choice((0, 0, 0.2, 2)) * chance.random() * DAY)
        for n, at in enumerate(seen)
    ]
    calls = [
        a_call(
            f"c{n}",
            at + timedelta(minutes=5),
            chance.choice(WITH_SESSION if n % 3 == 0 else WITHOUT),
            f"u{n}.1" if n % 3 == 0 else None,
            source=chance.choice(("own", "twilio")),
            value=chance.choice((None, 0.5, 12.25)),
            reason=chance.choice(("delivered", "no_session")),
            examine=chance.random() < 0.05,
        )
        for n, at in enumerate(seen)
        if n % 3 < 2
    ]
    store(database, SessionRow, visits)
    store(
        database,
        SightingRow,
        [
            {
                **{name: value for name, value in visit.items() if name != "beacons"},
                "kind": "visitor_id",
                "value": f"v{n}",
            }
            for n, visit in enumerate(visits)
        ],
    )
    store(database, CallRow, calls)
    store(
        database,
        CallKeyRow,
        [
            {"project_id": PROJECT, "call_id": call["call_id"], "kind": "visitor_id", "value": "v"}
            for call in calls
        ],
    )
    states = {"pending", "accepted", "rejected", "expired", "invalid"}
    store(
        database,
        EnrichmentRow,
        [
            an_enrichment(call, call["verdict"])
            for call in calls
            if call["user_id"] and call["verdict"] in states
        ],
    )
    _of_each_day(database, days)


def _of_each_day(database: Database, days: int) -> None:
    moments = [NOW - n * DAY for n in range(days)]
    store(
        database,
        BeaconCountRow,
        [
            {"project_id": PROJECT, "day": at.date(), "outcome": "accepted", "origin": "",
             "beacons": 3, "last_at": at, "detail": ""}
            for at in moments
        ],
    )  # fmt: skip
    store(
        database,
        BatchRow,
        [
            {"project_id": PROJECT, "batch_id": f"b{n}", "run_id": f"r{n}", "sent_at": at,
             "integration_version": 1, "size": 1, "outcome": "accepted", "status": 200,
             "message": "", "milliseconds": 1}
            for n, at in enumerate(moments)
        ],
    )  # fmt: skip
    store(
        database,
        RunRow,
        [
            {"run_id": f"r{n}", "job": "reconcile", "started_at": at, "finished_at": at,
             "outcome": "done", "counts": {}}
            for n, at in enumerate(moments)
        ],
    )  # fmt: skip
