"""What the beacon endpoint stores, and what it refuses with which reason."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from collector.domain.installation import Installation
from collector.storage import installations
from collector.storage.database import Database
from tests.web.beaconing import TEXT, code_of, post
from tests.web.conftest import (
    BEACON,
    PROJECT,
    before_sql,
    reported_sessions,
    rows,
    stored_keys,
)


def test_an_acknowledged_beacon_is_a_session_in_sql(
    client: FlaskClient, database: Database
) -> None:
    response = post(client)
    assert (response.status_code, response.data) == (204, b"")
    assert response.headers["Cache-Control"] == "no-store"
    (session,) = reported_sessions(database)
    assert session["session_key"] == "ae267-6g87D-88Nn6od.4"
    assert (session["project_id"], session["beacons"], session["match_keys"]) == (PROJECT, 1, 2)


def test_keys_are_stored_in_the_spelling_that_calls_meet_them_in(
    client: FlaskClient, database: Database
) -> None:
    post(client, keys={"visitor_id": "  v-1\n", "tracking_number": "01\n99  00 12 34"})
    assert stored_keys(database) == {"visitor_id": "v-1", "tracking_number": "+33199001234"}


@before_sql
@pytest.mark.parametrize("keys", [{}, None, [], {"visitor_id": ""}, {"visitor_id": " \t "}])
def test_blank_values_are_no_keys_and_no_reason_to_refuse(
    client: FlaskClient, database: Database, keys: object
) -> None:
    response = post(client, keys=keys)
    assert response.status_code == 204
    assert "X-Collector-Ignored" not in response.headers
    assert stored_keys(database) == {}


def test_a_beacon_needs_no_keys_and_may_carry_fields_of_a_newer_snippet(
    client: FlaskClient, database: Database
) -> None:
    beacon = {name: value for name, value in BEACON.items() if name != "keys"}
    assert post(client, beacon, pageNumber=3).status_code == 204
    assert len(reported_sessions(database)) == 1


@before_sql
@pytest.mark.parametrize(
    ("key", "session"),
    [
        ("ae267-6g87D-88Nn6od.4", ("ae267-6g87D-88Nn6od", 4)),
        ("a.b.c.12", ("a.b.c", 12)),
        ("1.2.3", ("1.2", 3)),
        ("user.004", ("user", 4)),
    ],
)
def test_a_session_key_is_split_at_its_last_dot(
    client: FlaskClient, database: Database, key: str, session: tuple[str, int]
) -> None:
    body = {"projectId": 162, "sessionKey": key, "keys": {}}
    assert client.post("/v1/sessions", json=body).status_code == 204
    (row,) = reported_sessions(database)
    assert (row["user_id"], row["session_number"]) == session


@before_sql
@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("nodot", "userId must be 1 to 100 letters"),
        ("", "userId must be 1 to 100 letters"),
        (".4", "userId must be 1 to 100 letters"),
        ("two words.4", "userId must be 1 to 100 letters"),
        ("user.", "sessionNumber must be an integer"),
        ("user.four", "sessionNumber must be an integer"),
        ("user.0", "sessionNumber must be an integer from 1"),
        ("user.-4", "sessionNumber must be an integer"),
        ("user.4.5e1", "sessionNumber must be an integer"),
        ("user." + "9" * 5000, "sessionNumber must be an integer"),
        (7, "userId is missing"),
        (None, "userId is missing"),
        (["user.4"], "userId is missing"),
    ],
)
def test_a_malformed_session_key_is_refused_and_says_what_is_wrong(
    client: FlaskClient, database: Database, key: object, message: str
) -> None:
    response = client.post("/v1/sessions", json={"projectId": 162, "sessionKey": key})
    assert code_of(response) == (400, "invalid_beacon")
    assert response.json
    assert message in response.json["error"]["message"]
    assert reported_sessions(database) == []


@before_sql
def test_a_project_id_may_be_written_as_text_as_the_tag_may_have_it(
    client: FlaskClient, database: Database
) -> None:
    assert post(client, projectId="162").status_code == 204
    assert [row["project_id"] for row in reported_sessions(database)] == [162]


@before_sql
@pytest.mark.parametrize("media_type", ["text/plain", TEXT, "application/json"])
def test_text_and_json_are_accepted_as_content_types(client: FlaskClient, media_type: str) -> None:
    response = client.post(
        "/v1/sessions", data=json.dumps(BEACON), headers={"Content-Type": media_type}
    )
    assert response.status_code == 204


@before_sql
@pytest.mark.parametrize(
    "media_type", ["text/html", "application/x-www-form-urlencoded", "multipart/form-data", None]
)
def test_other_content_types_are_refused(
    client: FlaskClient, database: Database, media_type: str | None
) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    response = client.post("/v1/sessions", data=json.dumps(BEACON), headers=headers)
    assert code_of(response) == (415, "unsupported_media_type")
    assert reported_sessions(database) == []


@before_sql
@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("projectId", True, "projectId must be an integer"),
        ("projectId", "one", "projectId must be an integer"),
        ("projectId", "", "projectId must be an integer"),
        ("projectId", "162.0", "projectId must be an integer"),
        ("projectId", "\u0661\u0666\u0662", "projectId must be an integer"),
        ("projectId", "9" * 5000, "projectId must be an integer"),
        ("projectId", 162.0, "projectId must be an integer"),
        ("projectId", 0, "projectId must be an integer from 1"),
        ("projectId", -1, "projectId must be an integer from 1"),
        ("projectId", 2**53, "projectId must be an integer from 1 to 9007199254740991"),
        ("projectId", None, "projectId must be an integer"),
        ("projectId", [162], "projectId must be an integer"),
        ("userId", 5, "userId must be a string"),
        ("userId", "", "userId must be 1 to 100 letters"),
        ("userId", "has space", "userId must be 1 to 100 letters"),
        ("userId", "x" * 101, "userId must be 1 to 100 letters"),
        ("userId", "a\u0000b", "userId must be 1 to 100 letters"),
        ("sessionNumber", 0, "sessionNumber must be an integer from 1"),
        ("sessionNumber", 10**6 + 1, "sessionNumber must be an integer from 1 to 1000000"),
        ("sessionNumber", False, "sessionNumber must be an integer"),
        ("sessionNumber", "4", "sessionNumber must be an integer"),
    ],
)
def test_a_wrong_field_is_refused_by_its_name(
    client: FlaskClient, database: Database, field: str, value: object, message: str
) -> None:
    response = post(client, **{field: value})
    assert code_of(response) == (400, "invalid_beacon")
    assert message in response.get_json()["error"]["message"]
    assert reported_sessions(database) == []


@before_sql
@pytest.mark.parametrize("field", ["projectId", "userId", "sessionNumber"])
def test_a_missing_field_is_refused_by_its_name(client: FlaskClient, field: str) -> None:
    response = post(client, {name: value for name, value in BEACON.items() if name != field})
    assert code_of(response) == (400, "invalid_beacon")
    assert response.get_json()["error"]["message"] == f"{field} is missing."


@before_sql
@pytest.mark.parametrize(
    "changes",
    [
        {"userId": "!" + "x" * 500},
        {"projectId": "x" * 500},
    ],
)
def test_a_message_never_repeats_what_was_sent(
    client: FlaskClient, changes: dict[str, Any]
) -> None:
    assert "xxx" not in post(client, **changes).get_json()["error"]["message"]


def test_the_longest_values_allowed_are_stored(client: FlaskClient, database: Database) -> None:
    keys = {f"kind_{index}": "é" * 200 for index in range(10)}
    beacon = {**BEACON, "userId": "u" * 100, "sessionNumber": 10**6, "keys": keys}
    response = post(client, json.dumps(beacon, ensure_ascii=False).encode())
    assert response.status_code == 204
    assert stored_keys(database) == keys


def test_an_unknown_project_is_refused(client: FlaskClient, database: Database) -> None:
    assert code_of(post(client, projectId=163)) == (404, "unknown_project")
    assert reported_sessions(database) == []


@before_sql
@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://shop.example", True),
        ("https://SHOP.example", True),
        ("https://shop.example:443", True),
        ("http://localhost:8080", True),
        (None, True),
        ("http://shop.example", False),
        ("https://shop.example:8443", False),
        ("https://www.shop.example", False),
        ("https://shop.example.evil.example", False),
        ("https://evil.example", False),
        ("http://localhost", False),
        ("null", False),
        ("", False),
        ("file://", False),
        ("chrome-extension://abcdef", False),
        ("https://shop.example:port", False),
        ("https://shop.example,https://evil.example", False),
        ("https://sh\u00f6p.example", False),
    ],
)
def test_only_pages_of_the_installations_origins_may_tell(
    client: FlaskClient, database: Database, origin: str | None, allowed: bool
) -> None:
    headers = {"Content-Type": TEXT} | ({} if origin is None else {"Origin": origin})
    response = client.post("/v1/sessions", data=json.dumps(BEACON), headers=headers)
    if allowed:
        assert response.status_code == 204
    else:
        assert code_of(response) == (403, "origin_not_allowed")
    assert len(reported_sessions(database)) == (1 if allowed else 0)


@before_sql
@pytest.mark.parametrize(
    ("header", "honours", "stored"),
    [
        ("1", True, False),
        ("1", False, True),
        ("0", True, True),
        (None, True, True),
    ],
)
def test_global_privacy_control_is_honoured_unless_the_installation_says_otherwise(
    client: FlaskClient,
    database: Database,
    installation: Installation,
    header: str | None,
    honours: bool,
    stored: bool,
) -> None:
    with database.write() as connection:
        installations.edit(
            connection, installation.project_id, {"honour_gpc": honours}, datetime.now(UTC)
        )
    headers = {"Content-Type": TEXT} | ({} if header is None else {"Sec-GPC": header})
    response = client.post("/v1/sessions", data=json.dumps(BEACON), headers=headers)
    if stored:
        assert response.status_code == 204
    else:
        assert code_of(response) == (403, "opted_out")
    assert len(reported_sessions(database)) == int(stored)


def test_a_bad_key_costs_neither_the_session_nor_the_other_keys(
    client: FlaskClient, database: Database
) -> None:
    keys = {"Visitor": "v", "reference": ["r"], "visitor_id": "v-1", "basket": 7}
    response = post(client, keys=keys)
    assert (response.status_code, response.data) == (204, b"")
    assert response.headers["X-Collector-Ignored"].startswith("keys.Visitor must be named by")
    assert len(reported_sessions(database)) == 1
    assert stored_keys(database) == {"visitor_id": "v-1", "basket": "7"}


@before_sql
def test_a_beacon_whose_keys_are_all_good_has_nothing_to_tell(client: FlaskClient) -> None:
    assert "X-Collector-Ignored" not in post(client).headers


@before_sql
@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"visitor_id": "secret-" * 40}, "keys.visitor_id must have at most 200 characters"),
        ({"visitor_id": "secret\u0000"}, "keys.visitor_id must not contain control characters"),
        ({"visitor_id": ["secret"]}, "keys.visitor_id must be a string, a number or a boolean"),
        (
            {f"kind_{number}": "secret" for number in range(12)},
            "keys.kind_10 is one too many: at most 10 keys are stored",
        ),
        ({"é\r\nX: 1": "secret"}, "keys.???X:?1 must be named by"),
        ({"K" * 500: "secret"}, f"keys.{'K' * 30} must be named by"),
        ({"\ud800": "secret"}, "keys.? must be named by"),
        (["secret"], "keys must be an object"),
        ("secret", "keys must be an object"),
    ],
)
def test_what_was_left_out_is_told_in_a_header_fit_for_one(
    client: FlaskClient, keys: object, told: str
) -> None:
    response = post(client, keys=keys)
    assert response.status_code == 204
    header = response.headers["X-Collector-Ignored"]
    assert header.startswith(told)
    assert header.isascii()
    assert len(header) < 120
    assert "secret" not in header


def test_beacons_of_a_paused_installation_are_stored(
    client: FlaskClient, database: Database, installation: Installation
) -> None:
    with database.write() as connection:
        installations.edit(connection, installation.project_id, {"paused": True}, datetime.now(UTC))
    assert post(client).status_code == 204
    assert len(reported_sessions(database)) == 1


def test_twenty_beacons_of_one_session_at_once_are_one_row(app: Flask, database: Database) -> None:
    start = Barrier(20)

    def one(_number: int) -> int:
        client = app.test_client()
        start.wait()
        return post(client).status_code

    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(one, range(20))) == [204] * 20
    (session,) = reported_sessions(database)
    assert session["beacons"] == 20
    assert len(rows(database, "SELECT * FROM sighting")) == 2
