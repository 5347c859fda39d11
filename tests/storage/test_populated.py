"""A database that has been in use since the first revision loses nothing on its way to the newest.

At each revision something of everything is stored, in every table as that revision has it, and all
of it goes through all later migrations.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.config import Config
from alembic.script import ScriptDirectory

from collector import resources
from collector.storage import migrate, revisions
from collector.storage.database import Database

START = datetime(2026, 3, 2, 12, tzinfo=UTC)

#: Where a column's type does not tell what may stand in it.
KNOWN: Mapping[str, Any] = {
    "verdict": "accepted",
    "state": "accepted",
    "reason": "delivered",
    "session_number": 1,
    "enrichment_number": 1,
    "revision": 2,
    "accepted_revision": 2,
    "doubtful_revision": 0,
    "outcome": "accepted",
    "kind": "visitor_id",
    "scope": "calls",
    "examine": False,
    "paused": False,
}

#: Keys by which rows find each other: of each revision's rows their own.
OF_REVISION = ("user_id", "call_id", "run_id", "batch_id", "token_id", "refusal_id", "name")

#: What looks as it did, whatever has been stored under it.
Stored = dict[str, dict[str, Any]]


def all_revisions() -> list[str]:
    config = Config()
    config.set_main_option("script_location", str(resources.path("migrations")))
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config).walk_revisions()
    return [script.revision for script in scripts][::-1]


def test_what_was_stored_at_any_revision_is_there_at_the_newest(
    empty_database_url: str,
) -> None:
    stored: dict[str, Stored] = {}
    with Database(empty_database_url) as database:
        for revision in all_revisions():
            migrate.upgrade(database, revision)
            stored[revision] = store(database, revision)
        assert revisions.current(database) == revisions.newest()
        tables = reflected(database)
        with database.read() as connection:
            for revision, rows in stored.items():
                for name, row in rows.items():
                    assert found(connection, tables.tables[name], row) == row, revision
        views_tell_all(database, list(stored))


def store(database: Database, revision: str) -> Stored:
    """One row in each table, of a project of this revision's own."""
    rows: Stored = {}
    tables = reflected(database)
    with database.write() as connection:
        for table in tables.sorted_tables:
            if table.name == "alembic_version":
                continue
            row = {column.name: value_of(column, revision) for column in table.columns}
            connection.execute(table.insert(), row)
            rows[table.name] = found(connection, table, row)
    assert len(rows) >= 9
    return rows


def reflected(database: Database) -> sa.MetaData:
    metadata = sa.MetaData()
    metadata.reflect(database.engine)
    return metadata


def found(connection: sa.Connection, table: sa.Table, row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with the same key, as far as it had these columns."""
    key = [column == row[column.name] for column in table.primary_key]
    (there,) = connection.execute(table.select().where(*key)).mappings()
    return {name: there[name] for name in row if name in there}


def value_of(column: sa.Column[Any], revision: str) -> Any:
    number = int(revision)
    if column.name == "project_id":
        return 1000 + number
    if column.name in OF_REVISION:
        return f"{column.name}-{revision}"
    return KNOWN.get(column.name, of_type(column.type, number))


def of_type(kind: sa.types.TypeEngine[Any], number: int) -> Any:
    match kind:
        case sa.DateTime():
            moment = START + timedelta(minutes=number)
            value: Any = moment if kind.timezone else moment.replace(tzinfo=None)
        case sa.Date():
            value = date(2026, 3, 2)
        case sa.Boolean():
            value = True
        case sa.JSON():
            value = {"told": number, "of": ["é", None]}
        case sa.Integer():
            value = number + 7
        case sa.Numeric() | sa.Float():
            value = number + 0.5
        case sa.String():
            value = f"{number} is kept"[: kind.length or 20]
        case _:
            pytest.fail(f"Say what is stored as {kind!r}.")
    return value


def views_tell_all(database: Database, revisions_stored: list[str]) -> None:
    """Each view has the rows of all revisions, and the sums hold."""
    projects = [1000 + int(revision) for revision in revisions_stored]
    with database.read() as connection:

        def ask(query: str) -> list[Any]:
            return list(connection.execute(sa.text(query)).all())

        for view in (
            "report_calls",
            "report_sessions",
            "report_enrichments",
            "report_installations",
        ):
            assert ask(f"SELECT DISTINCT project_id FROM {view} ORDER BY 1") == [
                (project,) for project in projects
            ]
        for view in sa.inspect(connection).get_view_names():
            assert ask(f"SELECT count(*) FROM {view}"), view
        (removed,) = ask("SELECT sum(calls) FROM call_count")[0]
        assert ask(
            "SELECT sum(calls), sum(waiting + unmatched + ambiguous + invalid + over_limit + "
            "pending + rejected + expired + accepted), sum(accepted) FROM report_funnel_daily"
        ) == [(len(projects) + removed,) * 3]
        assert ask(
            "SELECT project_id, call_id, verdict, session_key FROM report_calls ORDER BY 1"
        ) == [
            (1000 + int(each), f"call_id-{each}", "accepted", f"user_id-{each}.1")
            for each in revisions_stored
        ]
