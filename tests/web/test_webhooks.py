"""What call platforms post is taken in, answered as they want it, and never twice."""

from __future__ import annotations

import json
from typing import Any

import pytest
import structlog
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from collector.storage.database import Database
from collector.storage.secrets import SecretBox
from tests.web.conftest import PROJECT, Open, before_sql, make_token, rows
from tests.web.hooking import (
    CALLRAIL,
    DEFINITION,
    FORM,
    INFINITY,
    INVOCA,
    JSON,
    PUBLIC_URL,
    TWILIO,
    basic,
    bearer,
    by_callrail,
    by_twilio,
    path,
    store_secret,
)


def post_form(client: FlaskClient, form: bytes, **headers: str) -> TestResponse:
    """What Twilio posts, rightly signed."""
    signed = by_twilio(PUBLIC_URL + path("twilio"), form)
    return client.post(path("twilio"), data=form, content_type=FORM, headers={**signed, **headers})


def post_json(client: FlaskClient, preset: str, body: object, token: str) -> TestResponse:
    data = body if isinstance(body, bytes) else json.dumps(body)
    return client.post(path(preset), data=data, content_type=JSON, headers=bearer(token))


def calls(database: Database) -> list[dict[str, Any]]:
    return rows(database, "SELECT * FROM report_calls ORDER BY call_id")


def refused(database: Database) -> list[dict[str, Any]]:
    return rows(database, "SELECT * FROM refused_record ORDER BY code")


def test_what_twilio_signs_is_stored_and_answered_without_a_body(
    twilio: FlaskClient, database: Database
) -> None:
    response = post_form(twilio, TWILIO)
    assert (response.status_code, response.data) == (204, b"")
    (call,) = calls(database)
    assert call["call_id"] == "CA00000000000000000000000000000001"
    assert (call["source"], call["verdict"], call["answered"]) == ("twilio", "waiting", True)


def test_what_callrail_signs_is_stored_and_counted(
    hooks: FlaskClient, database: Database, secret_key: str
) -> None:
    store_secret(database, secret_key, "callrail")
    response = hooks.post(
        path("callrail"), data=CALLRAIL, content_type=JSON, headers=by_callrail(CALLRAIL)
    )
    assert response.status_code == 200
    assert response.get_json() == {
        "new": 1,
        "updated": 0,
        "unchanged": 0,
        "forgotten": 0,
        "too_old": 0,
        "passed_over": 0,
        "refused": [],
    }
    assert [call["call_id"] for call in calls(database)] == ["766970532"]


@before_sql
@pytest.mark.parametrize("kind", [bearer, basic])
def test_a_platform_that_signs_nothing_gives_a_token(
    hooks: FlaskClient, database: Database, token: str, kind: Any
) -> None:
    response = hooks.post(path("invoca"), data=INVOCA, content_type=JSON, headers=kind(token))
    assert response.status_code == 200
    assert [call["source"] for call in calls(database)] == ["invoca"]


def test_infinity_asks_with_the_record_in_the_query_and_is_answered_200(
    hooks: FlaskClient, database: Database, token: str
) -> None:
    response = hooks.get(path("infinity"), query_string=INFINITY, headers=basic(token))
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    assert [call["call_id"] for call in calls(database)] == ["1234567890"]
    again = hooks.post(path("infinity"), data=INFINITY, content_type=FORM, headers=basic(token))
    assert again.get_json()["unchanged"] == 1


@before_sql
def test_a_query_without_a_token_stores_nothing(hooks: FlaskClient, database: Database) -> None:
    response = hooks.get(path("infinity"), query_string=INFINITY)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Basic ")
    assert calls(database) == []


def test_the_same_again_changes_nothing(twilio: FlaskClient, database: Database) -> None:
    assert post_form(twilio, TWILIO).status_code == 204
    before = calls(database)
    assert post_form(twilio, TWILIO).status_code == 204
    assert calls(database) == before


def test_an_older_event_that_comes_late_changes_nothing(
    twilio: FlaskClient, database: Database
) -> None:
    earlier = TWILIO.replace(b"20%3A36%3A44", b"20%3A36%3A40").replace(b"completed", b"busy")
    assert earlier != TWILIO
    post_form(twilio, TWILIO)
    before = calls(database)
    assert post_form(twilio, earlier).status_code == 204
    assert calls(database) == before


