"""``collector serve`` as a process: what it acknowledges, refuses, and how it stops."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import sqlalchemy as sa

from collector.storage.database import Database
from tests.web import serving
from tests.web.conftest import (
    BEACON,
    ORIGIN,
    Start,
    before_sql,
    counted,
    reported_sessions,
    rows,
)
from tests.web.serving import Serving

HEADERS = {"Content-Type": "text/plain", "Origin": ORIGIN}


def post(server: Serving, body: object = BEACON) -> requests.Response:
    data = body if isinstance(body, bytes | Iterator) else json.dumps(body)
    return requests.post(f"{server.url}/v1/sessions", data=data, headers=HEADERS, timeout=20)


def pieces(size: int) -> Iterator[bytes]:
    """A beacon of so many bytes, in pieces: requests sends it chunked."""
    beacon = json.dumps(BEACON).encode()
    yield beacon
    for _ in range(size - len(beacon)):
        yield b" "


def test_what_is_acknowledged_is_in_sql_and_a_signal_to_stop_is_obeyed(
    start: Start, database: Database
) -> None:
    server = start()
    response = post(server)
    assert (response.status_code, response.content) == (204, b"")
    assert [row["session_key"] for row in reported_sessions(database)] == ["ae267-6g87D-88Nn6od.4"]
    assert server.stop() == 0
    assert server.log() == ""


@before_sql
def test_a_request_in_flight_is_answered_before_the_server_stops(
    start: Start, database: Database
) -> None:
    server = start()
    body = json.dumps(BEACON).encode()
    with socket.create_connection(server.address, timeout=20) as connection:
        connection.sendall(
            b"POST /v1/sessions HTTP/1.1\r\nHost: collector.example\r\n"
            b"Content-Type: text/plain\r\nExpect: 100-continue\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body)
        )
        # The server asks for the body once the view reads it: now the request is in flight.
        assert connection.recv(1000).startswith(b"HTTP/1.1 100 ")
        server.process.send_signal(signal.SIGTERM)
        server.wait_until_closed()
        connection.sendall(body)
        assert connection.recv(1000).startswith(b"HTTP/1.1 204 ")
    assert server.process.wait(serving.DEADLINE_SECONDS) == 0
    assert len(reported_sessions(database)) == 1
    assert sum(counted(database).values()) == 1


#: Notes which processes take their interpreter apart at their end.
AT_THE_END = """
import os, sys
class Last:
    def __del__(self, write=os.write, to=os.open({path!r}, os.O_CREAT | os.O_APPEND | os.O_WRONLY)):
        write(to, b"%d " % pid)
pid = os.getpid()
if "resource_tracker" not in sys.orig_argv[-1]:
    sys.last = Last()
