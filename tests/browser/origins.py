"""Origins that no test has used before: what a browser keeps by origin is never another test's."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_used: set[int] = set()


def serve_on_a_new_port(handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    """A server on loopback, on a port that this process has not listened on yet."""
    while True:
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        port = server.server_address[1]
        if port not in _used:
            _used.add(port)
            return server
        server.server_close()
