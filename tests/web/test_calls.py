"""What the call endpoint stores, refuses record by record, and refuses as a whole."""

from __future__ import annotations

import io
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from collector.storage import installations, tokens
from collector.storage.database import Database
from tests.web.conftest import PROJECT, Open, before_sql, make_token, rows

STARTED = datetime.now(UTC) - timedelta(hours=1)


def record(call_id: object = "c-1", **changes: object) -> dict[str, object]:
    return {
        "call_id": call_id,
        "started": STARTED.isoformat(),
        "duration_s": 75,
        "status": "completed",
        "visitor_id": "v-1",
        "dialled_number": "01 99 00 12 34",
        **changes,
    }


def post(client: FlaskClient, token: str | None, body: object, **options: Any) -> TestResponse:
    data = body if isinstance(body, bytes) else json.dumps(body)
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return client.post(
        "/v1/calls", data=data, headers=headers, **{"content_type": "application/json", **options}
    )


def counts(response: TestResponse) -> tuple[int, int, int, int]:
    body = response.get_json()
    return body["new"], body["updated"], body["unchanged"], len(body["refused"])


def call_ids(database: Database) -> list[str]:
    return [row["call_id"] for row in rows(database, "SELECT * FROM report_calls ORDER BY call_id")]


def test_one_record_is_stored_as_a_waiting_call(
    client: FlaskClient, database: Database, token: str
) -> None:
    response = post(client, token, record())
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
    (call,) = rows(database, "SELECT * FROM report_calls")
    assert (call["project_id"], call["call_id"], call["verdict"]) == (PROJECT, "c-1", "waiting")
    keys = {row["kind"]: row["value"] for row in rows(database, "SELECT * FROM call_key")}
    assert keys == {"visitor_id": "v-1", "tracking_number": "+33199001234"}


def test_the_same_again_is_unchanged_and_other_content_an_update(
    client: FlaskClient, database: Database, token: str
) -> None:
    assert counts(post(client, token, [record("a"), record("b")])) == (2, 0, 0, 0)
    again = post(client, token, [record("a"), record("b", duration_s=80), record("c")])
    assert counts(again) == (1, 1, 1, 0)
    assert call_ids(database) == ["a", "b", "c"]


def test_bad_records_are_told_by_index_and_never_stop_good_ones(
    client: FlaskClient, database: Database, token: str
) -> None:
    records = [
        record("a"),
        record("b", started="yesterday"),
        "text",
        record(None),
        record("e", duration_s=-5),
        record("f", visitor_id=["list"]),
        record(7),
        record("h", status="\u0000"),
        record("\ud800"),
    ]
    response = post(client, token, records)
    assert response.status_code == 200
    refused = response.get_json()["refused"]
    assert [(each["index"], each["call_id"], each["code"]) for each in refused] == [
        (1, "b", "bad_time"),
        (2, None, "not_an_object"),
        (3, None, "no_call_id"),
        (4, "e", "ends_before_start"),
        (5, "f", "not_a_scalar"),
        (7, "h", "bad_text"),
        (8, None, "bad_text"),
    ]
    assert all(each["message"] for each in refused)
    assert call_ids(database) == ["7", "a"]


@before_sql
@pytest.mark.parametrize("body", [record(None), [record(None)], [record(None), 5]])
def test_a_request_of_which_nothing_could_be_read_is_unprocessable(
    client: FlaskClient, database: Database, token: str, body: object
) -> None:
    response = post(client, token, body)
    assert response.status_code == 422
    assert counts(response)[:3] == (0, 0, 0)
    assert response.get_json()["refused"][0]["code"] == "no_call_id"
    assert call_ids(database) == []


@before_sql
def test_an_empty_array_is_nothing_to_do(client: FlaskClient, token: str) -> None:
    response = post(client, token, [])
    assert (response.status_code, counts(response)) == (200, (0, 0, 0, 0))


@pytest.mark.parametrize(("number", "status"), [(1000, 200), (1001, 413)])
def test_a_request_holds_at_most_1000_records(
    client: FlaskClient, database: Database, token: str, number: int, status: int
) -> None:
    response = post(client, token, [record(f"c-{index}") for index in range(number)])
    assert response.status_code == status
    if status == 413:
        assert response.headers["X-Collector-Error"] == "too_many_records"
    assert len(call_ids(database)) == (number if status == 200 else 0)


@before_sql
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(("size", "status"), [(4 * 2**20, 200), (4 * 2**20 + 1, 413)])
def test_a_body_may_have_4_mib(
    client: FlaskClient, token: str, size: int, status: int, chunked: bool
) -> None:
    body = json.dumps(record()).encode()
    body += b" " * (size - len(body))
    response = client.post(
        "/v1/calls",
        input_stream=io.BytesIO(body),
        headers={
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
        },
        environ_overrides=(
            {"wsgi.input_terminated": True} if chunked else {"CONTENT_LENGTH": str(size)}
        ),
    )
    assert response.status_code == status


@before_sql
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"5",
        b'"text"',
        b"null",
        b"[NaN]",
        b'{"call_id": "a", "rating": 1e999}',
        b"[" * 100_000,
        b"\xff",
        b'{"call_id": "a", "call_id": "b"}',
    ],
    ids=lambda body: repr(body[:30]),
)
def test_a_body_that_is_no_record_and_no_array_is_malformed(
    client: FlaskClient, token: str, body: bytes
) -> None:
    response = post(client, token, body)
    assert response.status_code == 400
    assert response.headers["X-Collector-Error"] == "malformed_body"


