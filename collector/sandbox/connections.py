"""Connections that stay open between requests, and that can be dropped on purpose.

Werkzeug's own handler closes after every answer. The real API does not, and a client that keeps
its connections must be seen to; so each request is read whole before it is answered, which is
what makes it safe to read the next one from the same connection.
"""

from __future__ import annotations

import io
import itertools
import socket
from contextlib import suppress
from threading import Lock
from typing import ClassVar

from werkzeug.datastructures import Headers
from werkzeug.serving import WSGIRequestHandler
from werkzeug.test import run_wsgi_app

from collector.sandbox.app import CONNECTION, HANG_UP

MAX_BODY_BYTES = 8 * 1024 * 1024


class Connections:
    """The open connections, so that a stopped sandbox answers on none of them."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._numbers = itertools.count(1)
        self._open: set[socket.socket] = set()
        self._stopped = False

    def opened(self, connection: socket.socket) -> int:
        """Remember a connection; returns its number, counted from 1."""
        with self._lock:
            self._open.add(connection)
            if self._stopped:  # accepted just before, but its thread was late
                hang_up(connection)
            return next(self._numbers)

    def closed(self, connection: socket.socket) -> None:
        """Forget a connection."""
        with self._lock:
            self._open.discard(connection)

    def close(self) -> None:
        """Hang up on everybody, also on whoever comes yet."""
        with self._lock:
            self._stopped = True
            for connection in self._open:
                hang_up(connection)


def hang_up(connection: socket.socket) -> None:
    """End a connection at once; its reading thread then finds it at its end."""
    with suppress(OSError):  # the other side was faster
        connection.shutdown(socket.SHUT_RDWR)


def handler_for(connections: Connections) -> type[WSGIRequestHandler]:
    """A handler class that registers its connections there."""
    return type("SandboxHandler", (_Handler,), {"connections": connections})


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"
    # An answer leaves in one piece: head and body in two would wait for each other's
    # acknowledgement on a connection that is kept.
    wbufsize = -1
    disable_nagle_algorithm = True
    connections: ClassVar[Connections]

    def setup(self) -> None:
        super().setup()
        self._number = self.connections.opened(self.connection)
        self._dropped = False

    def finish(self) -> None:
        self.connections.closed(self.connection)
        with suppress(OSError):
            super().finish()

    def run_wsgi(self) -> None:
        content = self._read_body()
        if content is None:
            return
        environ = self.make_environ()
        environ["wsgi.input"] = io.BytesIO(content)
        environ[CONNECTION] = self._number
        environ[HANG_UP] = self._hang_up
        parts, status, headers = run_wsgi_app(self.server.app, environ, buffered=True)
        if not self._dropped:
            self._write(int(status.split()[0]), headers, b"".join(parts))

    def _read_body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not (length.isascii() and length.isdigit()):
            # What cannot be measured cannot be read whole: no next request on this connection.
            self.close_connection = True
            self._write(411, Headers(), b"a Content-Length is needed\n")
            return None
        if len(length) > 9 or int(length) > MAX_BODY_BYTES:
            self.close_connection = True
            self._write(413, Headers(), b"the body is too large\n")
            return None
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.wfile.flush()
        content: bytes = self.rfile.read(int(length))
        # Whoever hung up in the middle of a body has sent no request.
        return content if len(content) == int(length) else None

    def _write(self, status: int, headers: Headers, content: bytes) -> None:
        self.send_response(status)
        headers.remove("Content-Length")
        for name, value in headers:
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(content)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _hang_up(self) -> None:
        self._dropped = True
        self.close_connection = True
        hang_up(self.connection)

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002
        """Quiet: the page shows the requests."""
