"""Writes many rows by few statements.

Handed to the driver one by one, rows take longer in Python than in the database. A statement here
carries its rows in one piece: as parameters of one long VALUES on SQLite, as a JSON document on
PostgreSQL.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain, islice, repeat
from typing import Any

import sqlalchemy as sa

from collector.storage.tables import UtcDateTime

#: So many rows stand in one statement on SQLite, which takes 32,766 parameters. Few sizes, since
#: each statement is kept for the next time.
_SIZES = (1000, 100, 10, 1)

_compact = json.JSONEncoder(separators=(",", ":")).encode


def insert(
    connection: sa.Connection,
    table: sa.Table,
    shared: Mapping[str, Any],
    columns: Mapping[str, Sequence[Any]],
    *,
    conflict: str = "",
) -> None:
    """Insert rows, given column by column, each with the ``shared`` values besides.

    Args:
        conflict: what stands at the end of the statement, as ``ON CONFLICT ...``.
    """
    as_document = connection.dialect.name == "postgresql"
    given, names = tuple(shared), tuple(columns)
    same = [_stored(table, name, [value], json_as_text=True)[0] for name, value in shared.items()]
    stored = (
        _stored(table, name, values, json_as_text=not as_document)
        for name, values in columns.items()
    )
    rows = list(zip(*stored, strict=True))
    if not rows:
        return
    if as_document:
        document = _compact([dict(zip(names, row, strict=True)) for row in rows])
        statement = _from_document(connection.dialect, table, given, names, conflict)
        connection.exec_driver_sql(statement, (*same, document))
        return
    remaining = iter(rows)
    for part in _parts(len(rows)):
        statement = _with_values(table.name, given, names, conflict, part)
        values = chain.from_iterable(islice(remaining, part))
        connection.exec_driver_sql(statement, (*same, *values))


def _parts(count: int) -> Iterator[int]:
    """The sizes of the statements that ``count`` rows are written by."""
    for size in _SIZES:
        yield from repeat(size, count // size)
        count %= size


def one_of(column: sa.SQLColumnExpression[str], texts: Iterable[str], dialect: str) -> Any:
    """Whether a column is one of many texts, which are handed over in one piece."""
    document = sa.literal(_compact(list(texts)), sa.Text)
    if dialect == "postgresql":
        found = sa.func.json_array_elements_text(sa.cast(document, sa.JSON))
        # An array, so that an index is asked for each, however few rows it is thought to have.
        return column == sa.any_(sa.func.array(sa.select(found).scalar_subquery()))
    return column.in_(sa.select(sa.func.json_each(document).table_valued("value").c.value))


def _stored(
    table: sa.Table, name: str, values: Sequence[Any], *, json_as_text: bool
) -> Sequence[Any]:
    """The values of a column as the driver takes them."""
    kind = table.c[name].type
    if isinstance(kind, UtcDateTime):
        return [_as_text(value) for value in values]
    if isinstance(kind, sa.JSON) and json_as_text:
        return [json.dumps(value) for value in values]
    return values


def _as_text(time: datetime | None) -> str | None:
    """A moment as it stands on SQLite, which PostgreSQL, set to UTC, reads alike."""
    return None if time is None else time.astimezone(UTC).isoformat(" ", "microseconds")[:26]


@lru_cache(maxsize=100)
def _with_values(
    table: str, shared: Sequence[str], columns: Sequence[str], conflict: str, rows: int
) -> str:
    again = [f"?{number}" for number in range(1, len(shared) + 1)]
    row = f"({', '.join([*again, *('?' for _ in columns)])})"
    return f"{_into(table, shared, columns)} VALUES {', '.join([row] * rows)} {conflict}"


@lru_cache(maxsize=100)
def _from_document(
    dialect: sa.Dialect,
    table: sa.Table,
    shared: Sequence[str],
    columns: Sequence[str],
    conflict: str,
) -> str:
    kinds = {name: table.c[name].type.compile(dialect) for name in (*shared, *columns)}
    again = [f"CAST(%s AS {kinds[name]})" for name in shared]
    told = ", ".join(f"{name} {kinds[name]}" for name in columns)
    chosen = f"SELECT {', '.join([*again, *columns])}"
    given = f"json_to_recordset(CAST(%s AS json)) AS given({told})"
    return f"{_into(table.name, shared, columns)} {chosen} FROM {given} {conflict}"


def _into(table: str, shared: Sequence[str], columns: Sequence[str]) -> str:
    return f"INSERT INTO {table} ({', '.join([*shared, *columns])})"
