"""One HTTP post, with every guard that holds for both endpoints.

A token or a secret is in each of these requests, so what `requests` would do on its own is
narrowed: no redirect is followed, no cookie kept, no ``.netrc`` consulted (it would replace the
token), and plain HTTP stays on this machine. Answers are read up to a bound.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from threading import BoundedSemaphore, Lock
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collector.contentsquare.wire import Wire

MAX_BODY_BYTES = 64 * 1024
MAX_EXCERPT = 200

#: Deliberately narrower than RFC 3986: what two URL parsers could read differently (user names,
#: backslashes, escapes) has no place in an address that a token is sent to.
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._-]+)(:[0-9]{1,5})?(/[\w.~/-]*)?",
    re.ASCII,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What came back. ``status`` is ``None`` if nothing did; ``problem`` then says why.

    ``problem`` beside a status means that the body broke off.
    """

    status: int | None
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    body: bytes = field(default=b"", repr=False)
    problem: str = ""
    milliseconds: int = 0

    @property
    def is_success(self) -> bool:
        """200 is what is documented; the rest of its class says the same."""
        return self.status is not None and 200 <= self.status < 300

    def if_whole(self) -> Reply:
        """This reply, or one without a status if its body broke off."""
        return replace(self, status=None) if self.problem else self

    def json(self) -> Any:
        """The body's JSON value, or ``None`` if it is not JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    def summary(self, *, hide: str) -> str:
        """Status and what the server said, for people; ``hide`` never appears in it."""
        if self.status is None:
            return self.problem
        said = excerpt(self._message(), hide=hide)
        return f"HTTP {self.status}: {said}" if said else f"HTTP {self.status}"

    def _message(self) -> str:
        document = self.json()
        if isinstance(document, dict):
            for name in ("message", "errorMessage", "error_description", "error"):
                if isinstance(document.get(name), str):
                    return str(document[name])
        return self.body.decode(errors="replace")


class Transport:
    """Posts JSON over pooled connections, and never raises for what the network does.

    Any thread may post, within ``slot``, of which there are as many as ``connections``.
    """

    def __init__(
        self,
        *,
        connections: int = 1,
        connect_timeout: float,
        read_timeout: float,
        monotonic: Callable[[], float],
    ) -> None:
        self._timeout = (connect_timeout, read_timeout)
        self._monotonic = monotonic
        self._connections = connections
        self._opening = Lock()
        self._wire: Wire | None = None
        self._slots = BoundedSemaphore(connections)

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Wait for one of the connections to be free, and hold it; never two by one thread."""
        with self._slots:
            yield

    def post(self, url: str, body: bytes, *, bearer: str | None = None) -> Reply:
        """Post once. Errors of the network become a ``Reply`` without a status."""
        started = self._monotonic()
        came = self._open().post(url, body, bearer=bearer, timeout=self._timeout)
        return Reply(
            status=came.status,
            headers=came.headers,
            body=came.body,
            problem=came.problem,
            milliseconds=round((self._monotonic() - started) * 1000),
        )

    def _open(self) -> Wire:
        with self._opening:
            if self._wire is None:
                from collector.contentsquare.wire import Wire  # noqa: PLC0415 - it says why there

                self._wire = Wire(self._connections)
            return self._wire

    def close(self) -> None:
        """Give the pooled connections back."""
        if self._wire is not None:
            self._wire.close()


def is_safe_url(url: str) -> bool:
    """Whether a secret may be sent there: HTTPS, or plain HTTP that stays on this machine."""
    match = _URL.fullmatch(url)
    if match is None:
        return False
    return match["scheme"] == "https" or _is_loopback(match["host"].strip("[]"))


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def excerpt(text: str, *, hide: str = "") -> str:
    """At most 200 characters of foreign text on one line, without control characters.

    ``hide`` is blotted out, also in the form JSON gives it, and before the text is cut: half a
    secret is one too.
    """
    for form in (hide, json.dumps(hide)[1:-1]):
        if form:
            text = text.replace(form, "***")
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= MAX_EXCERPT else line[: MAX_EXCERPT - 1] + "…"
