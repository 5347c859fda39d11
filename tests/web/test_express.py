"""The express lane acknowledges as the view does, and what it does not take the view answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from marshmallow import ValidationError
from werkzeug.test import Client

from collector.domain.installation import Installation
from collector.storage import installations
from collector.storage.database import Database
from collector.web import schemas, state
from collector.web.express import Express
from tests.web.beaconing import TEXT, post
from tests.web.conftest import (
    BEACON,
    ORIGIN,
    PROJECT,
    before_sql,
    counted,
    reported_sessions,
    rows,
)

#: Values that a field of a beacon may have, right and wrong, more often than chance would.
ODD: st.SearchStrategy[Any] = st.sampled_from(
    [
        *(None, True, False, 0, 1, -1, 1.0, 162.0, 2**31 - 1, 2**31, 2**53, [], {}, ["162"]),
        *("", " ", "162", "-1", "4 ", "\u0967\u096c\u0968", "1" * 19, "1" * 20, "0162"),
        *("u.1", "u.0", "u", ".4", "u.", "a.b.12", "u.-1", "u. 1", "u.1 ", "é.1", "u.²"),
        *("x" * 100 + ".1", "x" * 101 + ".1", "u.2147483647", "u.2147483648"),
    ]
)
FIELDS = ("projectId", "userId", "sessionNumber", "sessionKey", "keys", "page")
BODIES = st.dictionaries(st.sampled_from(FIELDS), ODD) | st.builds(
    lambda changes: {"projectId": PROJECT, "sessionKey": "u.4"} | changes,
    st.dictionaries(st.sampled_from(FIELDS), ODD, max_size=2),
)
KEYS = st.dictionaries(
    st.sampled_from(["visitor_id", "tracking_number", "reference", "Bad", "", "basket"]),
    ODD
    | st.sampled_from(
        ["01 99 00 12 34", "a\tb", "\x00", "undefined", "x" * 201, "\x85é", "\u200b"]
    ),
)


@given(BODIES)
@settings(max_examples=400, deadline=None)
def test_what_the_lane_reads_the_schema_reads_alike(body: dict[str, Any]) -> None:
    plain = schemas.plain_beacon(body)
    try:
        told = schemas.BeaconSchema().load(body)
    except ValidationError:
        assert plain is None
        return
    if plain is not None:
        project_id, session, keys = plain
        read = (project_id, session.user_id, session.session_number, keys)
        assert read == (
            told["project_id"],
            told["user_id"],
            told["session_number"],
            told["keys"],
        )
        assert type(project_id) is type(session.session_number) is int


def test_a_plain_beacon_takes_the_lane(app: Flask, database: Database) -> None:
    client = app.test_client()
    body = {"projectId": str(PROJECT), "sessionKey": "u.4", "keys": BEACON["keys"]}
    assert post(client, body).status_code == 204  # the view, which gets to know the installation
    app.view_functions["beacons.record"] = lambda: ("", 500)
    assert post(client, body).status_code == 204
    assert [row["beacons"] for row in reported_sessions(database)] == [2]
    assert len(rows(database, "SELECT * FROM sighting")) == 2


# One test of many requests, since applications and databases cost more than they.
@before_sql
@given(
    body=st.builds(lambda body, keys: body | {"keys": keys}, BODIES, KEYS) | BODIES | ODD,
    origin=st.sampled_from([ORIGIN, None, "https://SHOP.example", "null", "https://evil.example"]),
    media=st.sampled_from([TEXT, "Text/Plain", "application/json", "text/html", ""]),
    gpc=st.sampled_from([None, "0", "1"]),
)
@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_no_answer_tells_which_way_a_beacon_went(
    app: Flask, body: object, origin: str | None, media: str, gpc: str | None
) -> None:
    lane = app.wsgi_app
    assert isinstance(lane, Express)
    headers = {"Content-Type": media}
    headers |= {} if origin is None else {"Origin": origin}
    headers |= {} if gpc is None else {"Sec-GPC": gpc}
    answers = []
    for way in (lane, lane._application):
        client = Client(way)
        response = client.post("/v1/sessions", data=json.dumps(body), headers=headers)
        answers.append((response.status, list(response.headers), response.data))
    assert answers[0] == answers[1]


@before_sql
def test_both_ways_are_counted_alike(app: Flask, database: Database) -> None:
    client = app.test_client()
    for _ in range(3):
        post(client, sessionKey="u.4", userId="u")
        body = {"projectId": PROJECT, "sessionKey": "u.4"}
        post(client, body)
        client.post("/v1/sessions", data=json.dumps(body), headers={"Content-Type": TEXT})
    state.of(app).counts.flush()
    assert counted(database) == {(PROJECT, "accepted", ORIGIN): 6, (PROJECT, "accepted", ""): 3}


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"origins": ["https://new.example"]}, 403),
        ({"region": "GB"}, 204),
        (None, 404),
    ],
)
def test_an_installation_that_was_edited_is_heeded_at_once(
    app: Flask,
    database: Database,
    installation: Installation,
    changes: dict[str, Any] | None,
    status: int,
) -> None:
    client = app.test_client()
    body = {"projectId": PROJECT, "sessionKey": "u.4", "keys": {"tracking_number": "020 7946 0123"}}
    assert [post(client, body).status_code for _ in range(2)] == [204, 204]
    with database.write() as connection:
        if changes is None:
            installations.remove(connection, PROJECT, with_data=True)
        else:
            installations.edit(connection, PROJECT, changes, datetime.now(UTC))
    assert post(client, body).status_code == status
    numbers = [row["value"] for row in rows(database, "SELECT value FROM sighting ORDER BY value")]
    if changes is None:
        assert numbers == []
    else:
        assert ("+442079460123" in numbers) == ("region" in changes)


@before_sql
def test_too_many_who_wait_are_sent_away_and_counted(app: Flask, database: Database) -> None:
    client = app.test_client()
    body = {"projectId": PROJECT, "sessionKey": "u.4"}
    assert post(client, body).status_code == 204
    store = state.of(app).store
    store._limit = 0
    for refused in (post(client, body), post(client)):
        assert refused.status_code == 503
        assert refused.headers["X-Collector-Error"] == "too_busy"
        assert refused.headers["Retry-After"] == "5"
    store._limit = 1
    assert post(client, body).status_code == 204
    state.of(app).counts.flush()
    assert counted(database)[PROJECT, "too_busy", ORIGIN] == 2
