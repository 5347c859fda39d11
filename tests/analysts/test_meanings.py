"""What columns mean is said once: the page, the database's comments and its view agree."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa

from collector.storage import (
    comments,
    migrate,
)
from collector.storage.comments import described
from collector.storage.database import Database
from collector.storage.every_table import METADATA
from tests.analysts.page import PAGE

KNOWN = comments.read()

#: How each type of a column is stored, as SQLAlchemy calls it.
STORED = {
    "integer": (sa.Integer,),
    "number": (sa.Float,),
    "text": (sa.Text, sa.String),
    "boolean": (sa.Boolean,),
    "moment": (sa.DateTime,),
    "day": (sa.Date,),
    "json": (sa.JSON,),
}


@pytest.mark.parametrize("view", KNOWN.views)
def test_the_page_says_of_a_view_what_the_database_says(view: str) -> None:
    known = KNOWN.views[view]
    (section,) = re.findall(rf"^### `{view}`\n\n(.*?)(?=^### |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert section.startswith(f"{known.about}\n")
    rows = re.findall(
        r"^\| `(.*?)` \| (.*?) \| (.*?) \| (.*?) \| `(.*?)` \|$", section, re.MULTILINE
    )
    assert [tuple(row) for row in rows] == [
        (column.name, column.type, column.unit, column.meaning, column.example)
        for column in known.columns
    ]


def test_every_column_of_every_table_has_its_meaning() -> None:
    for table in described(METADATA).sorted_tables:
        assert table.comment, table.name
        assert all(column.comment for column in table.columns), table.name
    assert set(KNOWN.tables) == set(METADATA.tables)
    for name, texts in KNOWN.tables.items():
        assert set(texts) - {"about"} <= {column.name for column in METADATA.tables[name].c}


def test_the_view_of_columns_names_every_column_of_every_view(database: Database) -> None:
    with database.read() as connection:
        inspector = sa.inspect(connection)
        there = {
            view: [column["name"] for column in inspector.get_columns(view)]
            for view in inspector.get_view_names()
            if view.startswith("report_")  # the other one is no analyst's concern
        }
        told = connection.execute(
            sa.text("SELECT * FROM report_columns ORDER BY view_name, position")
        ).all()
    assert {view: [column.name for column in KNOWN.views[view].columns] for view in there} == there
    assert [tuple(row) for row in told] == [
        row
        for view in sorted(KNOWN.views.values(), key=lambda view: view.name)
        for row in (
            (view.name, 0, None, None, None, view.about, None),
            *(
                (view.name, place, column.name, column.type, column.unit or None, column.meaning,
                 column.example)
                for place, column in enumerate(view.columns, 1)
            ),
        )
    ]  # fmt: skip


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_postgresql_shows_the_same_as_comments_and_types(database: Database) -> None:
    with database.read() as connection:
        inspector = sa.inspect(connection)
        for view in KNOWN.views.values():
            assert inspector.get_table_comment(view.name)["text"] == view.about
            found = {column["name"]: column for column in inspector.get_columns(view.name)}
            for column in view.columns:
                assert found[column.name]["comment"] == column.comment
                assert isinstance(found[column.name]["type"], STORED[column.type]), column


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_going_back_takes_the_comments_back(database: Database) -> None:
    migrate.downgrade(database, "0009")
    with database.read() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM pg_description "
            "WHERE objoid >= 16384 AND classoid = 'pg_class'::regclass")) == 0  # fmt: skip
