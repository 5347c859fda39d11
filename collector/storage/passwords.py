"""Passwords as they are stored: hashed by Argon2id, in the form that tells its own parameters."""

from __future__ import annotations

import os
from typing import NewType

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from collector.domain.users import normal

#: What `hashed` has made: the one thing of a password that may be stored.
PasswordHash = NewType("PasswordHash", str)

# OWASP, Password Storage Cheat Sheet, "Argon2id": 19 MiB, two iterations, one lane. Beacons share
# the machine, and each login takes this much of it.
_MEMORY_KIB = 19_456
_ITERATIONS = 2
_LANES = 1
_SALT_BYTES = 16
_HASH_BYTES = 32

#: Fits no password, and costs as much to compare with as one that does.
NOBODYS = f"$argon2id$v=19$m={_MEMORY_KIB},t={_ITERATIONS},p={_LANES}${'A' * 22}${'A' * 43}"


def hashed(password: str) -> PasswordHash:
    """Hash a password, which takes a few hundredths of a second on purpose."""
    argon2id = Argon2id(
        salt=os.urandom(_SALT_BYTES),
        length=_HASH_BYTES,
        iterations=_ITERATIONS,
        lanes=_LANES,
        memory_cost=_MEMORY_KIB,
    )
    return PasswordHash(argon2id.derive_phc_encoded(_bytes(password)))


def fits(password: str, stored: str | None) -> bool:
    """Whether ``stored`` was made of this password; with None it takes as long, and does not."""
    try:
        Argon2id.verify_phc_encoded(_bytes(password), NOBODYS if stored is None else stored)
    except InvalidKey:
        return False
    return stored is not None


def _bytes(password: str) -> bytes:
    return normal(password).encode()
