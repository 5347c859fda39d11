"""A caller's number is personal data: what is kept of it is a hash that only the key can repeat.

So a caller who calls again can be recognised, and nobody who has the database alone can find
the number by trying all of them.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass

#: Keeps the key for this purpose apart from the one that it is derived from.
_PURPOSE = b"session-collector caller number, version 1"
_KEY_ID = b"session-collector caller key id, version 1"


@dataclass(frozen=True, slots=True)
class CallerHash:
    """Hashes numbers by a key derived from ``secret``, which has to be random (32 bytes).

    ``older`` are those of the keys that came before, by which somebody may still be known.
    """

    key: bytes
    key_id: str
    older: tuple[CallerHash, ...] = ()

    @classmethod
    def of(cls, secret: str) -> CallerHash:
        """The hash that goes with a key of ``COLLECTOR_SECRET_KEY``."""
        key = hmac.digest(secret.encode(), _PURPOSE, hashlib.sha256)
        return cls(key=key, key_id=hmac.digest(key, _KEY_ID, hashlib.sha256).hex()[:8])

    @classmethod
    def of_all(cls, secrets: Sequence[str]) -> CallerHash:
        """The hash that goes with the first of these keys, with those of the others."""
        first, *others = map(cls.of, secrets)
        return cls(key=first.key, key_id=first.key_id, older=tuple(others))

    def __call__(self, number: str) -> str:
        """HMAC-SHA256 of a normalised number, hexadecimal."""
        return hmac.digest(self.key, number.encode(), hashlib.sha256).hex()
