"""Rows that a statement is given whole, so that one statement serves a whole batch.

They go as one JSON document: to send arrays, the driver for PostgreSQL spends more time on each
value than the server spends on writing it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

ROWS = "rows"


def given(
    dialect: str, name: str, columns: Mapping[str, sa.types.TypeEngine[Any]]
) -> sa.FromClause:
    """The rows of the parameter `ROWS`, to be joined as ``name``."""
    if dialect == "postgresql":
        document = sa.cast(sa.bindparam(ROWS, type_=sa.Text()), sa.JSON())
        typed = [sa.column(column, kind) for column, kind in columns.items()]
        recordset = sa.func.json_to_recordset(document).table_valued(*typed)
        return recordset.render_derived(name=name, with_types=True)
    each = sa.func.json_each(sa.bindparam(ROWS, type_=sa.Text())).table_valued("value")
    return sa.select(
        *(
            sa.type_coerce(
                sa.func.json_extract(each.c.value, sa.literal_column(f"'$.{column}'")), kind
            ).label(column)
            for column, kind in columns.items()
        )
    ).subquery(name)


def document(connection: sa.Connection, rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The parameter `ROWS` for these, each with the columns that the statement knows."""

    def plain(moment: object) -> str:
        """A time as the database spells it."""
        if not isinstance(moment, datetime):
            raise TypeError(f"{type(moment).__name__} is not given to a statement")
        moment = moment.astimezone(UTC)
        if connection.dialect.name == "sqlite":
            return moment.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
        return moment.isoformat()

    return {ROWS: json.dumps(list(rows), ensure_ascii=False, default=plain)}
