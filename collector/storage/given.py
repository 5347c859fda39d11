"""Rows that are handed to a statement as a table, so that one statement does the work of many.

They go as one JSON document. So the statement's text is the same for one row and for thousands:
it is compiled and planned once, and meets no limit of parameters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from collector.storage.preparing import encode
from collector.storage.tables import Json, UtcDateTime

TEXT = sa.String()
INTEGER = sa.Integer()
BOOLEAN = sa.Boolean()
MOMENT = UtcDateTime()

#: Handed over as a value, or as its text.
DOCUMENT = Json

_PROJECT = sa.bindparam("the_project", type_=sa.BigInteger)


class Given:
    """A table in the FROM clause of a statement for one dialect; ``c`` has its columns.

    All its rows are of one project, ``project_id``; each has its values in the order of the
    columns. ``bind`` makes the parameters that a statement with this table is executed with.
    """

    def __init__(self, dialect: str, columns: Mapping[str, Any], *, name: str = "given") -> None:
        self._name = name
        document = sa.bindparam(name, type_=TEXT)
        if dialect == "postgresql":
            each = sa.func.jsonb_array_elements(sa.cast(document, JSONB)).table_valued("value")
            row, extracted = each.render_derived().c.value, _on_postgresql
        else:
            row, extracted = sa.func.json_each(document).table_valued("value").c.value, _on_sqlite
        values = [
            extracted(row, place, kind).label(column)
            for place, (column, kind) in enumerate(columns.items())
        ]
        # The limit has each value read once, and tells PostgreSQL how few rows they are.
        number = sa.bindparam(f"{name}_number", type_=INTEGER)
        self.table = sa.select(*values).limit(number).subquery(name)
        self.c: dict[str, Any] = dict(self.table.c)
        self.project_id: sa.ColumnElement[int] = _PROJECT
        if dialect == "sqlite":
            # Said of each row anew, it makes SQLite begin with these rows: it has no statistics,
            # and takes a project for as small as a key.
            self.project_id = sa.case((self.c[next(iter(columns))].is_not(None), _PROJECT))

    def bind(self, project_id: int, rows: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
        """The parameters that hand over these rows of one project, with moments as texts."""
        document = encode(rows)
        number = {f"{self._name}_number": len(rows)}
        return {"the_project": project_id, self._name: document, **number}


def _on_postgresql(row: Any, place: int, kind: Any) -> sa.ColumnElement[Any]:
    text = row.op("->>")(sa.literal_column(str(place), INTEGER))
    return text if isinstance(kind, sa.String) else sa.cast(text, kind)


def _on_sqlite(row: Any, place: int, kind: Any) -> sa.ColumnElement[Any]:
    # The text of a document is all there is of it: a cast would take it for a number.
    return sa.func.json_extract(row, sa.literal_column(f"'$[{place}]'"), type_=kind)
