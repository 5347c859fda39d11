"""Encrypts what must not be readable in the database."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from collector.domain.callers import CallerHash
from collector.errors import SecretError

_NO_KEY = (
    "A stored secret cannot be decrypted with COLLECTOR_SECRET_KEY. Add the key it was stored with "
    "(comma-separated), or set the secret again: collector installation edit PROJECT_ID "
    "--new-secret for a client secret, collector webhook add for a platform's, collector "
    "installation signing new PROJECT_ID and then retire for one that signs keys"
)

#: Keeps the key for fingerprints apart from the one that encrypts.
_FINGERPRINT = b"session-collector fingerprint, version 1"


class SecretBox:
    """Encrypts with the first key and decrypts with any, so that keys can be rotated."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys])
        #: Hashes callers' numbers, and makes tombstones.
        self.callers = CallerHash.of_all(keys)
        self._fingerprint = hmac.digest(keys[0].encode(), _FINGERPRINT, hashlib.sha256)

    def seal(self, secret: str) -> str:
        return self._fernet.encrypt(secret.encode()).decode()

    def open(self, sealed: str) -> str:
        """The secret again.

        Raises:
            SecretError: it was sealed with a key that is not at hand.
        """
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken as error:
            raise SecretError(_NO_KEY) from error

    def reseal(self, sealed: str) -> str:
        """The same secret, encrypted with the first key.

        Raises:
            SecretError: it was sealed with a key that is not at hand.
        """
        try:
            return self._fernet.rotate(sealed.encode()).decode()
        except InvalidToken as error:
            raise SecretError(_NO_KEY) from error

    def fingerprint(self, secret: str) -> str:
        """The same for the same secret, by the first key; without it nobody can try secrets out."""
        return hmac.digest(self._fingerprint, secret.encode(), hashlib.sha256).hex()[:32]


def generate_key() -> str:
    """A new random key, fit for COLLECTOR_SECRET_KEY."""
    return Fernet.generate_key().decode()
