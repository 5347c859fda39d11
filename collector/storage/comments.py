"""What each table, view and column means: read from ``migrations/comments``, told by the database.

A file there is of one revision, and holds what that revision adds or changes. The migration that
brings it ends with :func:`write`; so does each that makes views anew, since their comments go with
them. The tables know nothing of it, as nothing but Alembic's comparison asks (:func:`described`).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from collector import resources

#: Columns of the view that SQL clients ask, in place of comments or beside them.
REPORT_COLUMNS = (
    "view_name", "position", "column_name", "type", "unit", "meaning", "example",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """A column of a view. ``type`` is integer, number, text, boolean, moment, day or json."""

    name: str
    type: str
    unit: str
    meaning: str
    example: str

    @property
    def comment(self) -> str:
        """All of it in one line."""
        unit = f" Unit: {self.unit}." if self.unit else ""
        return f"{self.meaning}{unit} Example: {self.example}"


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """A view; ``span`` is the column by which it is asked for a span of time, if there is one."""

    name: str
    about: str
    span: str | None
    columns: tuple[Column, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Comments:
    """All there is to say; of a table, each column's text stands under its name."""

    views: Mapping[str, View]
    tables: Mapping[str, Mapping[str, str]]
    common: Mapping[str, str]

    def of_column(self, table: str, column: str) -> str | None:
        """What a table's column means."""
        return self.tables.get(table, {}).get(column) or self.common.get(column)


def read(revision: str | None = None) -> Comments:
    """What is known at ``revision``, or at the newest."""
    views: dict[str, View] = {}
    tables: dict[str, dict[str, str]] = {}
    common: dict[str, str] = {}
    for file in sorted((resources.path("migrations") / "comments").glob("*.toml")):
        if revision is not None and file.stem > revision:
            break
        document = tomllib.loads(file.read_text(encoding="utf-8"))
        views |= {name: _view(name, said) for name, said in document.get("views", {}).items()}
        common |= document.get("common", {})
        for table, texts in document.get("tables", {}).items():
            tables[table] = {**tables.get(table, {}), **texts}
    return Comments(views=views, tables=tables, common=common)


def described(metadata: sa.MetaData) -> sa.MetaData:
    """The same tables with their comments, as Alembic compares them with a database."""
    known = read()
    for table in metadata.sorted_tables:
        table.comment = known.tables.get(table.name, {}).get("about")
        for column in table.columns:
            column.comment = known.of_column(table.name, column.name)
    return metadata


def write(connection: sa.Connection, revision: str) -> None:
    """Let the database tell what is known at ``revision``: by comments, and by a view."""
    known = read(revision)
    _execute(connection, ["DROP VIEW IF EXISTS report_columns", _view_of_columns(known)])
    if connection.dialect.name == "postgresql":
        _execute(connection, _on_all(connection, known, said=True))


def erase(connection: sa.Connection, revision: str) -> None:
    """Take back what :func:`write` has written, on the way to where nothing was said."""
    _execute(connection, ["DROP VIEW report_columns"])
    if connection.dialect.name == "postgresql":
        _execute(connection, _on_all(connection, read(revision), said=False))


def _view(name: str, said: Mapping[str, Any]) -> View:
    fields = ("name", "type", "unit", "meaning", "example")
    columns = [Column(**dict(zip(fields, row, strict=True))) for row in said["columns"]]
    return View(name=name, about=said["about"], span=said.get("span"), columns=tuple(columns))


def _on_all(connection: sa.Connection, known: Comments, *, said: bool) -> Iterator[str]:
    """COMMENT ON whatever is known; without what is ``said``, on whatever is there."""
    inspector = sa.inspect(connection)
    for table in known.tables:
        texts = {
            column["name"]: known.of_column(table, column["name"])
            for column in inspector.get_columns(table)
        }
        yield from _on("TABLE", table, known.tables[table]["about"], texts, said=said)
    for view in known.views.values():
        if said or inspector.has_table(view.name):
            texts = {column.name: column.comment for column in view.columns}
            yield from _on("VIEW", view.name, view.about, texts, said=said)


def _on(
    kind: str, name: str, about: str, columns: Mapping[str, str | None], *, said: bool
) -> Iterator[str]:
    yield f'COMMENT ON {kind} "{name}" IS {_quoted(about if said else None)}'
    for column, text in columns.items():
        yield f'COMMENT ON COLUMN "{name}"."{column}" IS {_quoted(text if said else None)}'


def _view_of_columns(known: Comments) -> str:
    rows: list[tuple[str, int, str | None, str | None, str | None, str, str | None]] = []
    for view in known.views.values():
        rows.append((view.name, 0, None, None, None, view.about, None))
        rows += [
            (view.name, place, column.name, column.type, column.unit or None, column.meaning,
             column.example)
            for place, column in enumerate(view.columns, 1)
        ]  # fmt: skip
    values = ",\n".join(f"({', '.join(map(_quoted, row))})" for row in rows)
    return f"CREATE VIEW report_columns ({', '.join(REPORT_COLUMNS)}) AS VALUES\n{values}"


def _quoted(value: str | int | None) -> str:
    if value is None:
        return "NULL"
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"


def _execute(connection: sa.Connection, statements: Iterable[str]) -> None:
    for statement in statements:
        # A percent sign in a text is no parameter.
        connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
