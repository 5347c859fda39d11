"""Tombstones: written when somebody is forgotten, read by whatever takes something in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa

from collector.domain.callers import CallerHash
from collector.domain.tombstones import Forgotten
from collector.storage.database import insert_for
from collector.storage.tables import InstallationRow
from collector.storage.tables_privacy import TombstoneRow


def find(connection: sa.Connection, project_id: int, hashed: CallerHash | None) -> Forgotten | None:
    """Who is to stay out of a project; None if nobody was ever forgotten there.

    Args:
        hashed: by the keys at hand. By others nobody can be recognised (`by_key` tells of them).
    """
    forgettings = connection.execute(
        sa.select(InstallationRow.forgettings).where(InstallationRow.project_id == project_id)
    ).scalar_one_or_none()
    return read(connection, project_id, hashed) if forgettings else None


def read(connection: sa.Connection, project_id: int, hashed: CallerHash | None) -> Forgotten:
    """The same, where it is known that somebody was."""
    marks: dict[str, set[str]] = defaultdict(set)
    key_ids = set()
    for kind, found, key_id in connection.execute(
        sa.select(TombstoneRow.kind, TombstoneRow.hash, TombstoneRow.key_id).where(
            TombstoneRow.project_id == project_id
        )
    ):
        marks[kind].add(found)
        key_ids.add(key_id)
    keys = (hashed, *hashed.older) if hashed else ()
    return Forgotten(dict(marks), tuple(key for key in keys if key.key_id in key_ids))


def add(
    connection: sa.Connection,
    project_id: int,
    marks: Iterable[tuple[str, str, str]],
    now: datetime,
) -> None:
    """Leave these tombstones, each a kind, a hash and its key's id, and tell the servers."""
    rows = [
        {"project_id": project_id, "kind": kind, "hash": found, "key_id": key_id,
         "forgotten_at": now}
        for kind, found, key_id in sorted(set(marks))
    ]  # fmt: skip
    if rows:
        insert = insert_for(connection, TombstoneRow)
        connection.execute(insert.on_conflict_do_nothing(), rows)
    connection.execute(
        sa.update(InstallationRow)
        .where(InstallationRow.project_id == project_id)
        .values(forgettings=InstallationRow.forgettings + 1)
    )


def by_key(connection: sa.Connection) -> dict[str, int]:
    """How many tombstones were made with each key, by the key's id."""
    rows = connection.execute(
        sa.select(TombstoneRow.key_id, sa.func.count()).group_by(TombstoneRow.key_id)
    )
    return {key_id: number for key_id, number in rows}  # noqa: C416 - rows are no plain tuples
