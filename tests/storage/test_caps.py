"""No session has any number of keys, and no user any number of sessions."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from collector.domain.beacon import Beacon
from collector.domain.caps import MAX_KEYS_OF_SESSION, MAX_SESSIONS_OF_USER
from collector.domain.identifiers import SessionId
from collector.errors import KeysNotStoredError, TooManySessionsError
from collector.storage import sessions
from collector.storage.database import Database
from collector.storage.sightings import Seen
from collector.storage.tables import SessionRow
from tests.domain.samples import NOON, SECOND

MANY_SESSIONS = """
INSERT INTO session (project_id, user_id, session_number, first_seen, last_seen, beacons)
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :number)
SELECT 162, 'many', :above + i, :now, :now, 1 FROM n
"""


def a_beacon(user_id: str, number: int, **keys: str) -> Seen:
    beacon = Beacon(project_id=162, session=SessionId(user_id, number), keys=keys)
    return Seen(beacon=beacon, now=NOON + SECOND)


def test_a_session_that_has_all_keys_it_may_have_keeps_them_and_gets_no_more(
    database: Database,
) -> None:
    keys = {f"k{number}": "v" for number in range(MAX_KEYS_OF_SESSION)}
    full = Beacon(project_id=162, session=SessionId("full", 1), keys=keys)
    for _ in range(51):
        sessions.record(database, Beacon(project_id=162, session=full.session, keys={}), NOON)
    sessions.record(database, full, NOON)
    known, mixed, other = sessions.record_all(
        database,
        [
            a_beacon("full", 1, k0="v"),
            a_beacon("full", 1, k1="v", k2="new", k3="new"),
            a_beacon("other", 1, k0="new"),
        ],
    )
    assert (known, other) == (None, None)
    assert isinstance(mixed, KeysNotStoredError)
    assert mixed.kinds == ("k2", "k3")
    with database.read() as connection:
        found = sa.text("SELECT count(*) FROM sighting WHERE user_id = 'full'")
        assert connection.execute(found).scalar_one() == MAX_KEYS_OF_SESSION
        seen = sa.text("SELECT count(*) FROM sighting WHERE user_id = 'full' AND last_seen > :t")
        moment = sa.bindparam("t", NOON, SessionRow.last_seen.type)
        assert connection.execute(seen.bindparams(moment)).scalar_one() == 2


@pytest.mark.parametrize("missing", [0, 1])
def test_a_user_has_no_more_sessions_of_high_numbers_than_one_may(
    database: Database, missing: int
) -> None:
    with database.write() as connection:
        moment = sa.bindparam("now", NOON, SessionRow.last_seen.type)
        many = sa.text(MANY_SESSIONS).bindparams(moment)
        number = MAX_SESSIONS_OF_USER - missing
        connection.execute(many, {"number": number, "above": MAX_SESSIONS_OF_USER})
    above = 3 * MAX_SESSIONS_OF_USER
    told = sessions.record_all(
        database,
        [
            a_beacon("many", above, visitor_id="v"),
            a_beacon("many", MAX_SESSIONS_OF_USER + 1, visitor_id="v"),
            a_beacon("many", MAX_SESSIONS_OF_USER, visitor_id="v"),
            a_beacon("other", above, visitor_id="v"),
        ],
    )
    assert told[1:] == [None] * 3
    assert told[0] is None if missing else isinstance(told[0], TooManySessionsError)
    with database.read() as connection:
        kept = sa.text("SELECT count(*) FROM sighting")
        assert connection.execute(kept).scalar_one() == (4 if missing else 3)
