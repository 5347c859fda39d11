"""Encrypts what must not be readable in the database."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from collector.errors import SecretError

_NO_KEY = (
    "A stored client secret cannot be decrypted with COLLECTOR_SECRET_KEY. Add the key it was "
    "stored with (comma-separated), or set the secret again: collector installation edit "
    "PROJECT_ID --new-secret"
)


class SecretBox:
    """Encrypts with the first key and decrypts with any, so that keys can be rotated."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys])

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


def generate_key() -> str:
    """A new random key, fit for COLLECTOR_SECRET_KEY."""
    return Fernet.generate_key().decode()
