"""Many beacons in one transaction: as one by one, whatever is wrong with some of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from collector.domain.beacon import Beacon
from collector.domain.identifiers import SessionId
from collector.domain.installation import Installation
from collector.errors import DatabaseUnavailableError, OutdatedError
from collector.storage import database as storage
from collector.storage import installations, sessions
from collector.storage.database import Database
from collector.storage.sightings import Seen
from collector.storage.tables import SessionRow, SightingRow
from tests.domain.samples import NOON, SECOND, a_beacon

POISON = Beacon(
    project_id=162,
    session=SessionId(user_id="poison", session_number=1),
    keys={"visitor_id": "half a character: \ud800"},
)


def seen(beacon: Beacon, seconds: int = 0, judged_by: Installation | None = None) -> Seen:
    return Seen(beacon=beacon, now=NOON + seconds * SECOND, judged_by=judged_by)


def rows_of(database: Database, project_id: int) -> list[tuple[Any, ...]]:
    """Everything that is stored of a project, without its number."""
    with database.read() as connection:
        return [
            tuple(row)[1:]
            for table in (SessionRow.__table__, SightingRow.__table__)
            for row in connection.execute(
                sa.select(table)
                .where(table.c.project_id == project_id)
                .order_by(*list(table.c)[:5])
            )
        ]


def test_together_they_leave_what_they_leave_one_by_one(database: Database) -> None:
    told: list[tuple[str, int, dict[str, str]]] = [
        ("u.1", 0, {}),
        ("u.2", 5, {"visitor_id": "v"}),
        ("u.1", 7, {"visitor_id": "v", "tracking_number": "+33199001234"}),
        ("a.b.1", 8, {"visitor_id": "v"}),
        ("u.1", 9, {"visitor_id": "v", "reference": "é\\'\"{},NULL"}),
        ("u.1", 9, {"visitor_id": "w"}),
    ]
    here, there = (
        [(replace(a_beacon(key), project_id=project_id, keys=keys), at) for key, at, keys in told]
        for project_id in (162, 163)
    )
    sessions.record(database, a_beacon("u.2", visitor_id="v"), NOON)
    sessions.record(database, a_beacon("u.2", project_id=163, visitor_id="v"), NOON)
    found = sessions.record_all(database, [seen(beacon, at) for beacon, at in here])
    assert found == [None] * len(told)
    for beacon, at in there:
        sessions.record(database, beacon, NOON + at * SECOND)
    assert rows_of(database, 162) == rows_of(database, 163)
    assert len(rows_of(database, 162)) == 3 + 6


def test_a_beacon_that_cannot_be_stored_costs_its_neighbours_nothing(database: Database) -> None:
    together = [seen(a_beacon("u.1")), seen(POISON), seen(a_beacon("u.2", visitor_id="v"))]
    before, poison, after = sessions.record_all(database, together)
    assert (before, after) == (None, None)
    assert isinstance(poison, UnicodeEncodeError)
    assert [row[:2] for row in rows_of(database, 162)[:2]] == [("u", 1), ("u", 2)]
    sessions.record(database, a_beacon("u.3"), NOON)


def test_what_an_outdated_installation_allowed_is_not_stored(database: Database) -> None:
    known = [
        Installation(
            project_id=project_id,
            integration_id=1,
            name="Shop",
            client_id="c",
            integration_version=1,
            origins=("https://shop.example", "https://www.shop.example"),
        )
        for project_id in (1, 2, 3)
    ]
    with database.write() as connection:
        for one in known[:2]:
            installations.add(connection, one, "sealed", NOON)
        installations.edit(connection, 1, {"honour_gpc": False}, NOON)
    together = [
        seen(a_beacon("u.1", project_id=one.project_id, visitor_id="v"), judged_by=one)
        for one in known
    ]
    edited, as_it_is, removed = sessions.record_all(database, together)
    assert isinstance(edited, OutdatedError)
    assert as_it_is is None
    assert isinstance(removed, OutdatedError)
    assert [len(rows_of(database, number)) for number in (1, 2, 3)] == [0, 2, 0]
    # However two readings of one installation meet, nothing passes by the older one.
    old, new = together[0], seen(a_beacon("new.1", project_id=1), 0, _stored(database, 1))
    for order in ((old, new), (new, old)):
        sessions.record_all(database, order)
    assert [row[0] for row in rows_of(database, 1)] == ["new"]


def _stored(database: Database, project_id: int) -> Installation:
    with database.read() as connection:
        return installations.get(connection, project_id)


def test_a_database_that_is_gone_fails_them_all_at_once() -> None:
    with Database("postgresql://u@127.0.0.1:1/x") as database:
        found = sessions.record_all(database, [seen(a_beacon("u.1")), seen(POISON)])
    assert [type(each) for each in found] == [DatabaseUnavailableError] * 2


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_a_connection_that_broke_meanwhile_is_replaced(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "TRUSTED_SECONDS", -1)
    sessions.record(database, a_beacon("u.1"), NOON)
    with database.write() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    sessions.record(database, a_beacon("u.1"), NOON)
    assert rows_of(database, 162)[0][-1] == 2
