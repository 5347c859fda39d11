"""Stores what the beacons tell. It is the write path that visitors wait for, so it stays short."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from collector.domain.beacon import Beacon
from collector.domain.identifiers import SessionId
from collector.errors import (
    DatabaseUnavailableError,
    KeysNotStoredError,
    NotMigratedError,
    OutdatedError,
    TooManySessionsError,
)
from collector.storage import sightings
from collector.storage.database import Database
from collector.storage.sightings import Seen, Written
from collector.storage.tables import SessionRow, SightingRow

#: So many match keys of a session are told: a page can set any number, one after the other.
MOST_KEYS = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class KeySeen:
    """A match key that was seen in a session. Its value is of a person."""

    kind: str
    value: str
    first_seen: datetime
    last_seen: datetime


def record(database: Database, beacon: Beacon, now: datetime) -> None:
    """Note that the session and its keys were seen at ``now``. On return it is on disk.

    Raises:
        DatabaseUnavailableError, NotMigratedError: nothing was stored.
    """
    sightings.write(database, (Seen(beacon=beacon, now=now),), {})


def record_all(database: Database, seen: Sequence[Seen]) -> list[Exception | None]:
    """Note all of these in one transaction. On return they are on disk.

    Returns:
        For each, None if it was stored, or why it was not. A beacon that cannot be stored costs
        its neighbours nothing: they are stored one by one then.
    """
    try:
        return _record_together(database, seen)
    except (DatabaseUnavailableError, NotMigratedError) as error:
        return [error] * len(seen)
    except Exception as error:  # noqa: BLE001 - whatever a value can do to a driver
        return _record_one_by_one(database, seen) if len(seen) > 1 else [error]


def _record_together(database: Database, seen: Sequence[Seen]) -> list[Exception | None]:
    # One reading of each installation is compared with what is stored. Who was judged by another
    # one, read a moment before or after, is not even tried.
    readings = {each.judged_by.project_id: each.judged_by for each in seen if each.judged_by}
    tried = [
        each
        for each in seen
        if each.judged_by is None or each.judged_by == readings[each.beacon.project_id]
    ]
    written = sightings.write(database, tried, readings)
    stored = {id(each) for each in tried if each.beacon.project_id not in written.outdated}
    return [_left_out(each, written) if id(each) in stored else OutdatedError() for each in seen]


def _left_out(seen: Seen, written: Written) -> Exception | None:
    if not written.surplus and not written.full:
        return None
    beacon = seen.beacon
    session = (beacon.project_id, *beacon.session)
    if session in written.surplus:
        return TooManySessionsError()
    missing = written.full.get(session, ())
    kinds = [key[0] for key in beacon.keys.items() if key in missing]
    return KeysNotStoredError(kinds) if kinds else None


def _record_one_by_one(database: Database, seen: Sequence[Seen]) -> list[Exception | None]:
    found: list[Exception | None] = []
    for place, each in enumerate(seen):
        found += record_all(database, (each,))
        if isinstance(found[-1], DatabaseUnavailableError):
            # Asked again for each, it would let all of them wait for its patience in turn.
            return found + found[-1:] * (len(seen) - place - 1)
    return found


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


def keys_of(connection: sa.Connection, project_id: int, session: SessionId) -> list[KeySeen]:
    """The match keys that were seen in a session, by kind."""
    rows = connection.execute(
        sa.select(
            SightingRow.kind, SightingRow.value, SightingRow.first_seen, SightingRow.last_seen
        )
        .where(
            SightingRow.project_id == project_id,
            SightingRow.user_id == session.user_id,
            SightingRow.session_number == session.session_number,
        )
        # Asked for an order, SQLite would go through all sightings, since an index has it.
        .limit(MOST_KEYS)
    )
    found = [KeySeen(**row) for row in rows.mappings()]
    return sorted(found, key=lambda key: (key.kind, key.first_seen, key.value))


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
