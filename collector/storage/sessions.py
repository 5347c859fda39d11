"""Stores what the beacons tell. It is the write path that visitors wait for, so it stays short."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from collector.domain.beacon import Beacon
from collector.domain.identifiers import SessionId
from collector.storage.database import Database, insert_for
from collector.storage.tables import SessionRow, SightingRow


def record(database: Database, beacon: Beacon, now: datetime) -> None:
    """Note that the session and its keys were seen at ``now``. On return it is on disk.

    Raises:
        DatabaseUnavailableError: nothing was stored.
    """
    identity = {
        "project_id": beacon.project_id,
        "user_id": beacon.session.user_id,
        "session_number": beacon.session.session_number,
    }
    seen = {**identity, "first_seen": now, "last_seen": now}
    with database.write() as connection:
        insert = insert_for(connection, SessionRow).values(**seen, beacons=1)
        connection.execute(
            insert.on_conflict_do_update(
                index_elements=list(identity),
                set_={
                    "last_seen": _later(SessionRow, insert),
                    "beacons": SessionRow.beacons + 1,
                },
            )
        )
        if beacon.keys:
            _record_sightings(connection, beacon, seen)


def _record_sightings(connection: sa.Connection, beacon: Beacon, seen: dict[str, Any]) -> None:
    rows = [{**seen, "kind": kind, "value": value} for kind, value in beacon.keys.items()]
    insert = insert_for(connection, SightingRow).values(rows)
    connection.execute(
        insert.on_conflict_do_update(
            index_elements=["project_id", "kind", "value", "user_id", "session_number"],
            set_={"last_seen": _later(SightingRow, insert)},
        )
    )


def _later(row: type[SessionRow | SightingRow], insert: Any) -> sa.ColumnElement[datetime]:
    """The later of two moments: clocks of several servers may disagree by a little."""
    return sa.case(
        (insert.excluded.last_seen > row.last_seen, insert.excluded.last_seen),
        else_=row.last_seen,
    )


def count(connection: sa.Connection, project_id: int | None = None) -> int:
    """How many sessions are stored, of one project or of all."""
    query = sa.select(sa.func.count()).select_from(SessionRow)
    if project_id is not None:
        query = query.where(SessionRow.project_id == project_id)
    return connection.execute(query).scalar_one()


def last_beacon(connection: sa.Connection, project_id: int) -> datetime | None:
    """When a project's last beacon came; None if none ever did."""
    return connection.execute(
        sa.select(sa.func.max(SessionRow.last_seen, type_=SessionRow.last_seen.type)).where(
            SessionRow.project_id == project_id
        )
    ).scalar_one()


def move_back(
    connection: sa.Connection, project_id: int, ages: Mapping[SessionId, timedelta]
) -> None:
    """Set the times of sessions back by so much, with their sightings.

    Only for the demo, which plays a whole day of visits in a moment.
    """
    for row in (SessionRow, SightingRow):
        for session, age in ages.items():
            where = (
                row.project_id == project_id,
                row.user_id == session.user_id,
                row.session_number == session.session_number,
            )
            seen = connection.execute(
                sa.select(sa.func.min(row.first_seen, type_=row.first_seen.type)).where(*where)
            ).scalar_one()
            if seen is not None:
                moment = seen - age
                connection.execute(
                    sa.update(row).where(*where).values(first_seen=moment, last_seen=moment)
                )
