"""Which sessions of a day carry which keys."""

from __future__ import annotations

from datetime import date, timedelta

from collector.storage import key_shares, sessions
from collector.storage.database import Database
from collector.storage.key_shares import KeyShares
from tests.domain.samples import NOON, SECOND, a_beacon

DAY = timedelta(days=1)


def of_day(database: Database, day: date, project_id: int = 162) -> KeyShares:
    with database.read() as connection:
        return key_shares.of_day(connection, project_id, day)


def last_day(database: Database, project_id: int = 162) -> date | None:
    with database.read() as connection:
        return key_shares.last_day(connection, project_id)


def test_a_project_without_sessions_has_no_day_and_no_shares(database: Database) -> None:
    assert last_day(database) is None
    assert of_day(database, NOON.date()) == KeyShares(
        day=NOON.date(), sessions=0, with_a_key=0, kinds={}
    )


def test_each_session_counts_once_for_each_kind_it_carries(database: Database) -> None:
    sessions.record(database, a_beacon("u.1", visitor_id="v1", reference="r1"), NOON)
    # The same kind again with another value, later in the session.
    sessions.record(database, a_beacon("u.1", visitor_id="v2"), NOON + SECOND)
    sessions.record(database, a_beacon("u.2", visitor_id="v1"), NOON)
    sessions.record(database, a_beacon("u.3"), NOON)
    sessions.record(database, a_beacon("u.1", project_id=163, loyalty="l"), NOON)
    found = of_day(database, NOON.date())
    assert found == KeyShares(
        day=NOON.date(), sessions=3, with_a_key=2, kinds={"visitor_id": 2, "reference": 1}
    )
    assert list(found.kinds) == ["visitor_id", "reference"]


def test_a_session_belongs_to_the_utc_day_on_which_it_was_first_seen(database: Database) -> None:
    midnight = NOON.replace(hour=0)
    sessions.record(database, a_beacon("u.1", visitor_id="v"), midnight - SECOND)
    sessions.record(database, a_beacon("u.1", visitor_id="v"), midnight + SECOND)
    sessions.record(database, a_beacon("u.2", reference="r"), midnight)
    assert of_day(database, NOON.date() - DAY).kinds == {"visitor_id": 1}
    assert of_day(database, NOON.date()).kinds == {"reference": 1}
    assert of_day(database, NOON.date() + DAY).sessions == 0
    assert last_day(database) == NOON.date()
    assert last_day(database, 163) is None