@before_sql
@pytest.mark.parametrize("media_type", ["text/plain", "text/csv", None])
def test_calls_are_json(client: FlaskClient, token: str, media_type: str | None) -> None:
    response = post(client, token, record(), content_type=media_type)
    assert response.status_code == 415
    assert response.headers["X-Collector-Error"] == "unsupported_media_type"


@before_sql
def test_without_a_token_nothing_is_stored(client: FlaskClient, database: Database) -> None:
    response = post(client, None, record())
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="collector"'
    assert response.headers["X-Collector-Error"] == "token_missing"
    assert call_ids(database) == []


@before_sql
@pytest.mark.parametrize(
    ("given", "code", "error"),
    [
        ("", "token_missing", ""),
        ("Basic", "token_missing", ""),
        ("x", "token_invalid", ', error="invalid_token"'),
        ("wrong secret", "token_invalid", ', error="invalid_token"'),
        ("revoked", "token_invalid", ', error="invalid_token"'),
        ("expired", "token_expired", ', error="invalid_token"'),
        ("expired, wrong secret", "token_invalid", ', error="invalid_token"'),
        ("other scope", "token_out_of_scope", ', error="insufficient_scope"'),
    ],
)
def test_a_token_that_does_not_fit_is_refused(
    client: FlaskClient, database: Database, token: str, given: str, code: str, error: str
) -> None:
    expired = make_token(database, expires_at=datetime.now(UTC))
    header = {
        "wrong secret": f"Bearer {with_another_end(token)}",
        "expired, wrong secret": f"Bearer {with_another_end(expired)}",
        "expired": f"Bearer {expired}",
        "other scope": f"Bearer {make_token(database, scope='other')}",
        "revoked": f"Bearer {token}",
        "Basic": "Basic dXNlcjpwYXNz",
    }.get(given, f"Bearer {given}")
    if given == "revoked":
        with database.write() as connection:
            tokens.revoke(connection, token.split("_")[2])
    response = client.post(
        "/v1/calls",
        data=json.dumps(record()),
        headers={"Authorization": header, "Content-Type": "application/json"},
    )
    assert response.status_code == (403 if code == "token_out_of_scope" else 401)
    assert response.headers["X-Collector-Error"] == code
    assert response.headers["WWW-Authenticate"] == f'Bearer realm="collector"{error}'
    assert call_ids(database) == []


def with_another_end(token: str) -> str:
    return token[:-1] + ("a" if token[-1] != "a" else "b")


def test_a_token_tells_when_it_was_last_used(
    client: FlaskClient, database: Database, token: str
) -> None:
    begun = datetime.now(UTC)
    lasting = make_token(database, expires_at=begun + timedelta(hours=1))
    for sent in (token, lasting, lasting):
        assert post(client, sent, record()).status_code == 200
    with database.read() as connection:
        used = [each.last_used_at for each in tokens.list_all(connection)]
    assert all(at is not None and begun <= at <= datetime.now(UTC) for at in used)


def test_a_token_writes_to_its_own_project_only(
    client: FlaskClient, database: Database, token: str
) -> None:
    post(client, token, record(project_id=163, projectId=163))
    assert [row["project_id"] for row in rows(database, "SELECT * FROM report_calls")] == [PROJECT]


def test_a_removed_installation_takes_its_tokens_along(
    client: FlaskClient, database: Database, token: str
) -> None:
    with database.write() as connection:
        installations.remove(connection, PROJECT, with_data=True)
    assert post(client, token, record()).status_code == 401


@before_sql
@pytest.mark.parametrize("text", [None, "not [ toml", 'name = "no calls table"'])
def test_a_definition_that_cannot_be_used_is_told_to_the_operator_only(
    client: FlaskClient, token: str, definition_file: Path, text: str | None
) -> None:
    if text is None:
        definition_file.unlink()
    else:
        definition_file.write_text(text)
    with structlog.testing.capture_logs() as lines:
        response = post(client, token, record())
    assert response.status_code == 503
    assert response.headers["X-Collector-Error"] == "definition_unavailable"
    assert str(definition_file) not in response.get_data(as_text=True)
    assert any(str(definition_file) in line.get("error", "") for line in lines)


@before_sql
def test_a_changed_definition_is_read_again(
    client: FlaskClient, database: Database, token: str, definition_file: Path
) -> None:
    assert post(client, token, record("a")).status_code == 200
    text = definition_file.read_text()
    definition_file.write_text(text.replace('id = "call_id"', 'id = "number"'))
    os.utime(definition_file, (1_700_000_000, 1_700_000_000))
    assert post(client, token, record("b")).get_json()["refused"][0]["code"] == "no_call_id"
    definition_file.write_text("broken")
    os.utime(definition_file, (1_700_000_001, 1_700_000_001))
    assert post(client, token, record("c")).status_code == 503
    definition_file.write_text(text)
    assert post(client, token, record("d")).status_code == 200
    assert call_ids(database) == ["a", "d"]


@before_sql
def test_without_a_database_calls_are_asked_to_come_again(
    open_app: Open, tmp_path: Path, token: str
) -> None:
    client = open_app(f"sqlite:///{tmp_path}/no/such/directory/collector.db").test_client()
    response = post(client, token, record())
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "5"
    assert response.headers["X-Collector-Error"] == "database_unavailable"
