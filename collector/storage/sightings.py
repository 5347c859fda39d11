"""Writes many beacons in one transaction, by statements that are the same however many there are.

This is what visitors wait for under load, so it speaks to the driver itself: a statement that
names its rows one by one costs more to put together than to carry out. Each takes one parameter
for each column (PostgreSQL), or one for a table (SQLite).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from collector.domain.beacon import Beacon
from collector.domain.installation import Installation
from collector.storage.database import Database

#: Verified, written and committed by one statement, in one journey to the server and back: at
#: each further one a busy process has to wait for its interpreter's lock.
_POSTGRESQL = """
WITH outdated AS (
    SELECT judged.project_id
    FROM unnest(%s::bigint[], %s::jsonb[], %s::text[], %s::boolean[], %s::integer[])
        AS judged (project_id, origins, region, honour_gpc, forgettings)
    LEFT JOIN installation i ON i.project_id = judged.project_id
    WHERE (i.origins, i.region, i.honour_gpc, i.forgettings) IS DISTINCT FROM
        (judged.origins, judged.region, judged.honour_gpc, judged.forgettings)
), noted_sessions AS (
    INSERT INTO session (project_id, user_id, session_number, first_seen, last_seen, beacons)
    SELECT told.*
    FROM unnest(%s::bigint[], %s::text[], %s::integer[], %s::timestamptz[], %s::timestamptz[],
        %s::bigint[]) AS told (project_id)
    WHERE told.project_id <> ALL (ARRAY(SELECT project_id FROM outdated))
    ON CONFLICT (project_id, user_id, session_number) DO UPDATE SET
        last_seen = greatest(session.last_seen, excluded.last_seen),
        beacons = session.beacons + excluded.beacons
), noted_sightings AS (
    INSERT INTO sighting
        (project_id, kind, value, user_id, session_number, first_seen, last_seen)
    SELECT told.*
    FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::integer[],
        %s::timestamptz[], %s::timestamptz[]) AS told (project_id)
    WHERE told.project_id <> ALL (ARRAY(SELECT project_id FROM outdated))
    ON CONFLICT (project_id, kind, value, user_id, session_number) DO UPDATE SET
        last_seen = greatest(sighting.last_seen, excluded.last_seen)
)
SELECT project_id FROM outdated
"""

_SQLITE_INSTALLATIONS = """
SELECT project_id, origins, region, honour_gpc, forgettings FROM installation
WHERE project_id IN (SELECT value FROM json_each(?))
"""


def _columns(number: int) -> str:
    return ", ".join(f"json_extract(value, '$[{place}]')" for place in range(number))


# WHERE: else SQLite would take ON CONFLICT for the condition of a join.
_SQLITE_SESSIONS = f"""
INSERT INTO session (project_id, user_id, session_number, first_seen, last_seen, beacons)
SELECT {_columns(6)} FROM json_each(?) WHERE true
ON CONFLICT (project_id, user_id, session_number) DO UPDATE SET
    last_seen = max(last_seen, excluded.last_seen), beacons = beacons + excluded.beacons
"""  # noqa: S608 - numbers only

_SQLITE_SIGHTINGS = f"""
INSERT INTO sighting (project_id, kind, value, user_id, session_number, first_seen, last_seen)
SELECT {_columns(7)} FROM json_each(?) WHERE true
ON CONFLICT (project_id, kind, value, user_id, session_number) DO UPDATE SET
    last_seen = max(last_seen, excluded.last_seen)
"""  # noqa: S608 - numbers only


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """A beacon that came at ``now``, and the installation by which it was judged, if that has to
    be looked at again: it may have been edited since it was read.
    """

    beacon: Beacon
    now: datetime
    judged_by: Installation | None = None


def write(
    database: Database, seen: Sequence[Seen], judged_by: Mapping[int, Installation]
) -> set[int]:
    """Note all of these sessions and keys in one transaction. The same may come several times.

    Args:
        judged_by: by project, the installation that is to be compared with the stored one.

    Returns:
        The projects whose installation would no longer judge a beacon as that one did; of them
        nothing was stored.

    Raises:
        DatabaseUnavailableError, NotMigratedError: nothing was stored.
    """
    with database.driver() as connection:
        if database.is_sqlite:
            return _write_to_sqlite(connection, seen, judged_by)
        return _write_to_postgresql(connection, seen, judged_by)


def _write_to_postgresql(
    connection: Any, seen: Sequence[Seen], judged_by: Mapping[int, Installation]
) -> set[int]:
    known = judged_by.values()
    sessions, sightings = _merged(seen)
    values = (
        list(judged_by),
        [json.dumps(each.origins) for each in known],
        [each.region for each in known],
        [each.honour_gpc for each in known],
        [each.forgettings for each in known],
        *_by_column(sessions, 6),
        *_by_column(sightings, 7),
    )
    found = connection.execute(_POSTGRESQL, values, prepare=True)
    return {project_id for (project_id,) in found}


def _write_to_sqlite(
    connection: Any, seen: Sequence[Seen], judged_by: Mapping[int, Installation]
) -> set[int]:
    connection.execute("BEGIN IMMEDIATE")
    current: dict[int, tuple[Any, ...]] = {
        row[0]: (tuple(json.loads(row[1])), row[2], bool(row[3]), row[4])
        for row in connection.execute(_SQLITE_INSTALLATIONS, (json.dumps(list(judged_by)),))
    }
    outdated = {
        project_id
        for project_id, known in judged_by.items()
        if current.get(project_id)
        != (known.origins, known.region, known.honour_gpc, known.forgettings)
    }
    sessions, sightings = _merged(each for each in seen if each.beacon.project_id not in outdated)
    if sessions:
        connection.execute(_SQLITE_SESSIONS, (_as_json(sessions),))
    if sightings:
        connection.execute(_SQLITE_SIGHTINGS, (_as_json(sightings),))
    connection.execute("COMMIT")
    return outdated


def _merged(seen: Iterable[Seen]) -> tuple[list[list[Any]], list[list[Any]]]:
    """One row for each session and each sighting: PostgreSQL changes no row twice.

    In the order of their keys, so that two servers never wait for each other crosswise.
    """
    sessions: dict[tuple[Any, ...], list[Any]] = {}
    sightings: dict[tuple[Any, ...], list[Any]] = {}
    for each in seen:
        now, beacon = each.now, each.beacon
        project_id, user_id = beacon.project_id, beacon.session.user_id
        number = beacon.session.session_number
        known = sessions.setdefault((project_id, user_id, number), [now, now, 0])
        known[0], known[1], known[2] = min(known[0], now), max(known[1], now), known[2] + 1
        for kind, value in beacon.keys.items():
            key = sightings.setdefault((project_id, kind, value, user_id, number), [now, now])
            key[0], key[1] = min(key[0], now), max(key[1], now)
    return (
        [[*key, *sessions[key]] for key in sorted(sessions)],
        [[*key, *sightings[key]] for key in sorted(sightings)],
    )


def _by_column(rows: Sequence[Sequence[Any]], columns: int) -> list[list[Any]]:
    return [[row[place] for row in rows] for place in range(columns)]


def _as_json(rows: Sequence[Sequence[Any]]) -> str:
    # Letters as they are: half a character, which UTF-8 cannot hold, is refused by the driver.
    return json.dumps(rows, ensure_ascii=False, default=_as_sqlite_has_it)


def _as_sqlite_has_it(moment: datetime) -> str:
    """A moment in the form in which `UtcDateTime` stores it."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
