"""What is sent stays what it is: no part of it becomes SQL, a header, or more than was sent."""

from __future__ import annotations

import gzip
import json
import socket

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from collector.storage.database import Database
from tests.web.beaconing import TEXT, code_of, post
from tests.web.conftest import (
    BEACON,
    ORIGIN,
    PROJECT,
    Start,
    before_sql,
    reported_sessions,
    rows,
    stored_keys,
)
from tests.web.hooking import JSON, bearer
from tests.web.pages.conftest import Board, board, open_board, text_of

__all__ = ["board", "open_board"]

#: Each would do harm, or fail, where text is put into a statement.
SQL = (
    "'; DELETE FROM session; --",
    "\" OR ''='",
    "x' UNION SELECT client_secret FROM installation --",
    "\\'; DROP TABLE call; --",
    "%s %(project_id)s :project_id ? $1 {0}",
    "report_calls%' ESCAPE '",
)


def test_no_value_of_a_beacon_or_a_call_becomes_sql(
    client: FlaskClient, database: Database, token: str
) -> None:
    for number, text in enumerate(SQL, 1):
        beacon = {**BEACON, "sessionNumber": number, "keys": {"visitor_id": text}}
        assert post(client, beacon).status_code == 204
        refused = post(client, {**beacon, "userId": text})
        assert code_of(refused) == (400, "invalid_beacon")
        assert stored_keys(database)["visitor_id"] in SQL
        record = {"call_id": text, "started": "2026-01-31T14:05:00Z", "visitor_id": text}
        answer = client.post(
            "/v1/calls",
            data=json.dumps({**record, "duration_s": 1, "status": text}),
            headers={"Content-Type": JSON, **bearer(token)},
        )
        assert answer.status_code == 200, answer.text
    assert len(reported_sessions(database)) == len(SQL)
    assert {row["call_id"] for row in rows(database, "SELECT call_id FROM call")} == set(SQL)
    found = rows(database, "SELECT value FROM sighting WHERE kind = 'visitor_id'")
    assert {row["value"] for row in found} == set(SQL)


def test_nothing_that_is_looked_for_on_a_page_becomes_sql(
    client: FlaskClient, database: Database, token: str, board: Board
) -> None:
    names = ("q", "project", "verdict", "reason", "rule", "from", "to", "after")
    for name, text in zip(names, SQL * 2, strict=False):
        answer = board.get("/calls", query_string={name: text})
        assert answer.status_code == 200, (name, answer.text)
    answer = board.get("/", query_string=dict.fromkeys(("project", "from", "to", "days"), SQL[0]))
    assert answer.status_code == 200, answer.text
    assert "Shop" in text_of(board.get(f"/installations/{PROJECT}"))
    after = "2026-01-01T00:00:00+00:00,162,'; DELETE FROM installation; --"
    assert board.get("/calls", query_string={"after": after}).status_code == 200
    with database.read() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM installation")).scalar() == 1


@before_sql
def test_no_header_is_added_by_what_is_sent(start: Start) -> None:
    server = start()
    beacon = json.dumps({**BEACON, "keys": {"a\r\nX-Evil: 1": "x"}})
    for evil, path in (
        (f"Origin: {ORIGIN}\rX-Evil: 1", "/v1/sessions"),
        (f"Origin: {ORIGIN}\nX-Evil: 1", "/v1/sessions"),
        (f"Origin: {ORIGIN}\0X-Evil: 1", "/v1/sessions"),
        (f"Origin: {ORIGIN}", "/v1/sessions"),
        ("X-Request-ID: a\rX-Evil: 1", "/v1/sessions"),
        ("X: y", "/v1/sessions%0d%0aX-Evil:%201"),
        ("X: y", "/login?next=/%0d%0aX-Evil:%201"),
    ):
        with socket.create_connection(server.address, timeout=60) as line:
            line.sendall(
                f"POST {path} HTTP/1.1\r\nHost: here\r\n{evil}\r\nContent-Type: {TEXT}\r\n"
                f"Content-Length: {len(beacon)}\r\nConnection: close\r\n\r\n{beacon}".encode()
            )
            head = b""
            while b"\r\n\r\n" not in head and (part := line.recv(4096)):
                head += part
        head = head.partition(b"\r\n\r\n")[0]
        assert head.startswith(b"HTTP/1.1 "), (evil, head)
        names = [each.partition(b":")[0].strip().lower() for each in head.splitlines()]
        assert b"x-evil" not in names, (evil, head)
    server.stop()
    assert "X-Evil" not in [each.partition(":")[0] for each in server.log().splitlines()]


@before_sql
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
def test_a_packed_body_is_not_unpacked(
    client: FlaskClient, database: Database, token: str, encoding: str
) -> None:
    bomb = gzip.compress(b"[" + b" " * 3_000_000 + b"]")
    headers = {"Content-Encoding": encoding}
    beacon = client.post(
        "/v1/sessions", data=bomb[:8000], headers={**headers, "Content-Type": TEXT}
    )
    assert code_of(beacon) == (400, "malformed_body")
    calls = client.post(
        "/v1/calls", data=bomb, headers={**headers, "Content-Type": JSON, **bearer(token)}
    )
    assert code_of(calls) == (400, "malformed_body")
