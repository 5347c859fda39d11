"""Bearer tokens of call platforms: shown once, stored as a hash, for one project and scope."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from collector.domain.tokens import NOTED_EVERY, Token
from collector.storage.tables import TokenRow

#: The project and the token's id stand in the token, so that one row is looked up by its key.
_FORM = re.compile(r"sc_(\d{1,16})_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")

_SHOWN = (
    TokenRow.project_id,
    TokenRow.token_id,
    TokenRow.scope,
    TokenRow.name,
    TokenRow.created_at,
    TokenRow.expires_at,
    TokenRow.last_used_at,
)


def create(
    connection: sa.Connection,
    *,
    project_id: int,
    scope: str,
    name: str,
    now: datetime,
    expires_at: datetime | None = None,
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
            expires_at=expires_at,
        )
    )
    return f"sc_{project_id}_{token_id}_{secret}"


def find(connection: sa.Connection, token: str) -> Token | None:
    """What is known of a token, if its secret is right; whether it is taken is another question.

    None tells nobody whether there is such a token: of a wrong secret no more is said than of an
    unknown one.
    """
    parts = _FORM.fullmatch(token)
    if parts is None:
        return None
    row = connection.execute(
        sa.select(*_SHOWN, TokenRow.secret_hash).where(
            TokenRow.project_id == int(parts[1]), TokenRow.token_id == parts[2]
        )
    ).one_or_none()
    stored = "" if row is None else row.secret_hash
    is_right = hmac.compare_digest(stored, _hash(parts[3]))
    if row is None or not is_right:
        return None
    return _token(row)


def note_use(connection: sa.Connection, token: Token, now: datetime) -> None:
    """Remember that it was used, unless another request has done so within `NOTED_EVERY`."""
    connection.execute(
        sa.update(TokenRow)
        .where(
            TokenRow.project_id == token.project_id,
            TokenRow.token_id == token.token_id,
            sa.or_(TokenRow.last_used_at.is_(None), TokenRow.last_used_at <= now - NOTED_EVERY),
        )
        .values(last_used_at=now)
    )


def list_all(connection: sa.Connection, project_id: int | None = None) -> list[Token]:
    """Every token, by project; or those of one."""
    query = sa.select(*_SHOWN).order_by(TokenRow.project_id, TokenRow.created_at)
    if project_id is not None:
        query = query.where(TokenRow.project_id == project_id)
    return [_token(row) for row in connection.execute(query)]


def revoke(connection: sa.Connection, token_id: str) -> bool:
    """Remove a token; whether there was one."""
    return connection.execute(sa.delete(TokenRow).where(TokenRow.token_id == token_id)).rowcount > 0


def _token(row: Any) -> Token:
    told = row._asdict()
    told.pop("secret_hash", None)
    return Token(**told)


def _hash(secret: str) -> str:
    # The secret is 256 random bits, so a plain hash cannot be guessed back.
    return hashlib.sha256(secret.encode()).hexdigest()
