"""Runs the WSGI application behind the event loop, in threads, for all that may have to wait.

The request's body is read in the loop, of bounded length, and the answer is sent from there; a
thread has one only as long as the application works on it.
"""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Awaitable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

from collector.web.patience import Patience
from collector.web.rsgi import Closed, Exchange, HeaderList, Scope

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

_Answer = tuple[int, HeaderList, bytes]

_OF_ALL: dict[str, Any] = {
    "SCRIPT_NAME": "",
    "wsgi.version": (1, 0),
    "wsgi.errors": sys.stderr,
    "wsgi.input_terminated": True,
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
}

#: These have names of their own in an environment.
_UNPREFIXED = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}


#: A body of at most so many bytes is read whatever else is read at the time.
SMALL_BYTES = 64 * 1024

#: A longer one may take so many times as long.
LONGER = 4


class Unread(io.RawIOBase):
    """A body that did not come whole: what came of it is not to be taken.

    Its client has gone, or was ``too_slow``.
    """

    def __init__(self, *, too_slow: bool = False) -> None:
        super().__init__()
        self.too_slow = too_slow

    def readable(self) -> bool:
        return True

    def readinto(self, _buffer: object, /) -> NoReturn:
        raise ConnectionError("The body ended too early.")


class Threads:
    """A WSGI application, and the threads that it runs in.

    Args:
        number: so many requests are worked on at a time; others wait. As many long bodies are held
            at a time, those included that are still coming: who sends slowly keeps nobody waiting
            but others with long ones.
        client_seconds: a client may take so many to send a small body.
    """

    def __init__(self, application: WSGIApplication, number: int, client_seconds: float) -> None:
        self._application = application
        self._pool = ThreadPoolExecutor(number, thread_name_prefix="request")
        self._free = asyncio.Semaphore(number)
        self._room = asyncio.Semaphore(number)
        self._client_seconds = client_seconds
        self._patience = Patience()

    async def answer(
        self,
        scope: Scope,
        exchange: Exchange,
        *,
        limit: int,
        more: Mapping[str, Any],
        body: bytes | Unread | None = None,
    ) -> None:
        """Have the application answer.

        Args:
            limit: so many bytes of a body may be read, and one piece more, which tells that there
                is more.
            more: for the application's environment.
            body: None if it was not read yet.
        """
        environ = _environment(scope)
        environ.update(more)
        if body is not None or not _is_long(environ, limit):
            if body is None:
                body = await self._in_time(_read(environ, exchange, limit), self._client_seconds)
            await self._work(environ, exchange, body)
            return
        async with self._room:
            seconds = LONGER * self._client_seconds
            body = await self._in_time(_read(environ, exchange, limit), seconds)
            await self._work(environ, exchange, body)

    async def body(self, exchange: Exchange) -> bytes | Unread:
        """A small body of a declared length, whole."""
        return await self._in_time(exchange(), self._client_seconds)

    async def _in_time(self, reading: Awaitable[bytes | Unread], seconds: float) -> bytes | Unread:
        try:
            return await self._patience.wait(reading, seconds)
        except Closed:
            return Unread()
        except TimeoutError:
            return Unread(too_slow=True)

    async def _work(
        self, environ: WSGIEnvironment, exchange: Exchange, body: bytes | Unread
    ) -> None:
        environ["wsgi.input"] = io.BytesIO(body) if isinstance(body, bytes) else body
        loop = asyncio.get_running_loop()
        async with self._free:
            status, headers, answer = await loop.run_in_executor(
                self._pool, _run, self._application, environ
            )
        with suppress(Closed):  # whoever asked has gone
            exchange.response_bytes(status, headers, answer)

    def close(self) -> None:
        """Wait for the threads to end."""
        self._pool.shutdown()


def _is_long(environ: WSGIEnvironment, limit: int) -> bool:
    """Whether so much may come that not everybody's can be held at once."""
    length = environ.get("CONTENT_LENGTH")
    if length is None:
        return limit > SMALL_BYTES and "HTTP_TRANSFER_ENCODING" in environ
    return SMALL_BYTES < int(length) <= limit


async def _read(environ: WSGIEnvironment, exchange: Exchange, limit: int) -> bytes | Unread:
    """The body, or as much of it as tells that it is too long.

    That one without a declared length ended early, the server does not tell.
    """
    length = environ.get("CONTENT_LENGTH")
    if length is None and "HTTP_TRANSFER_ENCODING" not in environ:
        return b""
    if length is not None and int(length) > limit:
        return b""  # refused for what it claims, without waiting for it
    read = bytearray()
    async for piece in exchange:
        read += piece
        if len(read) > limit:
            break
    if length is not None and len(read) < int(length):
        return Unread()
    return bytes(read)


def _environment(scope: Scope) -> WSGIEnvironment:
    server, _, port = scope.server.rpartition(":")
    environ: WSGIEnvironment = {
        **_OF_ALL,
        "REQUEST_METHOD": scope.method,
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string.encode().decode("latin-1"),
        "SERVER_NAME": server,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": scope.client.rpartition(":")[0],
        "wsgi.url_scheme": scope.scheme,
    }
    for name in scope.headers.keys():  # noqa: SIM118 - it cannot be iterated
        if "_" in name:
            continue  # X_Foo would pass for X-Foo, which a proxy may have looked at
        key = _UNPREFIXED.get(name) or f"HTTP_{name.upper().replace('-', '_')}"
        between = "; " if name == "cookie" else ","
        environ[key] = between.join(scope.headers.get_all(name)).encode().decode("latin-1")
    return environ


def _run(application: WSGIApplication, environ: WSGIEnvironment) -> _Answer:
    """The whole answer of the application."""
    started: list[tuple[str, HeaderList]] = []
    written: list[bytes] = []

    def start(status: str, headers: HeaderList, _error: Any = None, /) -> Any:
        started.append((status, headers))  # nothing was sent yet: it may change its mind
        return written.append

    answer: Iterable[bytes] = application(environ, start)
    try:
        written.extend(answer)
    finally:
        if (close := getattr(answer, "close", None)) is not None:
            close()
    status, headers = started[-1]
    return int(status.partition(" ")[0]), headers, b"".join(written)
