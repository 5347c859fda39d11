"""Whoever was forgotten is answered like anybody else, by either way, and not stored."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from flask import Flask

from collector.domain.callers import CallerHash
from collector.domain.installation import Installation
from collector.domain.tombstones import mark
from collector.storage import installations, tombstones
from collector.storage.database import Database
from tests.web.beaconing import post
from tests.web.conftest import (
    BEACON,
    ORIGIN,
    PROJECT,
    Open,
    Start,
    before_sql,
    counted,
    reported_sessions,
    rows,
)
from tests.web.test_express import PLAIN, Page

USER = str(BEACON["userId"])


def leave_tombstone(database: Database, secret_key: str, kind: str, value: str) -> None:
    hashed = CallerHash.of(secret_key)
    with database.write() as connection:
        marks = [(kind, mark(kind, value, hashed), hashed.key_id)]
        tombstones.add(connection, PROJECT, marks, datetime.now(UTC))


@pytest.fixture
def app(open_app: Open, database_url: str, installation: object, secret_key: str) -> Flask:
    del installation
    return open_app(database_url, secret_key=(secret_key,))


@pytest.mark.parametrize(("kind", "value"), [("user_id", USER), ("visitor_id", "v-1")])
def test_a_forgotten_visitor_is_answered_like_any_other_and_not_stored(
    app: Flask, database: Database, secret_key: str, kind: str, value: str
) -> None:
    client = app.test_client()
    before = post(client)
    stored = reported_sessions(database)
    leave_tombstone(database, secret_key, kind, value)
    answer = post(client)
    assert (answer.status_code, answer.data, answer.headers) == (
        before.status_code,
        before.data,
        before.headers,
    )
    assert reported_sessions(database) == stored
    post(client, userId="another", keys={"visitor_id": "v-2"})
    assert len(reported_sessions(database)) == 2
    app.extensions["collector"].close()
    assert counted(database) == {
        (PROJECT, "accepted", ORIGIN): 2,
        (PROJECT, "forgotten", ORIGIN): 1,
    }


def test_a_server_without_the_key_of_the_tombstones_takes_what_comes(
    open_app: Open, database_url: str, database: Database, installation: object, secret_key: str
) -> None:
    del installation
    leave_tombstone(database, secret_key, "user_id", USER)
    assert post(open_app(database_url).test_client()).status_code == 204
    assert len(reported_sessions(database)) == 1


@before_sql
@pytest.mark.parametrize("beacon_comes", ["while it is away", "when it is back"])
def test_an_installation_that_is_added_again_has_nobody_elses_tombstones(
    app: Flask, database: Database, installation: Installation, secret_key: str, beacon_comes: str
) -> None:
    client = app.test_client()
    leave_tombstone(database, secret_key, "user_id", "of-before")
    post(client)
    with database.write() as connection:
        installations.remove(connection, PROJECT, with_data=True)
    if beacon_comes == "while it is away":
        assert post(client).status_code == 404
    with database.write() as connection:
        installations.add(connection, installation, "sealed", datetime.now(UTC))
    if beacon_comes == "when it is back":
        post(client, userId="another")
    before = reported_sessions(database)
    leave_tombstone(database, secret_key, "user_id", USER)
    assert post(client).status_code == 204
    assert reported_sessions(database) == before


@before_sql
def test_a_running_server_knows_at_its_next_beacon_who_was_forgotten(
    start: Start, database: Database, secret_key: str
) -> None:
    server = start(COLLECTOR_SECRET_KEY=secret_key)
    with Page(server) as page:
        before = [page.post(PLAIN) for _ in range(3)][-1]  # by the view, and then by the lane
        leave_tombstone(database, secret_key, "user_id", PLAIN_USER)
        assert [page.post(PLAIN) for _ in range(3)] == [before] * 3
        assert page.post({**PLAIN, "sessionKey": "other.1"})[0] == 204
    assert rows(database, "SELECT user_id, beacons FROM report_sessions ORDER BY user_id") == [
        {"user_id": "other", "beacons": 1},
        {"user_id": PLAIN_USER, "beacons": 3},
    ]


PLAIN_USER = str(PLAIN["sessionKey"]).rpartition(".")[0]
