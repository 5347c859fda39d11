"""The access tokens the sandbox has given: what each is for, and when it really dies."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from collector.sandbox.records import SandboxInstallation


class Refusal(Enum):
    """The two documented reasons to answer 401."""

    INVALID = auto()
    EXPIRED = auto()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Token:
    installation: SandboxInstallation
    dies_at: datetime


class Tokens:
    """``lifetime`` is what every token announces, in seconds."""

    def __init__(self, *, now: Callable[[], datetime], lifetime: int) -> None:
        self.lifetime = lifetime
        self._now = now
        self._given: dict[str, _Token] = {}

    def give(self, installation: SandboxInstallation, *, really: timedelta | None = None) -> str:
        """A new token, which dies after ``really`` if that is not what it announces."""
        now = self._now()
        expires_at = now + timedelta(seconds=self.lifetime)
        claims = {
            "iss": "enrichmentIntegration",
            "iat": int(now.timestamp()),
            "exp": int(expires_at.timestamp()),
            "version": "1",
            "projectId": installation.project_id,
            "integrationId": installation.integration_id,
        }
        # It looks like the real one, so that whoever looks inside finds what they would there;
        # its signature is chance, which also makes every token another.
        parts = [_json({"alg": "RS256", "typ": "JWT", "kid": "sandbox"}), _json(claims)]
        token = ".".join(_base64url(part) for part in [*parts, secrets.token_bytes(32)])
        self._given[token] = _Token(
            installation=installation, dies_at=expires_at if really is None else now + really
        )
        return token

    def check(self, authorization: str) -> SandboxInstallation | Refusal:
        """Whom an Authorization header speaks for, or why it is refused."""
        scheme, _, token = authorization.partition(" ")
        given = self._given.get(token.strip())
        if scheme.lower() != "bearer" or given is None:
            return Refusal.INVALID
        return given.installation if self._now() < given.dies_at else Refusal.EXPIRED


def _json(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
