"""The secrets by which call platforms sign what they post, one for each project and platform."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from collector.storage.database import insert_for
from collector.storage.secrets import SecretBox
from collector.storage.tables import WebhookRow


@dataclass(frozen=True, kw_only=True, slots=True)
class Webhook:
    """A webhook as it can be listed: everything but its secret."""

    project_id: int
    preset: str
    created_at: datetime


def add(
    connection: sa.Connection, project_id: int, preset: str, sealed_secret: str, now: datetime
) -> bool:
    """Store a secret, in the place of the one before; whether there was one."""
    replaces = find_secret(connection, project_id, preset) is not None
    insert = insert_for(connection, WebhookRow).values(
        project_id=project_id, preset=preset, secret=sealed_secret, created_at=now
    )
    connection.execute(
        insert.on_conflict_do_update(
            index_elements=["project_id", "preset"],
            set_={"secret": insert.excluded.secret, "created_at": insert.excluded.created_at},
        )
    )
    return replaces


def find_secret(connection: sa.Connection, project_id: int, preset: str) -> str | None:
    """The encrypted secret, if one is stored."""
    return connection.execute(
        sa.select(WebhookRow.secret).where(
            WebhookRow.project_id == project_id, WebhookRow.preset == preset
        )
    ).scalar_one_or_none()


def list_all(connection: sa.Connection) -> list[Webhook]:
    """Every webhook that has a secret, by project."""
    rows = connection.execute(
        sa.select(WebhookRow.project_id, WebhookRow.preset, WebhookRow.created_at).order_by(
            WebhookRow.project_id, WebhookRow.preset
        )
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

    Raises:
        SecretError: one was sealed with a key that is not at hand.
    """
    rows = connection.execute(
        sa.select(WebhookRow.project_id, WebhookRow.preset, WebhookRow.secret)
        .order_by(WebhookRow.project_id, WebhookRow.preset)
        .with_for_update()
    ).all()
    for project_id, preset, sealed in rows:
        connection.execute(
            sa.update(WebhookRow)
            .where(WebhookRow.project_id == project_id, WebhookRow.preset == preset)
            .values(secret=box.reseal(sealed))
        )
    return len(rows)
