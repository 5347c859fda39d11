"""Access tokens: asked for, checked, and kept per installation until shortly before they expire.

Source: Authentication ("Authentication endpoint", "Refresh your access token").
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from concurrent.futures import Future
from copy import copy
from dataclasses import dataclass
from threading import Lock
from typing import Any

from collector.contentsquare.answers import Credentials, Grant
from collector.contentsquare.retry import RetryPolicy, is_later, retry_after
from collector.contentsquare.transport import Reply, Transport, excerpt, is_safe_url
from collector.errors import (
    ContentsquareError,
    CredentialsRefusedError,
    OtherProjectError,
    UnavailableError,
)

#: A token is renewed this long before it expires, so that no batch starts with a token that dies
#: on its way; of a short life, only the last tenth is given up.
RENEWAL_MARGIN_SECONDS = 60.0

DOCUMENTED_LIFETIME_SECONDS = 3600

#: A longer announced life is not believed: a refused token is renewed anyway.
MAX_LIFETIME_SECONDS = 86_400

#: Tokens go into a header: visible ASCII, or the header would be another one.
_TOKEN = re.compile(r"[!-~]+")

_Key = tuple[str, int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Held:
    grant: Grant
    renew_at: float


class Tokens:
    """The tokens of all installations that one client serves."""

    def __init__(
        self,
        auth_url: str,
        *,
        transport: Transport,
        policy: RetryPolicy,
        monotonic: Callable[[], float],
    ) -> None:
        self._auth_url = auth_url
        self._transport = transport
        self._policy = policy
        self._monotonic = monotonic
        self._held: dict[_Key, _Held] = {}
        self._asked: dict[_Key, Future[Grant]] = {}
        self._lock = Lock()

    def current(self, credentials: Credentials) -> Grant:
        """The kept token, or a new one if it is about to expire. Raises as ``fetch``.

        Threads that need the same one at once ask for it once, and all meet what comes of it.
        """
        key = _key(credentials)
        with self._lock:
            held = self._held.get(key)
            if held is not None and self._monotonic() < held.renew_at:
                return held.grant
            is_asked = key in self._asked
            asked = self._asked.setdefault(key, Future())
        if is_asked:
            if (error := asked.exception()) is not None:
                # Its own for each thread: what is noted on it is about a batch of that thread's.
                raise copy(error)
            return asked.result()
        try:
            grant = self.fetch(credentials)
        except BaseException as error:
            asked.set_exception(error)
            raise
        else:
            asked.set_result(grant)
            return grant
        finally:
            with self._lock:
                del self._asked[key]

    def discard(self, credentials: Credentials, refused: Grant) -> None:
        """Forget this token, which the API refuses; one that was fetched since is kept."""
        with self._lock:
            held = self._held.get(_key(credentials))
            if held is not None and held.grant is refused:
                del self._held[_key(credentials)]

    def fetch(self, credentials: Credentials) -> Grant:
        """A new token.

        Raises `CredentialsRefusedError` (400, 401, 403), `UnavailableError` after the retries,
        and `ContentsquareError` for an answer that cannot be used.
        """
        asked_at = self._monotonic()

        def post() -> Reply:
            nonlocal asked_at
            with self._transport.slot():
                asked_at = self._monotonic()
                return self._transport.post(self._auth_url, _request(credentials)).if_whole()

        reply = self._policy.until_settled(post)
        if not reply.is_success:
            raise self._refusal(credentials, reply)
        grant, lifetime = _read(credentials, reply, asked_at)
        renew_at = grant.expires_at - min(RENEWAL_MARGIN_SECONDS, lifetime / 10)
        with self._lock:
            self._held[_key(credentials)] = _Held(grant=grant, renew_at=renew_at)
        return grant

    def _refusal(self, credentials: Credentials, reply: Reply) -> ContentsquareError:
        said = reply.summary(hide=credentials.client_secret)
        if is_later(reply):
            return UnavailableError(
                f"{credentials}: no token from {self._auth_url} ({said})",
                retry_after=retry_after(reply),
            )
        if reply.status in {400, 401, 403}:
            return CredentialsRefusedError(
                f"{credentials}: the token endpoint refuses the credentials ({said}); compare"
                " client id, client secret and integration id with the Contentsquare console"
                " and correct them with `collector installation edit`"
            )
        return ContentsquareError(
            f"{credentials}: {self._auth_url} does not answer as the token endpoint does"
            f" ({said}); check COLLECTOR_AUTH_URL"
        )


def _key(credentials: Credentials) -> _Key:
    return credentials.client_id, credentials.integration_id, credentials.project_id


def _request(credentials: Credentials) -> bytes:
    return json.dumps(
        {
            "client_id": credentials.client_id,
            "client_secret": credentials.client_secret,
            "grant_type": "client_credentials",
            # Never together with another scope: that is documented as an error.
            "scope": "enrichment",
            "integration_id": credentials.integration_id,
        }
    ).encode()


def _read(credentials: Credentials, reply: Reply, asked_at: float) -> tuple[Grant, float]:
    # None of these messages quotes the body: it may well hold a token.
    document = reply.json()
    if not isinstance(document, dict):
        raise _unusable(
            credentials, f"is not a JSON object ({len(reply.body)} bytes); check COLLECTOR_AUTH_URL"
        )
    token, endpoint = document.get("access_token"), document.get("endpoint")
    lifetime = document.get("expires_in", DOCUMENTED_LIFETIME_SECONDS)
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise _unusable(credentials, "holds no usable access_token; check COLLECTOR_AUTH_URL")
    if not isinstance(endpoint, str) or not endpoint:
        raise _unusable(credentials, "names no endpoint to send to; check COLLECTOR_AUTH_URL")
    if not is_safe_url(endpoint):
        raise _unusable(
            credentials,
            f"names the endpoint {excerpt(repr(endpoint), hide=token)}, but a token is only sent"
            " over https, or over http to this machine; check COLLECTOR_AUTH_URL",
        )
    if isinstance(lifetime, bool) or not isinstance(lifetime, int | float) or not lifetime > 0:
        raise _unusable(
            credentials, "has an expires_in that is no positive number; check COLLECTOR_AUTH_URL"
        )
    _check_identity(credentials, document)
    lifetime = float(min(lifetime, MAX_LIFETIME_SECONDS))
    grant = Grant(
        access_token=token,
        endpoint=endpoint.rstrip("/"),
        project_id=credentials.project_id,
        integration_id=credentials.integration_id,
        expires_at=asked_at + lifetime,
    )
    return grant, lifetime


def _check_identity(credentials: Credentials, document: dict[str, Any]) -> None:
    """A token for another project would put this customer's calls into somebody else's data."""
    for name, wanted, where in (
        ("project_id", credentials.project_id, "project id"),
        ("integration_id", credentials.integration_id, "integration id"),
    ):
        given = document.get(name)
        if str(given) != str(wanted):
            hide = str(document["access_token"])
            raise OtherProjectError(
                f"{credentials}: the token is for {where} {excerpt(repr(given), hide=hide)},"
                f" but the installation says {where} {wanted}; nothing was sent. Correct the"
                " project id or the credentials with `collector installation edit`"
            )


def _unusable(credentials: Credentials, what: str) -> ContentsquareError:
    return ContentsquareError(f"{credentials}: the token endpoint's answer {what}")
