"""Writes many beacons in one transaction, by statements that are the same however many there are.

This is what visitors wait for under load, so it speaks to the driver itself: a statement that
names its rows one by one costs more to put together than to carry out. Each takes one parameter
for each column (PostgreSQL), or one for a table (SQLite).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from collector.domain.beacon import Beacon
from collector.domain.caps import MAX_KEYS_OF_SESSION, MAX_SESSIONS_OF_USER
from collector.domain.identifiers import MAX_KEYS
from collector.domain.installation import Installation
from collector.storage.database import Database

#: A session of which fewer beacons came cannot have as many keys as it may.
_FEW_BEACONS = MAX_KEYS_OF_SESSION // MAX_KEYS

#: Whether a user, or a session, has as many as it may; asked of few, since it is counted.
_HAS_ALL_SESSIONS = f"""
(SELECT count(*) FROM (
    SELECT 1 FROM session s WHERE s.project_id = told.project_id AND s.user_id = told.user_id
        AND s.session_number > {MAX_SESSIONS_OF_USER}
    LIMIT {MAX_SESSIONS_OF_USER}) AS counted) >= {MAX_SESSIONS_OF_USER}
AND NOT EXISTS (
    SELECT 1 FROM session s WHERE s.project_id = told.project_id AND s.user_id = told.user_id
        AND s.session_number = told.session_number)
"""  # noqa: S608 - numbers only
_HAS_ALL_KEYS = f"""
noted.beacons > {_FEW_BEACONS}
AND (SELECT count(*) FROM (
    SELECT 1 FROM sighting s WHERE s.project_id = noted.project_id AND s.user_id = noted.user_id
        AND s.session_number = noted.session_number
    LIMIT {MAX_KEYS_OF_SESSION}) AS counted) >= {MAX_KEYS_OF_SESSION}
"""  # noqa: S608 - numbers only
_IS_NEW = """
NOT EXISTS (
    SELECT 1 FROM sighting s WHERE s.project_id = told.project_id AND s.kind = told.kind
        AND s.value = told.value AND s.user_id = told.user_id
        AND s.session_number = told.session_number)
