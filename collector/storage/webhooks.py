"""The secrets by which call platforms sign what they post, one for each project and platform.

While one takes the place of another, which the platform does at a moment of its own, both are good.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from collector.storage.database import insert_for
from collector.storage.secrets import SecretBox
from collector.storage.tables import WebhookRow


@dataclass(frozen=True, kw_only=True, slots=True)
class Webhook:
    """A webhook as it can be listed: everything but its secrets.

    ``earlier_until`` is None if there is no earlier secret.
    """

    project_id: int
    preset: str
    created_at: datetime
    earlier_until: datetime | None


def add(
    connection: sa.Connection,
    project_id: int,
    preset: str,
    sealed_secret: str,
    now: datetime,
    *,
    earlier_until: datetime | None = None,
) -> None:
    """Store a secret, in the place of the one before.

    Args:
        earlier_until: so long the one before is good, too; None ends it at once.
    """
    insert = insert_for(connection, WebhookRow).values(
        project_id=project_id, preset=preset, secret=sealed_secret, created_at=now
    )
    connection.execute(
        insert.on_conflict_do_update(
            index_elements=["project_id", "preset"],
            set_={
                "secret": insert.excluded.secret,
                "created_at": insert.excluded.created_at,
                "earlier_secret": sa.null() if earlier_until is None else WebhookRow.secret,
                "earlier_until": earlier_until,
            },
        )
    )


def find_secrets(
    connection: sa.Connection, project_id: int, preset: str, now: datetime
) -> list[str]:
    """The encrypted secrets that are good, the newest first: none, one or two."""
    row = connection.execute(
        sa.select(WebhookRow.secret, WebhookRow.earlier_secret, WebhookRow.earlier_until).where(
            WebhookRow.project_id == project_id, WebhookRow.preset == preset
        )
    ).one_or_none()
    if row is None:
        return []
    if row.earlier_secret is None or row.earlier_until is None or row.earlier_until <= now:
        return [row.secret]
    return [row.secret, row.earlier_secret]


def has_ended(connection: sa.Connection, project_id: int, now: datetime) -> bool:
    """Whether an earlier secret is stored that is good no more."""
    return (
        connection.execute(
            sa.select(WebhookRow.project_id).where(*_ended(project_id, now)).limit(1)
        ).first()
        is not None
    )


def drop_ended(connection: sa.Connection, project_id: int, now: datetime) -> None:
    """Remove the earlier secrets that are good no more."""
    connection.execute(
        sa.update(WebhookRow)
        .where(*_ended(project_id, now))
        .values(earlier_secret=None, earlier_until=None)
    )


def _ended(project_id: int, now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return WebhookRow.project_id == project_id, WebhookRow.earlier_until <= now


def list_all(connection: sa.Connection) -> list[Webhook]:
    """Every webhook that has a secret, by project."""
    rows = connection.execute(
        sa.select(
            WebhookRow.project_id,
            WebhookRow.preset,
            WebhookRow.created_at,
            WebhookRow.earlier_until,
        ).order_by(WebhookRow.project_id, WebhookRow.preset)
    )
    return [Webhook(**row._asdict()) for row in rows]


def remove(connection: sa.Connection, project_id: int, preset: str) -> bool:
    """Forget a secret; whether there was one."""
    removed = connection.execute(
        sa.delete(WebhookRow).where(
            WebhookRow.project_id == project_id, WebhookRow.preset == preset
        )
    )
    return removed.rowcount > 0


def reseal_secrets(connection: sa.Connection, box: SecretBox) -> int:
    """Encrypt every secret anew with the box's first key; returns how many there are.

    An earlier one goes along with the one that took its place.

    Raises:
        SecretError: one was sealed with a key that is not at hand.
    """
    rows = connection.execute(
        sa.select(
            WebhookRow.project_id, WebhookRow.preset, WebhookRow.secret, WebhookRow.earlier_secret
        )
        .order_by(WebhookRow.project_id, WebhookRow.preset)
        .with_for_update()
    ).all()
    for project_id, preset, sealed, earlier in rows:
        connection.execute(
            sa.update(WebhookRow)
            .where(WebhookRow.project_id == project_id, WebhookRow.preset == preset)
            .values(
                secret=box.reseal(sealed),
                earlier_secret=None if earlier is None else box.reseal(earlier),
            )
        )
    return len(rows)
