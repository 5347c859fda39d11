"""Rows that a statement is given whole, so that one statement serves a whole batch.

On PostgreSQL each column is an array, on SQLite all rows are one JSON document; either way it is
one parse, one plan, and one way to the database and back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from collector.storage.tables import UtcDateTime

#: A column's type with its values, one for each row.
Column = tuple[sa.types.TypeEngine[Any], Sequence[Any]]


def given(connection: sa.Connection, name: str, columns: Mapping[str, Column]) -> sa.FromClause:
    """These rows, to be joined as ``name``; all columns are of the same length."""
    if connection.dialect.name == "postgresql":
        arrays = [
            sa.bindparam(None, list(values), type_=ARRAY(kind)) for kind, values in columns.values()
        ]
        return sa.func.unnest(*arrays).table_valued(*columns).render_derived(name=name)
    kinds, values = zip(*columns.values(), strict=True)
    rows = zip(*map(_plain, kinds, values, [connection] * len(kinds)), strict=True)
    document = json.dumps(list(rows), ensure_ascii=False)
    each = sa.func.json_each(document).table_valued("value")
    return sa.select(
        *(
            sa.type_coerce(sa.func.json_extract(each.c.value, f"$[{place}]"), kind).label(column)
            for place, (column, kind) in enumerate(zip(columns, kinds, strict=True))
        )
    ).subquery(name)


def _plain(
    kind: sa.types.TypeEngine[Any], values: Sequence[Any], connection: sa.Connection
) -> Sequence[Any]:
    """The values as SQLite keeps them: JSON has no times."""
    if not isinstance(kind, UtcDateTime):
        return values
    process = kind.dialect_impl(connection.dialect).bind_processor(connection.dialect)
    return values if process is None else [process(value) for value in values]
