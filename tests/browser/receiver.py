"""A loopback stand-in for the collector: serves the built snippet, records what it sends.

It stands on another origin than the pages, so CORS is real. Tests tell it how to answer, take it
down and up again, and wait for beacons on a condition instead of sleeping.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread
from typing import Any

from collector import resources
from tests.browser.origins import serve_on_a_new_port

TIMEOUT = 10.0

SCRIPTS = {"/v1/snippet.js": "collector.min.js", "/v1/sessions": "collector.debug.js"}


@dataclass(frozen=True, kw_only=True)
class Received:
    """One POST, as it came."""

    path: str
    headers: Mapping[str, str]  # names in lower case
    text: str

    @property
    def body(self) -> dict[str, Any]:
        """The JSON object that was sent."""
        decoded: dict[str, Any] = json.loads(self.text)
        return decoded

    @property
    def session(self) -> tuple[object, str, int | None]:
        """Which session the beacon tells, as the server reads it."""
        user_id, _, number = self.body["sessionKey"].rpartition(".")
        return self.body["projectId"], user_id, int(number) if number.isdigit() else None

    @property
    def keys(self) -> dict[str, Any]:
        """The match keys it carries."""
        carried: dict[str, Any] = self.body["keys"]
        return carried


class Receiver:
    """Use as a context manager; ``url`` stays the same over ``go_down`` and ``come_up``."""

    def __init__(self) -> None:
        self.preflights = 0
        self.answers: deque[int] = deque()
        self.debugs = True  # whether it has the module that debugs a page
        self.codes: dict[int, str] = {}  # what X-Collector-Error says beside a status
        self._received: list[Received] = []
        self._changed = Condition()
        self._server: ThreadingHTTPServer | None = None
        self._port = 0

    def __enter__(self) -> Receiver:
        self.come_up()
        return self

    def __exit__(self, *_: object) -> None:
        self.go_down()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def beacons(self) -> list[Received]:
        with self._changed:
            return list(self._received)

    def come_up(self) -> None:
        if self._port:
            self._server = ThreadingHTTPServer(("127.0.0.1", self._port), _handler(self))
        else:
            self._server = serve_on_a_new_port(_handler(self))
            self._port = self._server.server_address[1]
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def go_down(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def take(self, received: Received) -> int:
        """Record one POST; the status to answer it with."""
        with self._changed:
            self._received.append(received)
            self._changed.notify_all()
            return self.answers.popleft() if self.answers else 204

    def wait_until(self, enough: Callable[[list[Received]], bool]) -> None:
        """Return once what has come is ``enough``, whichever order it came in."""
        with self._changed:
            assert self._changed.wait_for(lambda: enough(self._received), TIMEOUT), self._received

    def wait_for(self, count: int) -> list[Received]:
        """The first ``count`` beacons, as soon as there are so many."""
        with self._changed:
            came = self._changed.wait_for(lambda: len(self._received) >= count, TIMEOUT)
            assert came, f"{len(self._received)} beacons came, {count} were expected"
            return self._received[:count]


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path in SCRIPTS and (receiver.debugs or self.path == "/v1/snippet.js"):
                built = resources.path("static") / "js" / SCRIPTS[self.path]
                self._answer(200, built.read_bytes(), "text/javascript")
            else:
                self._answer(200 if self.path == "/fence" else 404)

        def do_OPTIONS(self) -> None:
            receiver.preflights += 1
            self._answer(403)

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", "0"))
            text = self.rfile.read(length).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            self._answer(receiver.take(Received(path=self.path, headers=headers, text=text)))

        def _answer(self, status: int, body: bytes = b"", kind: str = "text/plain") -> None:
            self.send_response(status)
            self.send_header("Access-Control-Allow-Origin", self.headers.get("Origin", "*"))
            self.send_header("Access-Control-Expose-Headers", "X-Collector-Error")
            if status in receiver.codes:
                self.send_header("X-Collector-Error", receiver.codes[status])
            self.send_header("Vary", "Origin")
            self.send_header("Content-Type", kind)
            if status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            pass

    return Handler
