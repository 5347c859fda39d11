"""Who sends slowly, or nothing, is sent away in the end, and keeps nobody else waiting."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from functools import partial

from tests.web.beaconing import TEXT
from tests.web.conftest import ORIGIN, Start, before_sql
from tests.web.test_express import PLAIN, Page

LONG = 100_000


@before_sql
def test_bodies_and_heads_that_do_not_end_are_not_waited_for(start: Start) -> None:
    server = start("--threads", "1", COLLECTOR_CLIENT_SECONDS="1")

    def begin(head: str, body: bytes = b"") -> socket.socket:
        line = opened.enter_context(socket.create_connection(server.address, timeout=60))
        line.sendall(head.encode() + body)
        return line

    with ExitStack() as opened:
        beacon = (
            "POST /v1/sessions HTTP/1.1\r\nHost: here\r\n"
            f"Content-Type: {TEXT}\r\nOrigin: {ORIGIN}\r\n"
        )
        calls = "POST /v1/calls HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
        slow = [
            begin(beacon + "Content-Length: 100\r\n\r\n", b'{"pro'),
            begin(beacon + "Transfer-Encoding: chunked\r\n\r\n", b'3\r\n{"p\r\n'),
            begin(calls + "Content-Length: 100\r\n\r\n", b"["),
        ]
        # It has the one place for long bodies, for four times as long.
        long = begin(calls + f"Content-Length: {LONG}\r\n\r\n", b"[")
        headless = [begin(beacon), begin("")]
        with Page(server) as page:
            assert page.post(PLAIN)[0] == 204
        answers = [b"".join(iter(partial(line.recv, 1000), b"")) for line in slow]
        assert b" 401 " in answers.pop().splitlines()[0]  # asked for a token before
        for answer in answers:
            assert answer.startswith(b"HTTP/1.1 408 ")
            assert b'"too_slow"' in answer
            assert b"access-control-allow-origin" in answer.lower()
        for line in headless:
            assert line.recv(1000) == b""
        long.sendall(b" " * (LONG - 2) + b"]")
        assert b" 401 " in long.recv(1000)
