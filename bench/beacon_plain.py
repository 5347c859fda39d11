"""The endpoint that anyone would write first: an upsert with SQLAlchemy, and a commit per request.

The same tables, indexes and durability as the collector's, and the mistakes that are easily
avoided are: pooled connections, prepared statements, keys sent together and in one order, SQLite
in WAL with its write lock taken at the start. It checks that the fields are there and of their
types, and knows nothing of installations, origins, opting out or the spelling of numbers.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from flask import Flask, request
from sqlalchemy.dialects import postgresql, sqlite

from collector.storage.tables import SessionRow, SightingRow

URL = os.environ["BENCH_DATABASE_URL"]
IS_SQLITE = URL.startswith("sqlite")

app = Flask(__name__)
engine = sa.create_engine(
    sa.make_url(URL).set(drivername="sqlite" if IS_SQLITE else "postgresql+psycopg"),
    pool_size=int(os.environ["BENCH_THREADS"]),
    connect_args={"timeout": 30} if IS_SQLITE else {},
)
_insert: Any = sqlite.insert if IS_SQLITE else postgresql.insert

if IS_SQLITE:

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


_sessions = _insert(SessionRow)
_sessions = _sessions.on_conflict_do_update(
    index_elements=["project_id", "user_id", "session_number"],
    set_={"last_seen": _sessions.excluded.last_seen, "beacons": SessionRow.beacons + 1},
)
_sightings = _insert(SightingRow)
_sightings = _sightings.on_conflict_do_update(
    index_elements=["project_id", "kind", "value", "user_id", "session_number"],
    set_={"last_seen": _sightings.excluded.last_seen},
)


@app.post("/v1/sessions")
def sessions() -> tuple[str, int] | tuple[dict[str, str], int]:
    told = request.get_json(force=True)
    key, project_id, keys = told.get("sessionKey"), told.get("projectId"), told.get("keys", {})
    if not isinstance(key, str) or not isinstance(project_id, int) or not isinstance(keys, dict):
        return {"error": "projectId, sessionKey and keys are needed"}, 400
    user_id, _, number = key.rpartition(".")
    if not user_id or not number.isdigit():
        return {"error": "sessionKey must be userId.sessionNumber"}, 400
    now = datetime.now(UTC)
    identity = {"project_id": project_id, "user_id": user_id, "session_number": int(number)}
    seen = {**identity, "first_seen": now, "last_seen": now}
    rows = [{**seen, "kind": kind, "value": str(keys[kind])} for kind in sorted(keys)]
    with engine.begin() as connection:
        connection.execute(_sessions, {**seen, "beacons": 1})
        if rows:
            connection.execute(_sightings, rows)
    return "", 204