"""

#: Verified, written and committed by one statement, in one journey to the server and back: at
#: each further one a busy process has to wait for its interpreter's lock.
_POSTGRESQL = f"""
WITH outdated AS (
    SELECT judged.project_id
    FROM unnest(%s::bigint[], %s::jsonb[], %s::text[], %s::boolean[], %s::integer[],
        %s::jsonb[], %s::jsonb[])
        AS judged (project_id, origins, region, honour_gpc, forgettings,
            signing_secrets, signed_kinds)
    LEFT JOIN installation i ON i.project_id = judged.project_id
    WHERE (i.origins, i.region, i.honour_gpc, i.forgettings, i.signing_secrets, i.signed_kinds)
        IS DISTINCT FROM (judged.origins, judged.region, judged.honour_gpc, judged.forgettings,
            judged.signing_secrets, judged.signed_kinds)
), told_sessions AS (
    SELECT told.*
    FROM unnest(%s::bigint[], %s::text[], %s::integer[], %s::timestamptz[], %s::timestamptz[],
        %s::bigint[]) AS told (project_id, user_id, session_number)
    WHERE told.project_id <> ALL (ARRAY(SELECT project_id FROM outdated))
), surplus AS (
    SELECT told.project_id, told.user_id, told.session_number FROM told_sessions told
    WHERE told.session_number > {MAX_SESSIONS_OF_USER} AND {_HAS_ALL_SESSIONS}
), noted AS (
    INSERT INTO session (project_id, user_id, session_number, first_seen, last_seen, beacons)
    SELECT told.* FROM told_sessions told
    WHERE (told.project_id, told.user_id, told.session_number) NOT IN (SELECT * FROM surplus)
    ON CONFLICT (project_id, user_id, session_number) DO UPDATE SET
        last_seen = greatest(session.last_seen, excluded.last_seen),
        beacons = session.beacons + excluded.beacons
    RETURNING project_id, user_id, session_number, beacons
), told_sightings AS (
    SELECT told.*
    FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::integer[],
        %s::timestamptz[], %s::timestamptz[])
        AS told (project_id, kind, value, user_id, session_number)
    WHERE told.project_id <> ALL (ARRAY(SELECT project_id FROM outdated))
), surplus_keys AS (
    SELECT told.project_id, told.user_id, told.session_number, told.kind, told.value
    FROM noted JOIN told_sightings told USING (project_id, user_id, session_number)
    WHERE {_HAS_ALL_KEYS} AND {_IS_NEW}
), noted_sightings AS (
    INSERT INTO sighting
        (project_id, kind, value, user_id, session_number, first_seen, last_seen)
    SELECT told.* FROM told_sightings told
    WHERE (told.project_id, told.user_id, told.session_number) NOT IN (SELECT * FROM surplus)
        AND (told.project_id, told.user_id, told.session_number, told.kind, told.value)
            NOT IN (SELECT * FROM surplus_keys)
    ON CONFLICT (project_id, kind, value, user_id, session_number) DO UPDATE SET
        last_seen = greatest(sighting.last_seen, excluded.last_seen)
)
SELECT project_id, NULL AS user_id, NULL::integer AS session_number, NULL AS kind, NULL AS value
FROM outdated
UNION ALL SELECT *, NULL, NULL FROM surplus
UNION ALL SELECT * FROM surplus_keys
"""  # noqa: S608 - numbers only

_SQLITE_INSTALLATIONS = """
SELECT project_id, origins, region, honour_gpc, forgettings, signing_secrets, signed_kinds
FROM installation WHERE project_id IN (SELECT value FROM json_each(?))
"""


def _columns(number: int) -> str:
    return ", ".join(f"json_extract(value, '$[{place}]')" for place in range(number))


def _named(*names: str) -> str:
    return ", ".join(
        f"json_extract(value, '$[{place}]') AS {name}" for place, name in enumerate(names)
    )


_SQLITE_SURPLUS = f"""
SELECT told.project_id, told.user_id, told.session_number
FROM (SELECT {_named("project_id", "user_id", "session_number")} FROM json_each(?)) AS told
WHERE {_HAS_ALL_SESSIONS}
"""  # noqa: S608 - numbers only

_SQLITE_FULL = f"""
SELECT noted.project_id, noted.user_id, noted.session_number
FROM (SELECT {_named("project_id", "user_id", "session_number")} FROM json_each(?)) AS told
CROSS JOIN session noted ON noted.project_id = told.project_id
    AND noted.user_id = told.user_id AND noted.session_number = told.session_number
WHERE {_HAS_ALL_KEYS}
"""  # noqa: S608 - numbers only

_SQLITE_NEW = f"""
SELECT project_id, user_id, session_number, kind, value
FROM (SELECT {_named("project_id", "kind", "value", "user_id", "session_number")}
    FROM json_each(?)) AS told
