"""Looks through the call records that were refused, opens, reseals and clears them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from collector.errors import SecretError
from collector.storage.database import Database
from collector.storage.installations import queue_up
from collector.storage.secrets import SecretBox
from collector.storage.tables import RefusedRecordRow

#: So many records are opened or sealed in one transaction; each has up to 20,000 characters.
_PAGE = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Chosen:
    """Which refused records are meant; None stands for any. ``until`` ends the span, included."""

    project_id: int | None = None
    code: str | None = None
    source: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        columns = {
            "project_id": RefusedRecordRow.project_id,
            "code": RefusedRecordRow.code,
            "source": RefusedRecordRow.source,
        }
        asked = [
            column == getattr(self, name)
            for name, column in columns.items()
            if getattr(self, name) is not None
        ]
        if self.since is not None:
            asked.append(RefusedRecordRow.refused_at >= self.since)
        if self.until is not None:
            asked.append(RefusedRecordRow.refused_at <= self.until)
        return asked


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeCount:
    """How many records of a project were refused for one reason.

    ``times`` counts repetitions too, ``without_record`` those of which the reason alone is kept.
    """

    project_id: int
    code: str
    records: int
    times: int
    without_record: int
    refused_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """One refused record: where it came from, and why it could not be read."""

    project_id: int
    refused_at: datetime
    first_at: datetime
    source: str
    origin: str
    number: int
    call_id: str | None
    code: str
    message: str
    times: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """A record as it came, with the preset that could not read it.

    ``text`` is None if it was not kept, or was sealed with a key that is not at hand.
    """

    source: str
    text: str | None


def counts(connection: sa.Connection, chosen: Chosen) -> list[CodeCount]:
    """The chosen, counted by project and code, the most frequent code first."""
    row, records = RefusedRecordRow, sa.func.count()
    rows = connection.execute(
        sa.select(
            row.project_id,
            row.code,
            records.label("records"),
            # A sum of whole numbers is a decimal number on PostgreSQL.
            sa.cast(sa.func.sum(row.times), sa.BigInteger).label("times"),
            (records - sa.func.count(row.record)).label("without_record"),
            sa.func.max(row.refused_at).label("refused_at"),
        )
        .where(*chosen.conditions())
        .group_by(row.project_id, row.code)
        .order_by(row.project_id, records.desc(), row.code)
    )
    return [CodeCount(**found._mapping) for found in rows]


def count(connection: sa.Connection, chosen: Chosen) -> int:
    """How many there are."""
    return connection.execute(
        sa.select(sa.func.count()).select_from(RefusedRecordRow).where(*chosen.conditions())
    ).scalar_one()


def newest(connection: sa.Connection, chosen: Chosen, limit: int) -> list[Refused]:
    """The chosen, the newest first."""
    columns = [getattr(RefusedRecordRow, name) for name in Refused.__slots__]
    rows = connection.execute(_newest_first(sa.select(*columns), chosen).limit(limit))
    return [Refused(**found._mapping) for found in rows]


def opened(
    database: Database, chosen: Chosen, secrets: SecretBox, limit: int | None
) -> Iterator[Opened]:
    """The newest of the chosen records, in the order in which they were refused.

    A later record of a call then comes after an earlier one, and is the last to be read again.
    """
    key: list[Any] = [RefusedRecordRow.project_id, RefusedRecordRow.refusal_id]
    with database.read() as connection:
        rows = connection.execute(_newest_first(sa.select(*key), chosen).limit(limit))
        keys = [(row.project_id, row.refusal_id) for row in rows]
    keys.reverse()
    for start in range(0, len(keys), _PAGE):
        page = keys[start : start + _PAGE]
        with database.read() as connection:
            found = connection.execute(
                sa.select(*key, RefusedRecordRow.source, RefusedRecordRow.record).where(
                    sa.tuple_(*key).in_(page)
                )
            )
            kept = {(row.project_id, row.refusal_id): (row.source, row.record) for row in found}
        for one in page:
            if one in kept:  # else it was mended or cleared meanwhile
                source, sealed = kept[one]
                yield Opened(source=source, text=open_record(secrets, sealed))


def of_person(
    database: Database,
    project_id: int,
    secrets: SecretBox,
    names: Callable[[str], bool],
) -> tuple[set[str], int]:
    """The records of a project that name somebody, and how many could not be opened.

    Args:
        names: whether a record's text does.
    """
    found: set[str] = set()
    shut = 0
    after = ""
    while True:
        with database.read() as connection:
            page = _sealed_after(connection, project_id, after)
        if not page:
            return found, shut
        for (_, refusal_id), sealed in page:
            text = open_record(secrets, sealed)
            shut += text is None
            if text is not None and names(text):
                found.add(refusal_id)
        after = page[-1][0][1]


def clear(connection: sa.Connection, chosen: Chosen) -> int:
    """Forget the chosen; returns how many there were."""
    conditions = chosen.conditions()
    projects = connection.execute(
        sa.select(RefusedRecordRow.project_id).where(*conditions).distinct()
    )
    for project_id in sorted(projects.scalars()):
        queue_up(connection, project_id)
    return connection.execute(sa.delete(RefusedRecordRow).where(*conditions)).rowcount


def reseal(database: Database, box: SecretBox) -> tuple[int, int]:
    """Encrypt the records anew with the box's first key, a page in each transaction.

    Returns:
        How many there are, and how many were left since none of the keys opens them.
    """
    with database.read() as connection:
        rows = connection.execute(sa.select(RefusedRecordRow.project_id).distinct())
        projects = sorted(rows.scalars())
    done = left = 0
    for project_id in projects:
        after = ""
        while True:
            with database.write() as connection:
                queue_up(connection, project_id)
                page = _sealed_after(connection, project_id, after)
                failed = [key for key, sealed in page if not _reseal(connection, key, sealed, box)]
            if not page:
                break
            after = page[-1][0][1]
            done, left = done + len(page) - len(failed), left + len(failed)
    return done, left


def _newest_first(query: sa.Select[Any], chosen: Chosen) -> sa.Select[Any]:
    row = RefusedRecordRow
    return query.where(*chosen.conditions()).order_by(
        row.refused_at.desc(), row.origin.desc(), row.number.desc(), row.refusal_id
    )


def _sealed_after(
    connection: sa.Connection, project_id: int, after: str
) -> Sequence[tuple[tuple[int, str], str]]:
    row = RefusedRecordRow
    rows = connection.execute(
        sa.select(row.refusal_id, row.record)
        .where(row.project_id == project_id, row.refusal_id > after, row.record.is_not(None))
        .order_by(row.refusal_id)
        .limit(_PAGE)
    )
    return [((project_id, refusal_id), sealed) for refusal_id, sealed in rows if sealed]


def _reseal(connection: sa.Connection, key: tuple[int, str], sealed: str, box: SecretBox) -> bool:
    try:
        anew = box.reseal(sealed)
    except SecretError:
        return False
    connection.execute(
        sa.update(RefusedRecordRow)
        .where(RefusedRecordRow.project_id == key[0], RefusedRecordRow.refusal_id == key[1])
        .values(record=anew)
    )
    return True


def open_record(secrets: SecretBox, sealed: str | None) -> str | None:
    """A record as it came; None if it was not kept, or no key at hand opens it."""
    try:
        return secrets.open(sealed) if sealed is not None else None
    except SecretError:
        return None
