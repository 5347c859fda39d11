"""What `requests` does of a post, narrowed to what `transport` says of it.

It is loaded with the first post: a run that has nothing to send needs none of it, and would spend
a tenth of its start on it.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any, NamedTuple

import requests
import urllib3

from collector.contentsquare.transport import MAX_BODY_BYTES, excerpt

#: What was posted and is not acknowledged for so long is given up by the system itself, in
#: milliseconds. Otherwise it would go on sending for minutes what its program has given up, and a
#: request could arrive when the link is mended and the lease is another worker's.
GONE_MILLISECONDS = 30_000

#: Plain HTTP is loopback only, where a proxy of the environment has no business.
_PROXIES = {"http": ""}


class Exchange(NamedTuple):
    """What came back, and what went wrong, if anything did."""

    status: int | None
    headers: Mapping[str, str]
    body: bytes
    problem: str


class Wire:
    """Pooled connections; any thread may post."""

    def __init__(self, connections: int) -> None:
        self._http = _HttpSession(connections)

    def post(
        self, url: str, body: bytes, *, bearer: str | None, timeout: tuple[float, float]
    ) -> Exchange:
        """Post once; ``timeout`` is for connecting and for each read. Raises nothing."""
        status: int | None = None
        headers: Mapping[str, str] = {}
        content, problem = b"", ""
        try:
            with self._http.post(
                url,
                data=body,
                headers={"Content-Type": "application/json"},
                auth=_Authorization(bearer),
                timeout=timeout,
                proxies=_PROXIES,
                allow_redirects=False,
                stream=True,
            ) as response:
                status, headers = response.status_code, response.headers
                content = _bounded_body(response)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            problem = explain(error, timeout)
        return Exchange(status, headers, content, problem)

    def close(self) -> None:
        """Give the pooled connections back."""
        self._http.close()


class _HttpSession(requests.Session):
    """Threads may share it, and its connections.

    Nothing of it changes once it is made, but that it learns what the environment says.
    """

    def __init__(self, connections: int) -> None:
        super().__init__()
        self._of_environment: dict[str, Any] = {}
        for scheme in ("https://", "http://"):
            self.mount(scheme, _Adapter(pool_maxsize=connections))
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


class _Adapter(requests.adapters.HTTPAdapter):
    """Connections that nothing lingers in."""

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        """Called by its maker."""
        super().init_poolmanager(*arguments, socket_options=_socket_options(), **named)

    def proxy_manager_for(self, *arguments: Any, **named: Any) -> Any:
        """The same for what goes through a proxy."""
        return super().proxy_manager_for(*arguments, socket_options=_socket_options(), **named)


def _socket_options() -> list[tuple[int, int, int]]:
    options = [*urllib3.connection.HTTPConnection.default_socket_options]
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # of Linux
        options.append((socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, GONE_MILLISECONDS))
    return options


class _Authorization(requests.auth.AuthBase):
    """Present even without a token: only then does `requests` leave ``.netrc`` alone."""

    def __init__(self, bearer: str | None) -> None:
        self._bearer = bearer

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._bearer is not None:
            request.headers["Authorization"] = f"Bearer {self._bearer}"
        return request


def explain(error: BaseException, timeout: tuple[float, float]) -> str:
    """What went wrong, on one line. ``timeout`` is for connecting and for each read."""
    connect_timeout, read_timeout = timeout
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return f"no connection within {connect_timeout:g} s"
    if isinstance(error, requests.exceptions.ReadTimeout):
        return f"no answer within {read_timeout:g} s"
    return excerpt(f"network error: {_innermost(error)}")


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
