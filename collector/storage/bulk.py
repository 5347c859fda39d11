"""Writes many rows by few statements.

Handed to the driver one by one, rows take longer in Python than in the database. A statement here
carries its rows in one piece: as parameters of one long VALUES on SQLite, as a JSON document on
PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import chain, islice, repeat
from typing import Any, cast

import sqlalchemy as sa

from collector.storage.preparing import Row, as_text, encode

#: So many rows stand in one statement on SQLite, which takes 32,766 parameters. Few sizes, since
#: each statement is kept for the next time.
_SIZES = (1000, 100, 10, 1)

#: SQLite has a limit for the parts of a condition.
_MOST_PARTS = 200


def insert(
    connection: sa.Connection,
    table: sa.Table,
    shared: Mapping[str, Any],
    columns: Sequence[str],
    rows: Sequence[Row],
    *,
    conflict: str = "",
) -> None:
    """Insert prepared rows of some columns, each with the ``shared`` values besides.

    Args:
        conflict: what stands at the end of the statement, as ``ON CONFLICT ...``.
    """
    if not rows:
        return
    given = tuple(shared)
    same = [as_text(value) if isinstance(value, datetime) else value for value in shared.values()]
    if connection.dialect.name == "postgresql":
        document = f"[{','.join(cast('Sequence[str]', rows))}]"
        statement = _from_document(connection.dialect, table, given, columns, conflict)
        connection.exec_driver_sql(statement, (*same, document))
        return
    remaining = iter(rows)
    for part in _parts(len(rows)):
        statement = _with_values(table.name, given, columns, conflict, part)
        values = chain.from_iterable(islice(remaining, part))
        connection.exec_driver_sql(statement, (*same, *values))


def _parts(count: int) -> Iterator[int]:
    """The sizes of the statements that ``count`` rows are written by."""
    for size in _SIZES:
        yield from repeat(size, count // size)
        count %= size


def one_of(column: sa.SQLColumnExpression[str], texts: Iterable[str], dialect: str) -> Any:
    """Whether a column is one of many texts, which are handed over in one piece."""
    document = sa.literal(encode(list(texts)), sa.Text)
    if dialect == "postgresql":
        found = sa.func.json_array_elements_text(sa.cast(document, sa.JSON))
        # An array, so that an index is asked for each, however few rows it is thought to have.
        return column == sa.any_(sa.func.array(sa.select(found).scalar_subquery()))
    return column.in_(sa.select(sa.func.json_each(document).table_valued("value").c.value))


def in_parts(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """As many at a time as a condition may have parts."""
    return (texts[start : start + _MOST_PARTS] for start in range(0, len(texts), _MOST_PARTS))


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