@before_sql
def test_what_describes_no_call_is_passed_over(
    twilio: FlaskClient, database: Database, token: str
) -> None:
    ringing = TWILIO.replace(b"CallStatus=completed", b"CallStatus=ringing")
    assert post_form(twilio, ringing).status_code == 204
    response = post_json(
        twilio, "invoca", {**json.loads(INVOCA), "transaction_type": "Sale"}, token
    )
    assert (response.status_code, response.get_json()["passed_over"]) == (200, 1)
    assert (calls(database), refused(database)) == ([], [])


def test_a_record_that_cannot_be_read_is_kept_and_answered_as_taken(
    twilio: FlaskClient, database: Database, token: str, secret_key: str
) -> None:
    nameless = TWILIO.replace(b"CallSid=CA00000000000000000000000000000001", b"CallSid=")
    assert post_form(twilio, nameless).status_code == 204
    good = json.loads(INVOCA)
    bad = {**good, "complete_call_id": "b", "start_time_utc": "yesterday"}
    response = post_json(twilio, "invoca", [good, bad, 5], token)
    assert response.status_code == 200
    told = response.get_json()
    assert told["new"] == 1
    assert [(each["index"], each["call_id"], each["code"]) for each in told["refused"]] == [
        (1, "b", "bad_time"),
        (2, None, "not_an_object"),
    ]
    kept = {row["code"]: row for row in refused(database)}
    assert kept.keys() == {"bad_time", "no_call_id", "not_an_object"}
    assert kept["bad_time"]["origin"] == path("invoca")
    assert kept["no_call_id"]["source"] == "twilio"
    assert json.loads(SecretBox([secret_key]).open(kept["bad_time"]["record"])) == bad


def test_a_body_that_is_no_json_is_kept_like_a_record(
    hooks: FlaskClient, database: Database, token: str, secret_key: str
) -> None:
    body = b'{"complete_call_id": "a", "notes": "she said "yes""} \xff'
    response = post_json(hooks, "invoca", body, token)
    assert response.status_code == 200
    assert response.get_json()["refused"][0]["code"] == "not_json"
    (kept,) = refused(database)
    assert "yes" not in kept["message"]
    opened = SecretBox([secret_key]).open(kept["record"])
    assert opened == body.decode(errors="backslashreplace")


@before_sql
def test_without_a_key_the_reason_alone_is_kept(
    open_app: Open, database: Database, database_url: str, token: str
) -> None:
    client = open_app(database_url, integration=str(DEFINITION)).test_client()
    assert post_json(client, "invoca", {}, token).status_code == 200
    assert post_json(client, "invoca", INVOCA, token).get_json()["new"] == 1
    (kept,) = refused(database)
    assert (kept["record"], kept["code"]) == (None, "no_call_id")


@before_sql
@pytest.mark.parametrize(
    ("more", "code"),
    [
        (b"&To=%2B12025550188", None),  # the same twice
        (b"&Tag=a&Tag=b", None),  # no column of ours
        (b"&CallSid=CA00000000000000000000000000000002", "not_a_scalar"),
    ],
)
def test_a_field_with_several_values_is_refused_only_where_it_is_needed(
    twilio: FlaskClient, database: Database, more: bytes, code: str | None
) -> None:
    assert post_form(twilio, TWILIO + more).status_code == 204
    assert [row["code"] for row in refused(database)] == ([code] if code else [])
    assert len(calls(database)) == (0 if code else 1)


@before_sql
@pytest.mark.parametrize("name", [b"%E9", b"\xe9"])
def test_letters_that_are_not_utf_8_do_not_cost_the_call(
    hooks: FlaskClient, database: Database, token: str, name: bytes
) -> None:
    form = TWILIO + b"&CallerName=" + name
    response = hooks.post(path("twilio"), data=form, content_type=FORM, headers=basic(token))
    assert response.status_code == 204
    assert len(calls(database)) == 1


@before_sql
def test_the_logs_are_told_counts_and_nothing_of_callers(
    twilio: FlaskClient, database: Database
) -> None:
    token = make_token(database)
    with structlog.testing.capture_logs() as lines:
        post_form(twilio, TWILIO)
        twilio.get(path("infinity"), query_string=INFINITY, headers=basic(token))
        post_json(twilio, "invoca", b"{", token)
    received = [line for line in lines if line["event"] == "calls_received"]
    assert [(line["source"], line["new"], line["refused"]) for line in received] == [
        ("twilio", 1, 0),
        ("infinity", 1, 0),
        ("invoca", 0, 1),
    ]
    assert {line["project_id"] for line in received} == {PROJECT}
    for personal in ("2025550", "442079460", "CA0000", "1234567890"):
        assert personal not in str(lines)
