"""What is stored of a person: told to whoever may know, and taken out of every table.

The conditions are said once, so that what is counted, shown and removed is the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from collector.domain.person import Person
from collector.storage import bulk
from collector.storage.tables import (
    CallKeyRow,
    CallRow,
    EnrichmentRow,
    RefusedRecordRow,
    SessionRow,
    SightingRow,
)
from collector.storage.tables_privacy import SpentNumberRow

#: In the order in which they can be removed.
_TABLES: tuple[Any, ...] = (
    EnrichmentRow,
    CallKeyRow,
    CallRow,
    SightingRow,
    SessionRow,
    RefusedRecordRow,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """An enrichment that Contentsquare holds, or may hold: then ``accepted_at`` can be None."""

    user_id: str
    session_number: int
    enrichment_number: int
    call_id: str
    accepted_at: datetime | None
    in_doubt: bool

    @property
    def session_key(self) -> str:
        return f"{self.user_id}.{self.session_number}"


def _theirs(
    connection: sa.Connection, row: Any, project_id: int, person: Person, refused: Collection[str]
) -> sa.ColumnElement[bool]:
    """Whether a row is this person's."""

    def among(column: Any, values: Collection[str]) -> Any:
        return bulk.one_of(column, sorted(values), connection.dialect.name)

    columns = row.__table__.c
    either = [
        among(getattr(row, name), values)
        for name, values in (
            ("user_id", person.user_ids),
            ("call_id", person.call_ids),
            ("refusal_id", refused),
        )
        # The user of a call is whom it is matched to: such calls were found before.
        if name in columns and values and not (row is CallRow and name == "user_id")
    ]
    return sa.and_(row.project_id == project_id, sa.or_(sa.false(), *either))


def count(
    connection: sa.Connection, project_id: int, person: Person, refused: Collection[str]
) -> dict[str, int]:
    """How many rows of each table are this person's."""
    return {
        row.__tablename__: connection.execute(
            sa.select(sa.func.count())
            .select_from(row)
            .where(_theirs(connection, row, project_id, person, refused))
        ).scalar_one()
        for row in _TABLES
    }


def rows(
    connection: sa.Connection, project_id: int, person: Person, refused: Collection[str]
) -> dict[str, list[Mapping[str, Any]]]:
    """All that is stored of a person, by table: for the person, who may know it."""
    return {
        row.__tablename__: [
            dict(found)
            for found in connection.execute(
                sa.select(row.__table__)
                .where(_theirs(connection, row, project_id, person, refused))
                .order_by(*row.__table__.primary_key.columns)
            ).mappings()
        ]
        for row in _TABLES
    }


def sent(connection: sa.Connection, project_id: int, person: Person) -> list[Sent]:
    """What of it has left this house, or may have."""
    in_doubt = EnrichmentRow.doubtful_revision > EnrichmentRow.accepted_revision
    found = connection.execute(
        sa.select(
            EnrichmentRow.user_id,
            EnrichmentRow.session_number,
            EnrichmentRow.enrichment_number,
            EnrichmentRow.call_id,
            EnrichmentRow.accepted_at,
            in_doubt.label("in_doubt"),
        )
        .where(
            _theirs(connection, EnrichmentRow, project_id, person, ()),
            sa.or_(EnrichmentRow.accepted_revision > 0, in_doubt),
        )
        .order_by(
            EnrichmentRow.user_id, EnrichmentRow.session_number, EnrichmentRow.enrichment_number
        )
    )
    return [Sent(**{**row, "in_doubt": bool(row["in_doubt"])}) for row in found.mappings()]


def erase(
    connection: sa.Connection, project_id: int, person: Person, refused: Collection[str]
) -> dict[str, int]:
    """Remove a person's rows; returns how many of each table there were."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete = ON")
    _spend_numbers(connection, project_id, person)
    removed = {}
    for row in _TABLES:
        theirs = _theirs(connection, row, project_id, person, refused)
        removed[row.__tablename__] = connection.execute(sa.delete(row).where(theirs)).rowcount
    return removed


def _spend_numbers(connection: sa.Connection, project_id: int, person: Person) -> None:
    """A session that stays never gives the numbers again that these calls had there."""
    columns = [column.name for column in SpentNumberRow.__table__.columns]
    stays = sa.true()
    if person.user_ids:
        gone = bulk.one_of(EnrichmentRow.user_id, sorted(person.user_ids), connection.dialect.name)
        stays = ~gone
    theirs = _theirs(connection, EnrichmentRow, project_id, person, ())
    chosen = sa.select(*(getattr(EnrichmentRow, name) for name in columns)).where(theirs, stays)
    connection.execute(sa.insert(SpentNumberRow).from_select(columns, chosen))


def sweep(
    connection: sa.Connection, project_id: int, user_ids: Iterable[str], refused: Collection[str]
) -> dict[str, int]:
    """Remove what was being written while its visitor was forgotten, as `erase` does."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete = ON")
    late = Person(user_ids=set(user_ids))
    removed = {}
    for row in (SightingRow, SessionRow, RefusedRecordRow):
        theirs = _theirs(connection, row, project_id, late, refused)
        removed[row.__tablename__] = connection.execute(sa.delete(row).where(theirs)).rowcount
    return removed
