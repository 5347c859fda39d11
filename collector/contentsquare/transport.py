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
from http.cookiejar import DefaultCookiePolicy
from threading import BoundedSemaphore
from types import MappingProxyType
from typing import Any

import requests
import urllib3

MAX_BODY_BYTES = 64 * 1024
MAX_EXCERPT = 200

#: Deliberately narrower than RFC 3986: what two URL parsers could read differently (user names,
#: backslashes, escapes) has no place in an address that a token is sent to.
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._-]+)(:[0-9]{1,5})?(/[\w.~/-]*)?",
    re.ASCII,
)
#: Plain HTTP is loopback only, where a proxy of the environment has no business.
_PROXIES = {"http": ""}


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
        self._http = _HttpSession(connections)
        self._slots = BoundedSemaphore(connections)

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Wait for one of the connections to be free, and hold it; never two by one thread."""
        with self._slots:
            yield

    def post(self, url: str, body: bytes, *, bearer: str | None = None) -> Reply:
        """Post once. Errors of the network become a ``Reply`` without a status."""
        started = self._monotonic()
        status: int | None = None
        headers: Mapping[str, str] = {}
        content, problem = b"", ""
        try:
            with self._http.post(
                url,
                data=body,
                headers={"Content-Type": "application/json"},
                auth=_Authorization(bearer),
                timeout=self._timeout,
                proxies=_PROXIES,
                allow_redirects=False,
                stream=True,
            ) as response:
                status, headers = response.status_code, response.headers
                content = _bounded_body(response)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            problem = self._explain(error)
        milliseconds = round((self._monotonic() - started) * 1000)
        return Reply(
            status=status,
            headers=headers,
            body=content,
            problem=problem,
            milliseconds=milliseconds,
        )

    def close(self) -> None:
        """Give the pooled connections back."""
        self._http.close()

    def _explain(self, error: BaseException) -> str:
        connect_timeout, read_timeout = self._timeout
        if isinstance(error, requests.exceptions.ConnectTimeout):
            return f"no connection within {connect_timeout:g} s"
        if isinstance(error, requests.exceptions.ReadTimeout):
            return f"no answer within {read_timeout:g} s"
        return excerpt(f"network error: {_innermost(error)}")


class _HttpSession(requests.Session):
    """Threads may share it, and its connections.

    Nothing of it changes once it is made, but that it learns what the environment says.
    """

    def __init__(self, connections: int) -> None:
        super().__init__()
        self._of_environment: dict[str, Any] = {}
        for scheme in ("https://", "http://"):
            self.mount(scheme, requests.adapters.HTTPAdapter(pool_maxsize=connections))
        self.headers["User-Agent"] = "session-collector"
        # Compressed answers of a few bytes save nothing, and could unpack to gigabytes.
        self.headers["Accept-Encoding"] = "identity"
        # One session of HTTP serves every installation: no state may pass between them.
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def merge_environment_settings(
        self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any
    ) -> Any:
        """What the environment says of proxies and certificates, asked once for each address.

        All of it is looked through for that: a quarter of what a post took.
        """
        if url not in self._of_environment:
            self._of_environment[url] = super().merge_environment_settings(
                url, proxies, stream, verify, cert
            )
        return dict(self._of_environment[url])

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002
        """None, always: even an unfollowed redirect would otherwise be read and parsed."""
        return None


class _Authorization(requests.auth.AuthBase):
    """Present even without a token: only then does `requests` leave ``.netrc`` alone."""

    def __init__(self, bearer: str | None) -> None:
        self._bearer = bearer

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._bearer is not None:
            request.headers["Authorization"] = f"Bearer {self._bearer}"
        return request


def _innermost(error: BaseException) -> BaseException:
    """The libraries wrap each other's errors several times; the innermost says what happened."""
    wrapped = [*error.args, getattr(error, "reason", None)]
    inner = next((part for part in reversed(wrapped) if isinstance(part, BaseException)), None)
    return error if inner is None else _innermost(inner)


def _bounded_body(response: requests.Response) -> bytes:
    content = b""
    for chunk in response.iter_content(8192):
        content += chunk
        if len(content) >= MAX_BODY_BYTES:
            break
    return content[:MAX_BODY_BYTES]


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