"""


@before_sql
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_all_its_processes_at_once_stops_it_cleanly(
    start: Start, number: int, tmp_path: Path
) -> None:
    ended = tmp_path / "ended"
    (tmp_path / "sitecustomize.py").write_text(AT_THE_END.format(path=str(ended)))
    server = start("--processes", "2", PYTHONPATH=str(tmp_path))
    assert server.stop_group(number) == 0
    # A worker leaves at once: a thread of its server that wakes up too late would abort it.
    assert ended.read_text().split() == [str(server.process.pid)]


@before_sql
def test_the_line_at_the_start_names_a_script_tag_that_works(start: Start) -> None:
    server = start("--host", "localhost")
    found = re.search(r'<script async src="([^"]+)"></script>', server.announced)
    assert found
    response = requests.get(found[1], timeout=20)
    assert response.headers["Content-Type"] == "text/javascript; charset=utf-8"


@before_sql
def test_a_port_in_use_is_told_in_one_sentence(
    start: Start, database_url: str, tmp_path: Path
) -> None:
    _, port = start().address
    second = serving.run(database_url, "--port", str(port), folder=tmp_path)
    assert second.returncode == 1
    assert f"port {port}" in second.stderr
    assert len(second.stderr.splitlines()) == 1


def test_a_database_that_is_not_migrated_is_not_served(
    empty_database_url: str, tmp_path: Path
) -> None:
    refused = serving.run(empty_database_url, "--port", "0", folder=tmp_path)
    assert refused.returncode == 1
    assert "collector db upgrade" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert refused.stdout == ""


@before_sql
def test_bodies_are_bounded_whatever_their_headers_say(start: Start, database: Database) -> None:
    server = start()
    assert post(server, pieces(8192)).status_code == 204
    assert post(server, pieces(8193)).status_code == 413
    assert post(server, b"x" * 5_000_000).headers["X-Collector-Error"] == "too_large"
    with socket.create_connection(server.address, timeout=20) as connection:
        connection.sendall(
            b"POST /v1/sessions HTTP/1.1\r\nHost: collector.example\r\n"
            b"Content-Type: text/plain\r\nContent-Length: 9000000\r\n\r\n"
        )
        # Refused for what it claims, without waiting for it.
        assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")
    whole = json.dumps({**BEACON, "userId": "early"}).encode()
    plain = json.dumps({"projectId": 162, "sessionKey": "early.1"}).encode()
    for body in (whole, plain):  # by the view, and before it
        assert _in_part(server, body).startswith(b"HTTP/1.1 400 ")
    with socket.create_connection(server.address, timeout=20) as connection:
        answer = b""
        # It may hang up while headers without an end still come in, its answer unread.
        with contextlib.suppress(ConnectionError):
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: collector.example\r\nX: ")
            connection.sendall(b"x" * 1_000_000)
            connection.sendall(b"\r\n\r\n")
            answer = connection.recv(1000)
        assert b" 200 " not in answer
    assert [row["beacons"] for row in reported_sessions(database)] == [1]


def _in_part(server: Serving, body: bytes) -> bytes:
    """What is answered to a client that goes before it has sent as much as it said."""
    with socket.create_connection(server.address, timeout=20) as connection:
        connection.sendall(
            b"POST /v1/sessions HTTP/1.1\r\nHost: collector.example\r\n"
            b"Content-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % (len(body) + 1) + body
        )
        connection.shutdown(socket.SHUT_WR)
        return connection.recv(1000)


@before_sql
def test_nothing_is_kept_of_who_sent_a_beacon_and_from_which_page(
    start: Start, database: Database
) -> None:
    server = start(
        COLLECTOR_LOG_LEVEL="debug", COLLECTOR_LOG_FORMAT="json", COLLECTOR_PROXY_HOPS="1"
    )
    markers = ["203.0.113.7", "Marker-Agent", "/a-private-page", "127.0.0.2"]
    headers = {
        "Content-Type": "text/plain",
        "User-Agent": "Marker-Agent/1.0",
        "Referer": f"{ORIGIN}/a-private-page?q=1",
        "X-Forwarded-For": "203.0.113.7",
        "Forwarded": "for=203.0.113.7",
    }
    bodies = [
        json.dumps(BEACON),
        json.dumps({**BEACON, "page": "/a-private-page"}),
        "{",
        "x" * 9000,
    ]
    answers = [
        _post_from_elsewhere(server, body, {**headers, "Origin": origin})
        for body in bodies
        for origin in (ORIGIN, "https://elsewhere.example")
    ]
    assert answers == [204, 403, 204, 403, 400, 400, 413, 413]
    assert server.stop() == 0
    stored = "".join(
        repr(rows(database, f'SELECT * FROM "{table}"'))
        for table in sa.inspect(database.engine).get_table_names()
    )
    assert "ae267-6g87D-88Nn6od" in stored
    assert "origin_not_allowed" in server.log()
    for marker in markers:
        assert marker not in stored
        assert marker not in server.log()


def _post_from_elsewhere(server: Serving, body: str, headers: dict[str, str]) -> int:
    # An address of loopback that the server itself does not have (only Linux has several).
    source = ("127.0.0.2", 0) if sys.platform == "linux" else None
    connection = http.client.HTTPConnection(*server.address, timeout=20, source_address=source)
    connection.request("POST", "/v1/sessions", body=body, headers=headers)
    status = connection.getresponse().status
    connection.close()
    return status
