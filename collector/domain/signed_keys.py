"""Match keys that the provider's page has signed, so that nobody else can tell them.

Whoever knows or guesses another visitor's id could tell it of sessions that are invented, and so
draw that visitor's calls to them, or make them ambiguous. A page's server, which knows the
visitor, writes ``VALUE~SIGNATURE`` in place of the value: the HMAC-SHA256 of project, kind and
value, by a secret that it shares with the collector. A signature has no age: whoever has seen one
can tell that one value, and no other.
"""

from __future__ import annotations

import base64
import hmac
import re
import secrets
from dataclasses import dataclass

SEPARATOR = "~"

#: A new secret takes over from the one before while both are taken.
MOST_SECRETS = 2

_SIGNED = re.compile(r"(.*)~([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, kw_only=True, slots=True)
class SignedKeys:
    """How the keys of one project are signed.

    ``secrets`` are those that can be read, the newest first; keys of the kinds ``required`` are
    taken only if they are signed.
    """

    project_id: int
    secrets: tuple[str, ...]
    required: frozenset[str]

    def value_of(self, kind: str, text: str) -> str:
        """The value that a page has told, without its signature.

        Raises:
            ValueError: it is not to be believed.
        """
        found = _SIGNED.fullmatch(text)
        if found is None:
            if kind in self.required:
                raise ValueError("must be signed (VALUE~SIGNATURE), as this installation requires")
            return text
        value, given = found.groups()
        if not self.secrets:
            raise ValueError("is signed, and the server cannot read the secret that it is held to")
        expected = [sign(secret, self.project_id, kind, value) for secret in self.secrets]
        # All of them, so that the time it takes does not tell which one was nearly right.
        if True not in [hmac.compare_digest(given, one) for one in expected]:
            raise ValueError("has a signature that does not fit it")
        return value


def sign(secret: str, project_id: int, kind: str, value: str) -> str:
    """The signature of a value: 43 characters of base64url."""
    text = f"session-collector key, version 1\n{project_id}\n{kind}\n{value}"
    digest = hmac.digest(secret.encode(), text.encode(), "sha256")
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def signed(secret: str, project_id: int, kind: str, value: str) -> str:
    """What a page tells in place of the value."""
    return f"{value}{SEPARATOR}{sign(secret, project_id, kind, value)}"


def new_secret() -> str:
    """A new random secret."""
    return secrets.token_urlsafe(32)
