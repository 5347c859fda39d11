"""The users of the dashboard."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from collector.errors import NotFoundError
from collector.storage.database import insert_for
from collector.storage.passwords import PasswordHash
from collector.storage.tables import UserAccountRow


@dataclass(frozen=True, kw_only=True, slots=True)
class User:
    """A user as it can be listed: everything but what the password has to do with."""

    name: str
    created_at: datetime
    changed_at: datetime
    last_login_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Credentials:
    """What a login is compared with, and the stamp that it is to carry."""

    password_hash: str
    stamp: str


def add(connection: sa.Connection, name: str, password_hash: PasswordHash, now: datetime) -> bool:
    """Store a user; whether there was none of this name."""
    insert = insert_for(connection, UserAccountRow).values(
        name=name,
        password_hash=password_hash,
        stamp=_new_stamp(),
        created_at=now,
        changed_at=now,
    )
    added = insert.on_conflict_do_nothing().returning(UserAccountRow.name)
    return connection.execute(added).first() is not None


def set_password(
    connection: sa.Connection, name: str, password_hash: PasswordHash, now: datetime
) -> None:
    """Store another password, and with it end the user's logins.

    Raises:
        NotFoundError
    """
    changed = connection.execute(
        sa.update(UserAccountRow)
        .where(UserAccountRow.name == name)
        .values(password_hash=password_hash, stamp=_new_stamp(), changed_at=now)
    )
    if changed.rowcount == 0:
        raise unknown(name)


def remove(connection: sa.Connection, name: str) -> None:
    """Forget a user, whose logins end with that.

    Raises:
        NotFoundError
    """
    removed = connection.execute(sa.delete(UserAccountRow).where(UserAccountRow.name == name))
    if removed.rowcount == 0:
        raise unknown(name)


def exists(connection: sa.Connection, name: str) -> bool:
    """Whether there is a user of this name."""
    return stamp_of(connection, name) is not None


def has_any(connection: sa.Connection) -> bool:
    """Whether there is any user at all."""
    return connection.execute(sa.select(UserAccountRow.name).limit(1)).first() is not None


def list_all(connection: sa.Connection) -> list[User]:
    """Every user, by name."""
    rows = connection.execute(
        sa.select(
            UserAccountRow.name,
            UserAccountRow.created_at,
            UserAccountRow.changed_at,
            UserAccountRow.last_login_at,
        ).order_by(UserAccountRow.name)
    )
    return [User(**row._asdict()) for row in rows]


def find_credentials(connection: sa.Connection, name: str) -> Credentials | None:
    """What a login by this name is compared with, if there is such a user."""
    row = connection.execute(
        sa.select(UserAccountRow.password_hash, UserAccountRow.stamp).where(
            UserAccountRow.name == name
        )
    ).one_or_none()
    return None if row is None else Credentials(**row._asdict())


def stamp_of(connection: sa.Connection, name: str) -> str | None:
    """What a login of this user has to carry; None if there is no such user."""
    return connection.execute(
        sa.select(UserAccountRow.stamp).where(UserAccountRow.name == name)
    ).scalar_one_or_none()


def note_login(connection: sa.Connection, name: str, stamp: str, now: datetime) -> bool:
    """Note when the user has logged in; whether the stamp is still the user's."""
    noted = connection.execute(
        sa.update(UserAccountRow)
        .where(UserAccountRow.name == name, UserAccountRow.stamp == stamp)
        .values(last_login_at=now)
    )
    return noted.rowcount > 0


def unknown(name: str) -> NotFoundError:
    """There is no such user."""
    return NotFoundError(f"There is no user {name}. Known ones: collector user list")


def _new_stamp() -> str:
    return secrets.token_hex(16)
