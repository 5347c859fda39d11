"""The tiny short form of ``python -m tests.torture.hosts``: what a cut-off host has not yet sent.

Without namespaces it is skipped. The rest takes processes, which the suite has no time for.
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from http.client import parse_headers
from pathlib import Path
from threading import Thread

import pytest

from collector.contentsquare import wire
from collector.contentsquare.wire import Exchange, Wire
from tests.torture import hosts_net
from tests.torture.hosts_findings import doubled

#: Whatever needs so long has failed.
DEADLINE_SECONDS = 20


def test_what_a_cut_off_worker_has_given_up_never_arrives_once_it_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if (reason := hosts_net.why_not()) is not None:
        pytest.skip(reason)
    monkeypatch.setattr(wire, "GONE_MILLISECONDS", 300)
    arrived: list[bytes] = []
    with hosts_net.network(["api", "worker"]) as hosts:
        api, worker = hosts["api"], hosts["worker"]
        client, url = Wire(1), f"http://{api.address}:8080/v1/enrichments"

        def post(body: bytes, seconds: float) -> Exchange:
            return client.post(url, body, bearer="token", timeout=(seconds, seconds))

        with api.do(lambda: socket.create_server((api.address, 8080))) as listening:
            Thread(target=_answer, args=(listening, arrived), daemon=True).start()
            assert worker.do(lambda: post(b"first", DEADLINE_SECONDS)).status == 200
            worker.cut()
            # It goes by the connection that was kept, and is closed by its program.
            assert worker.do(lambda: post(b"late", 0.1)).problem == "no answer within 0.1 s"
            deadline = time.monotonic() + DEADLINE_SECONDS
            while worker.do(_connections):
                assert time.monotonic() < deadline
                time.sleep(0.05)
            worker.join()
            assert worker.do(lambda: post(b"next", DEADLINE_SECONDS)).status == 200
            listening.shutdown(socket.SHUT_RDWR)
        client.close()
    assert arrived == [b"first", b"next"]


def test_an_enrichment_in_two_requests_at_once_would_be_told() -> None:
    key = [162, "user-1", 1, 1]
    one = {"sender": "10.88.0.4", "came": 1.0, "answered": 3.0, "sent": [key]}
    other = one | {"sender": "10.88.0.5", "came": 2.9, "answered": 4.0}
    assert doubled([other, one]) == [
        "in flight twice: (162, 'user-1', 1, 1), from 10.88.0.4 and 10.88.0.5"
    ]
    assert doubled([one, other | {"came": 3.0}]) == []


def _answer(listening: socket.socket, arrived: list[bytes]) -> None:
    """Take whatever comes, until the test is over."""
    with suppress(OSError):
        while True:
            connection, _ = listening.accept()
            Thread(target=_answer_each, args=(connection, arrived), daemon=True).start()


def _answer_each(connection: socket.socket, arrived: list[bytes]) -> None:
    with connection, connection.makefile("rb") as reader, suppress(OSError):
        while reader.readline():
            length = int(parse_headers(reader)["Content-Length"])
            arrived.append(reader.read(length))
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def _connections() -> int:
    """How many connections the system of this host still has something to do for."""
    lines = Path("/proc/thread-self/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    return len(lines)
