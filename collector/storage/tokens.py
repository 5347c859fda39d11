"""Bearer tokens of call platforms: shown once, stored as a hash."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from collector.storage.tables import TokenRow

#: The project and the token's id stand in the token, so that one row is looked up by its key.
_FORM = re.compile(r"sc_(\d{1,16})_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, kw_only=True, slots=True)
class Token:
    """A token as it can be listed: everything but the secret."""

    project_id: int
    token_id: str
    scope: str
    name: str
    created_at: datetime


def create(
    connection: sa.Connection, *, project_id: int, scope: str, name: str, now: datetime
) -> str:
    """Make a token and return it: the only time that it can be seen."""
    token_id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
    connection.execute(
        sa.insert(TokenRow).values(
            project_id=project_id,
            token_id=token_id,
            scope=scope,
            name=name,
            secret_hash=_hash(secret),
            created_at=now,
        )
    )
    return f"sc_{project_id}_{token_id}_{secret}"


def project_of(connection: sa.Connection, token: str, scope: str) -> int | None:
    """The project that ``token`` may write to under ``scope``; None if it may not."""
    parts = _FORM.fullmatch(token)
    if parts is None:
        return None
    project_id, token_id, secret = int(parts[1]), parts[2], parts[3]
    stored = connection.execute(
        sa.select(TokenRow.secret_hash).where(
            TokenRow.project_id == project_id,
            TokenRow.token_id == token_id,
            TokenRow.scope == scope,
        )
    ).scalar_one_or_none()
    if stored is None or not hmac.compare_digest(stored, _hash(secret)):
        return None
    return project_id


def list_all(connection: sa.Connection) -> list[Token]:
    """Every token, by project."""
    rows = connection.execute(
        sa.select(
            TokenRow.project_id,
            TokenRow.token_id,
            TokenRow.scope,
            TokenRow.name,
            TokenRow.created_at,
        ).order_by(TokenRow.project_id, TokenRow.created_at)
    )
    return [Token(**row._asdict()) for row in rows]


def revoke(connection: sa.Connection, token_id: str) -> bool:
    """Remove a token; whether there was one."""
    return connection.execute(sa.delete(TokenRow).where(TokenRow.token_id == token_id)).rowcount > 0


def _hash(secret: str) -> str:
    # The secret is 256 random bits, so a plain hash cannot be guessed back.
    return hashlib.sha256(secret.encode()).hexdigest()