WHERE {_IS_NEW}
"""  # noqa: S608 - numbers only

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


#: A project, a user and a session's number.
Visit = tuple[int, str, int]

#: A kind of match key with a value.
Key = tuple[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """A beacon that came at ``now``, and the installation by which it was judged, if that has to
    be looked at again: it may have been edited since it was read.
    """

    beacon: Beacon
    now: datetime
    judged_by: Installation | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """What was not written.

    ``outdated`` are the projects whose installation would no longer judge a beacon as it was
    judged; of them nothing was stored. ``surplus`` are the sessions whose user has as many as are
    stored of one, ``full`` the new keys of sessions that have as many as they may.
    """

    outdated: Collection[int] = ()
    surplus: Collection[Visit] = ()
    full: Mapping[Visit, Collection[Key]] = field(default_factory=dict)


def write(
    database: Database, seen: Sequence[Seen], judged_by: Mapping[int, Installation]
) -> Written:
    """Note all of these sessions and keys in one transaction. The same may come several times.

    How many a user and a session may have is held against what was there before: what comes in one
    transaction, or in two processes at once, may be beyond it by as much.

    Args:
        judged_by: by project, the installation that is to be compared with the stored one.

    Raises:
        DatabaseUnavailableError, NotMigratedError: nothing was stored.
    """
    with database.driver() as connection:
        if database.is_sqlite:
            return _write_to_sqlite(connection, seen, judged_by)
        return _write_to_postgresql(connection, seen, judged_by)


def _write_to_postgresql(
    connection: Any, seen: Sequence[Seen], judged_by: Mapping[int, Installation]
) -> Written:
    known = judged_by.values()
    sessions, sightings = _merged(seen)
    values = (
        list(judged_by),
        [json.dumps(each.origins) for each in known],
        [each.region for each in known],
        [each.honour_gpc for each in known],
        [each.forgettings for each in known],
        [json.dumps(each.signing_secrets) for each in known],
        [json.dumps(each.signed_kinds) for each in known],
        *_by_column(sessions, 6),
        *_by_column(sightings, 7),
    )
    found = connection.execute(_POSTGRESQL, values, prepare=True)
    outdated: set[int] = set()
    surplus: set[Visit] = set()
    full: dict[Visit, set[Key]] = defaultdict(set)
    for project_id, user_id, number, kind, value in found:
        if user_id is None:
            outdated.add(project_id)
        elif kind is None:
            surplus.add((project_id, user_id, number))
        else:
            full[project_id, user_id, number].add((kind, value))
    return Written(outdated=outdated, surplus=surplus, full=full)


def _write_to_sqlite(
    connection: Any, seen: Sequence[Seen], judged_by: Mapping[int, Installation]
) -> Written:
    connection.execute("BEGIN IMMEDIATE")
    current: dict[int, tuple[Any, ...]] = {
        row[0]: (
            tuple(json.loads(row[1])),
            row[2],
            bool(row[3]),
            row[4],
            *(tuple(json.loads(each)) for each in row[5:]),
        )
        for row in connection.execute(_SQLITE_INSTALLATIONS, (json.dumps(list(judged_by)),))
    }
    outdated = {
        project_id
        for project_id, known in judged_by.items()
        if current.get(project_id)
        != (
            known.origins,
            known.region,
            known.honour_gpc,
            known.forgettings,
            known.signing_secrets,
            known.signed_kinds,
        )
    }
    sessions, sightings = _merged(each for each in seen if each.beacon.project_id not in outdated)
    surplus = _surplus_on_sqlite(connection, sessions)
    if surplus:
        sessions = [row for row in sessions if tuple(row[:3]) not in surplus]
        sightings = [row for row in sightings if (row[0], row[3], row[4]) not in surplus]
    if sessions:
        connection.execute(_SQLITE_SESSIONS, (_as_json(sessions),))
    full = _full_on_sqlite(connection, sightings)
    if full:
        sightings = [row for row in sightings if not _is_left_out(row, full)]
    if sightings:
        connection.execute(_SQLITE_SIGHTINGS, (_as_json(sightings),))
    connection.execute("COMMIT")
    return Written(outdated=outdated, surplus=surplus, full=full)


def _surplus_on_sqlite(connection: Any, sessions: Sequence[Sequence[Any]]) -> set[Visit]:
    doubtful = [row[:3] for row in sessions if row[2] > MAX_SESSIONS_OF_USER]
    if not doubtful:
        return set()
    return {tuple(row) for row in connection.execute(_SQLITE_SURPLUS, (_as_json(doubtful),))}


def _full_on_sqlite(connection: Any, sightings: Sequence[Sequence[Any]]) -> dict[Visit, set[Key]]:
    with_keys = {(row[0], row[3], row[4]) for row in sightings}
    if not with_keys:
        return {}
    asked = _as_json(list(with_keys))
    filled = {tuple(row) for row in connection.execute(_SQLITE_FULL, (asked,))}
    if not filled:
        return {}
    theirs = [row[:5] for row in sightings if (row[0], row[3], row[4]) in filled]
    full: dict[Visit, set[Key]] = defaultdict(set)
    for project_id, user_id, number, kind, value in connection.execute(
        _SQLITE_NEW, (_as_json(theirs),)
    ):
        full[project_id, user_id, number].add((kind, value))
    return full


def _is_left_out(sighting: Sequence[Any], full: Mapping[Visit, Collection[Key]]) -> bool:
    return (sighting[1], sighting[2]) in full.get((sighting[0], sighting[3], sighting[4]), ())


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
