"""Which bodies are read at all: how long, and what counts as JSON."""

from __future__ import annotations

import io
import json

import pytest
from flask.testing import FlaskClient

from collector.storage.database import Database
from tests.web.beaconing import TEXT, code_of, post
from tests.web.conftest import BEACON, before_sql, reported_sessions


@before_sql
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"null",
        b"162",
        b'{"projectId": NaN}',
        b'{"projectId": -Infinity}',
        b'{"projectId": 1e999}',
        b'{"projectId": ' + b"1" * 5000 + b"}",
        b'{"projectId": 162, "projectId": 163}',
        b'{"projectId": 162, "userId": "\xff"}',
        b"\xef\xbb\xbf{}",
        '{"projectId": 162}'.encode("utf-16"),
        b"[" * 8000,
        b'{"a":' * 1600,
        b"projectId=162&userId=a",
    ],
    ids=lambda body: repr(body[:30]),
)
def test_what_is_no_json_object_is_malformed(client: FlaskClient, body: bytes) -> None:
    assert code_of(post(client, body)) == (400, "malformed_body")


def padded(size: int) -> bytes:
    beacon = json.dumps(BEACON).encode()
    return beacon + b" " * (size - len(beacon))


@before_sql
@pytest.mark.parametrize(("size", "status"), [(8192, 204), (8193, 413), (100_000, 413)])
def test_a_body_may_have_8_kib(client: FlaskClient, size: int, status: int) -> None:
    assert post(client, padded(size)).status_code == status


@before_sql
@pytest.mark.parametrize(("size", "status"), [(8192, 204), (8193, 413), (100_000, 413)])
def test_a_body_without_a_declared_length_may_have_no_more(
    client: FlaskClient, database: Database, size: int, status: int
) -> None:
    response = client.post(
        "/v1/sessions",
        input_stream=io.BytesIO(padded(size)),
        headers={"Content-Type": TEXT, "Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert response.status_code == status
    assert len(reported_sessions(database)) == (1 if status == 204 else 0)


@before_sql
@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ("9000", (413, "too_large")),
        ("8000", (400, "malformed_body")),
        ("5", (400, "malformed_body")),
    ],
)
def test_a_declared_length_that_lies_is_refused(
    client: FlaskClient, declared: str, expected: tuple[int, str]
) -> None:
    response = client.post(
        "/v1/sessions",
        input_stream=io.BytesIO(json.dumps(BEACON).encode()),
        headers={"Content-Type": TEXT},
        environ_overrides={"CONTENT_LENGTH": declared},
    )
    assert code_of(response) == expected
