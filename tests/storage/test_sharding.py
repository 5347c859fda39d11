"""The tables can be spread by customer, as Citus wants them, and the hot paths stay with one.

Citus is not installed where the tests run. What it asks of tables is held against the tables
themselves, as they are in the database; and where its functions are called, stand-ins note what
they are called with. docs/scale.md says what was tried with the extension itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from collector.cli.db import distribute
from collector.errors import UsageError
from collector.jobs.purge import Purger
from collector.jobs.purge_all import purge
from collector.sandbox import Sandbox
from collector.storage import sharding, sightings
from collector.storage.database import Database
from collector.storage.reports import installations as of_installation
from tests import aged
from tests.sandbox_fixtures import PHONE_CALL_INSTALLATION
from tests.world import PROJECT, Clock, World

COLUMN = "project_id"
postgresql_only = pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)

#: Of no project, so that every node has them.
OF_NONE = {"run", "user_account"}

#: Every key and every unique index, as the database has them.
_UNIQUE = """
SELECT t.relname, i.relname, array_agg(a.attname::text)
FROM pg_index x
JOIN pg_class t ON t.oid = x.indrelid
JOIN pg_class i ON i.oid = x.indexrelid
JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = ANY (x.indkey)
WHERE t.relnamespace = 'public'::regnamespace AND x.indisunique
GROUP BY t.relname, i.relname
"""

#: Of each foreign key, which column of which table refers to which.
_FOREIGN = """
SELECT c.conrelid::regclass::text, a.attname::text, c.confrelid::regclass::text, b.attname::text,
       c.confupdtype::text || c.confdeltype::text
FROM pg_constraint c
CROSS JOIN LATERAL unnest(c.conkey, c.confkey) AS k (own, other)
JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.own
JOIN pg_attribute b ON b.attrelid = c.confrelid AND b.attnum = k.other
WHERE c.contype = 'f' AND c.connamespace = 'public'::regnamespace
"""

_TYPES = """
SELECT c.relname, format_type(a.atttypid, a.atttypmod), a.attgenerated::text || a.attidentity::text
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND a.attname = 'project_id'
"""

#: What is refused of a table, or would need each node to have it.
_STRANGE = """
SELECT tgname FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT rulename FROM pg_rules WHERE schemaname = 'public'
UNION ALL SELECT polname FROM pg_policy
UNION ALL SELECT conname FROM pg_constraint WHERE contype = 'x'
UNION ALL SELECT relname FROM pg_class
    WHERE relkind IN ('S', 'm', 'p') AND relnamespace = 'public'::regnamespace
"""


@postgresql_only
def test_every_key_contains_the_column_by_which_tables_are_spread(database: Database) -> None:
    with database.read() as connection:
        unique = connection.exec_driver_sql(_UNIQUE).all()
        foreign = connection.exec_driver_sql(_FOREIGN).all()
        types = connection.exec_driver_sql(_TYPES).all()
        strange = connection.exec_driver_sql(_STRANGE).all()
    spread = {table for table, _, _ in types}
    apart = OF_NONE | {"alembic_version"}
    assert {table for table, _, _ in unique} - spread == apart
    for table, index, columns in unique:
        assert table in apart or COLUMN in columns, index
    # A foreign key leads by that column to a table that is spread alike.
    keys = {(table, other) for table, _, other, _, _ in foreign}
    assert keys == {
        (table, other) for table, own, other, theirs, _ in foreign if own == theirs == COLUMN
    }
    assert {table for key in keys for table in key} <= spread
    # Colocated are tables of one type of that column; its value is given, and never set to null.
    assert {(kind, made) for _, kind, made in types} == {("bigint", "")}
    assert not {actions for *_, actions in foreign if set(actions) & {"n", "d"}}
    assert strange == []


def test_each_table_is_spread_after_those_that_it_refers_to() -> None:
    order = [step.table for step in sharding.steps()]
    assert order[0] == sharding.FIRST
    assert order.index("session") < order.index("sighting") < len(order)
    assert max(order.index("session"), order.index("call")) < order.index("enrichment")
    assert set(order[-2:]) == OF_NONE
    assert [step.statement for step in sharding.steps() if step.table in {"session", "run"}] == [
        "SELECT create_distributed_table('session', 'project_id', colocate_with => 'installation')",
        "SELECT create_reference_table('run')",
    ]


#: A stand-in: it has the names of the extension's functions, and only notes what they are told.
_STAND_IN = """
CREATE TABLE pg_dist_partition (logicalrelid text);
CREATE FUNCTION create_distributed_table(name text, by text, colocate_with text) RETURNS void
    LANGUAGE sql AS 'INSERT INTO pg_dist_partition VALUES (name)';
CREATE FUNCTION create_reference_table(name text) RETURNS void
    LANGUAGE sql AS 'INSERT INTO pg_dist_partition VALUES (name)';
