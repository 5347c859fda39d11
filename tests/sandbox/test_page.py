"""The page, the state as JSON, and the server around them."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest

from collector.errors import AddressError
from collector.sandbox import Fault, Sandbox
from tests.sandbox.talk import batch, call, fields, one, send, token_for
from tests.sandbox_fixtures import PHONE_CALL_INSTALLATION

SECRET = PHONE_CALL_INSTALLATION.client_secret


@pytest.fixture
def connection(sandbox: Sandbox) -> Iterator[http.client.HTTPConnection]:
    address = urlsplit(sandbox.url)
    opened = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
    yield opened
    opened.close()


def test_the_page_shows_what_is_held_what_was_dropped_and_what_was_asked(sandbox: Sandbox) -> None:
    token = token_for(sandbox.url)
    sandbox.session_started(162, "grew-too-old", 9, datetime(2020, 1, 1, tzinfo=UTC))
    send(sandbox.url, token, batch(one(userId="held-user"), one(userId="grew-too-old")))
    old = one(userId="grew-too-old", sessionNumber=9, enrichment=fields(call_center_name="Orléans"))
    send(sandbox.url, token, batch(old))
    send(sandbox.url, token, batch(projectId=7))
    sandbox.add(Fault(kind="server_error"))
    page = call(sandbox.url, "GET", "/").body.decode()
    for shown in (
        "held-user",
        "RENNES",
        "Orléans",
        "never",
        "2020-01-01 00:00:00",
        "1 silently dropped",
        "projectId is 7, but the token is for project 162",
        PHONE_CALL_INSTALLATION.client_id,
        "call_duration INT",
        "Told to misbehave",
    ):
        assert shown in page


def test_neither_the_secret_nor_a_token_is_shown_anywhere(sandbox: Sandbox) -> None:
    token = token_for(sandbox.url)
    send(sandbox.url, token, batch())
    for path in ("/", "/sandbox/state"):
        shown = call(sandbox.url, "GET", path).body.decode()
        assert SECRET not in shown
        assert token not in shown
    assert SECRET not in repr(PHONE_CALL_INSTALLATION)


def test_what_a_client_sent_cannot_become_markup(sandbox: Sandbox) -> None:
    hostile = "<script>alert(1)</script>"
    enrichment = one(userId=hostile, enrichment=fields(call_center_name=hostile))
    send(sandbox.url, token_for(sandbox.url), batch(enrichment))
    page = call(sandbox.url, "GET", "/")
    assert hostile.encode() not in page.body
    assert page.headers["Content-Security-Policy"].startswith(
        "default-src 'none'; style-src 'self'"
    )
    assert b"style=" not in page.body
    assert call(sandbox.url, "GET", "/sandbox/static/sandbox.css").status == 200


def test_the_state_is_there_as_json_and_can_be_emptied(sandbox: Sandbox) -> None:
    token = token_for(sandbox.url)
    send(sandbox.url, token, batch())
    state = call(sandbox.url, "GET", "/sandbox/state").json()
    assert state["installations"] == [
        {
            "projectId": 162,
            "integrationId": 42,
            "clientId": PHONE_CALL_INSTALLATION.client_id,
            "versions": [1],
        }
    ]
    (held,) = state["enrichments"]
    assert held["userId"] == "aaa-aaa-aaa"
    assert held["enrichment"] == fields()
    assert [request["status"] for request in state["requests"]] == [200, 200]

    assert call(sandbox.url, "DELETE", "/sandbox/state").status == 204
    state = call(sandbox.url, "GET", "/sandbox/state").json()
    assert (state["enrichments"], state["requests"], state["dropped"]) == ([], [], [])
    assert send(sandbox.url, token, batch()).status == 200, "tokens outlive the state"


def test_the_page_shows_the_last_50_requests_of_all(sandbox: Sandbox) -> None:
    for _ in range(52):
        token_for(sandbox.url)
    assert len(sandbox.requests) == 52
    assert len(call(sandbox.url, "GET", "/sandbox/state").json()["requests"]) == 50


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        ["text"],
        [{"projectId": 1, "userId": "u", "sessionNumber": 1}],
        [{"projectId": 1, "userId": "u", "sessionNumber": 1, "startedAt": "2026-01-01T00:00:00"}],
        [{"projectId": True, "userId": "u", "sessionNumber": 1, "startedAt": "2026-01-01"}],
    ],
)
def test_session_starts_that_cannot_be_read_are_refused(sandbox: Sandbox, wrong: object) -> None:
    said = call(sandbox.url, "PUT", "/sandbox/sessions", wrong)
    assert said.status == 400
    assert said.json()["message"]


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/v1/enrichments", 405), ("GET", "/nowhere", 404)]
)
def test_what_is_not_there_is_said_in_json(
    sandbox: Sandbox, method: str, path: str, status: int
) -> None:
    said = call(sandbox.url, method, path)
    assert said.status == status
    assert said.json()["message"]


def test_one_connection_carries_many_requests(
    sandbox: Sandbox, connection: http.client.HTTPConnection
) -> None:
    token = token_for(sandbox.url)
    for _ in range(3):
        # Refused before its body matters: the body must not be taken for the next request.
        connection.request("POST", "/v1/enrichments", b"x" * 5000)
        assert connection.getresponse().read() == b'{"message": "Unauthorized"}'
    connection.request("GET", "/", headers={"Authorization": f"Bearer {token}"})
    assert connection.getresponse().read().startswith(b"<!doctype html>")
    assert [seen.connection for seen in sandbox.requests] == [1, 2, 2, 2]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Length": "99999999999999"}, 413),
        ({"Content-Length": "1" * 5000}, 413),
        ({"Content-Length": "-1"}, 411),
        ({"Transfer-Encoding": "chunked"}, 411),
    ],
)
def test_a_body_that_cannot_be_read_whole_ends_the_connection(
    connection: http.client.HTTPConnection, headers: dict[str, str], status: int
) -> None:
    connection.putrequest("POST", "/v1/enrichments")
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    with connection.getresponse() as response:
        assert (response.status, response.headers["Connection"]) == (status, "close")


def test_a_stopped_sandbox_answers_on_no_connection_that_was_open() -> None:
    with Sandbox([PHONE_CALL_INSTALLATION]) as sandbox:
        address = urlsplit(sandbox.url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
        connection.request("GET", "/sandbox/state")
        connection.getresponse().read()
        assert connection.sock is not None
        connection.auto_open = 0

    def ask_again() -> None:
        connection.request("GET", "/sandbox/state")
        connection.getresponse()

    with pytest.raises((http.client.HTTPException, OSError)):
        ask_again()
    connection.close()


def test_batches_from_many_threads_are_all_held(sandbox: Sandbox) -> None:
    token = token_for(sandbox.url)

    def send_one(number: int) -> int:
        return send(sandbox.url, token, batch(one(sessionNumber=number))).status

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(send_one, range(1, 41))) == {200}
    assert len(sandbox.held) == 40


def test_a_taken_port_is_said_in_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(AddressError, match=f"cannot listen on port {port}"):
            Sandbox([PHONE_CALL_INSTALLATION], port=port).start()


def test_the_address_is_known_only_while_it_runs() -> None:
    with pytest.raises(RuntimeError, match="not running"):
        _ = Sandbox([PHONE_CALL_INSTALLATION]).url


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_in_the_foreground_it_stops_cleanly_on_a_signal(number: signal.Signals) -> None:
    program = textwrap.dedent("""
        from collector.sandbox import Sandbox
        with Sandbox([]) as sandbox:
            sandbox.serve_forever(ready=lambda: print(sandbox.url, flush=True))
        print("stopped", flush=True)
    """)
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert call(url, "GET", "/sandbox/state").status == 200
        os.kill(process.pid, number)
        rest, errors = process.communicate(timeout=20)
    assert (process.returncode, rest, errors) == (0, "stopped\n", "")
