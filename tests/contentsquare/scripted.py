"""A loopback server that answers with exactly the bytes it is told to, as no sandbox should."""

from __future__ import annotations

import json
import socketserver
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request as it came."""

    line: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.line.split()[1]

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(kw_only=True)
class Script:
    """Per path, the answers to give in turn; the last one is given ever after."""

    url: str = ""
    answers: dict[str, list[bytes]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    sent: int = 0
    hung_up: Event = field(default_factory=Event)

    def next_answer(self, path: str) -> bytes:
        answers = self.answers.get(path) or [answer(404)]
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def to(self, path: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.path == path]


def answer(status: int, body: bytes | object = b"", **headers: str) -> bytes:
    """A raw answer; ``Retry_After`` becomes ``Retry-After``, and an object JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = {"Content_Length": str(len(content)), **headers}
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} Said\r\n{head}\r\n".encode() + content


def token_answer(script: Script, **changes: Any) -> bytes:
    """A correct token answer for project 162, with changes; ``...`` takes a member out."""
    document = {
        "access_token": "token-1",
        "token_type": "bearer",
        "expires_in": 3600,
        "scope": "enrichment",
        "integration_id": 42,
        "project_id": 162,
        "endpoint": script.url,
    } | changes
    return answer(200, {name: value for name, value in document.items() if value is not ...})


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, script: Script) -> None:
        self.script = script
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        with suppress(ConnectionError):
            while self._one():
                pass

    def _one(self) -> bool:
        line = self.rfile.readline().decode().strip()
        if not line:
            return False
        headers: dict[str, str] = {}
        while header := self.rfile.readline().decode().strip():
            name, _, value = header.partition(":")
            headers[name.title()] = value.strip()
        body = self.rfile.read(int(headers.get("Content-Length", "0")))
        script = self.server.script
        asked = Asked(line=line, headers=headers, body=body)
        script.asked.append(asked)
        said = script.next_answer(asked.path)
        try:
            for start in range(0, len(said), 65536):
                self.wfile.write(said[start : start + 65536])
                script.sent += len(said[start : start + 65536])
        except ConnectionError:
            script.hung_up.set()
            return False
        # An answer that announces more than it holds ends with the connection.
        head, _, content = said.partition(b"\r\n\r\n")
        return f"Content-Length: {len(content)}\r\n".encode() in head + b"\r\n"


@contextmanager
def scripted() -> Iterator[Script]:
    """A running server; a correct token answer and an acceptance to begin with."""
    script = Script()
    with _Server(script) as server:
        script.url = f"http://127.0.0.1:{server.server_address[1]}"
        script.answers = {
            "/v1/oauth/token": [token_answer(script)],
            "/v1/enrichments": [answer(200)],
        }
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield script
        finally:
            server.shutdown()
            thread.join()