CREATE VIEW pg_extension AS SELECT 'citus' AS extname, '13' AS extversion;
"""


@postgresql_only
def test_the_statements_are_issued_once_where_the_extension_is(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="has no Citus extension"):
        sharding.distribute(database)
    with database.write() as connection:
        connection.exec_driver_sql(_STAND_IN)
        name = connection.scalar(sa.text("SELECT current_database()"))
        connection.exec_driver_sql(f"ALTER DATABASE {name} SET search_path = public, pg_catalog")
    monkeypatch.setenv("COLLECTOR_DATABASE_URL", database_url)
    tables = [step.table for step in sharding.steps()]
    shown = CliRunner().invoke(distribute, ["--dry-run"]).output
    assert re.findall(r"table\('(\w+)'", shown) == tables
    with database.write() as connection:
        connection.exec_driver_sql("INSERT INTO pg_dist_partition VALUES ('installation')")
    assert "were spread by project_id; 1 were." in CliRunner().invoke(distribute).output
    assert CliRunner().invoke(distribute, ["--dry-run"]).output == ""
    with Database(database_url) as again:
        assert sharding.distribute(again).before == tables


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_a_file_cannot_be_spread(database: Database) -> None:
    with pytest.raises(UsageError, match="one file on one machine"):
        sharding.distribute(database)


#: What a run asks of all projects, by a word of it: once each, whatever there is to do.
CROSSING = {
    "ORDER BY installation.project_id": "which installations there are",
    "SELECT installation.lease_owner": "which other runs are at work",
    "GROUP BY call.project_id, call.verdict": "how all calls stand, for its report",
    "FROM session": "how many sessions there are, for its report",
}


@contextmanager
def recorded(database: Database) -> Iterator[list[tuple[str, object]]]:
    """All that is executed meanwhile, with its parameters."""
    found: list[tuple[str, object]] = []

    def note(_c: object, _k: object, statement: str, parameters: object, *_: object) -> None:
        found.append((statement, parameters))

    sa.event.listen(database.engine, "before_cursor_execute", note)
    yield found
    sa.event.remove(database.engine, "before_cursor_execute", note)


def _of_one_project(statement: str) -> bool:
    tables = "|".join(step.table for step in sharding.steps() if step.table not in OF_NONE)
    if not re.search(rf'\b(?:FROM|JOIN|INTO|UPDATE) "?(?:{tables}|report_\w+)\b', statement):
        return True
    # Each row that is inserted names its own.
    named = rf"\b{COLUMN} = %\(|^INSERT INTO \w+ \([^)]*\b{COLUMN}\b"
    return bool(re.search(named, statement))


@postgresql_only
def test_what_happens_all_the_time_asks_one_project_at_a_time(database: Database) -> None:
    clock = Clock()
    with Sandbox([PHONE_CALL_INSTALLATION], now=clock) as sandbox:
        world = World(database, sandbox, clock)
        world.install()
        world.visit("u.1", visitor_id="v-1")
        world.call("c-1", visitor_id="v-1")
        world.call("c-2")
        with recorded(database) as found:
            world.visit("u.2", visitor_id="v-2")
            world.call("c-3", visitor_id="v-2")
            world.job().run()
            with database.read() as connection:
                of_installation.find(connection, PROJECT)
    crossing = {text for text, _ in found if not _of_one_project(text)}
    assert {text for text in crossing if not any(word in text for word in CROSSING)} == set()
    assert {word for word in CROSSING if not any(word in text for text in crossing)} == set()


@postgresql_only
def test_what_is_old_is_removed_by_statements_that_a_cluster_carries_out(
    database: Database,
) -> None:
    with recorded(database) as found:
        aged.fill(database, 1)
        found.clear()
        purger = Purger(
            database=database, retention=aged.RETENTION, clock=Clock(aged.NOW), rest=lambda _: None
        )
        purge(purger, None)
    removing = [text for text, _ in found if text.startswith("DELETE FROM")]
    assert {"call", "session", "run"} <= {text.split()[2] for text in removing}
    for text in removing:
        # Where a row stands means nothing without the table's part that it stands in.
        table = text.split()[2]
        assert table in OF_NONE or f"WHERE {table}.{COLUMN} = %(" in " ".join(text.split()), text
    assert not [text for text, _ in found if "RECURSIVE" in text]


def test_each_row_of_a_commit_of_beacons_names_its_own_project() -> None:
    # It goes by the driver itself, and carries the beacons of many projects.
    inserts = re.findall(r"INSERT INTO (\w+)\s*\((\w+),", sightings._POSTGRESQL)
    conflicts = re.findall(r"ON CONFLICT \((\w+),", sightings._POSTGRESQL)
    assert inserts == [("session", COLUMN), ("sighting", COLUMN)]
    assert conflicts == [COLUMN, COLUMN]
