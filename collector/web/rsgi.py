"""What granian's own interface (RSGI) hands to an application, as far as it is used here.

granian's own types are not complete: they leave out `get_all`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from typing import Protocol

from granian.rsgi import ProtocolClosed  # type: ignore[attr-defined]

#: The client has gone.
Closed: type[Exception] = ProtocolClosed

HeaderList = list[tuple[str, str]]


class Headers(Protocol):
    """Names are in lower case. What is not UTF-8 has a name and no value."""

    def __contains__(self, name: str, /) -> bool: ...
    def keys(self) -> list[str]: ...
    def get(self, name: str, /) -> str | None: ...
    def get_all(self, name: str, /) -> list[str]: ...


class Scope(Protocol):
    """A request without its body."""

    http_version: str
    server: str
    client: str
    scheme: str
    method: str
    path: str
    query_string: str
    headers: Headers


class Exchange(Protocol):
    """The body of a request, whole or in pieces, and the way of its answer."""

    def __call__(self) -> Awaitable[bytes]: ...
    def __aiter__(self) -> AsyncIterator[bytes]: ...
    def response_empty(self, status: int, headers: HeaderList, /) -> None: ...
    def response_bytes(self, status: int, headers: HeaderList, body: bytes, /) -> None: ...
