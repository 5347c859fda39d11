"""The migrations make exactly the tables that the code works with, up and down."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from collector.domain.beacon import Beacon
from collector.domain.call import OWN, Call
from collector.domain.identifiers import parse_session_key
from collector.errors import NotMigratedError, UsageError
from collector.storage import (
    calls,
    examining,
    funnel,
    installations,
    migrate,
    revisions,
    sessions,
)
from collector.storage.comments import described
from collector.storage.database import Database
from collector.storage.every_table import METADATA

VIEWS = (
    "report_sessions",
    "report_calls",
    "report_enrichments",
    "report_superseded",
    "report_call_keys",
    "report_sightings",
    "report_refused",
    "report_funnel_daily",
    "report_beacons_daily",
    "report_verdicts_daily",
    "report_batches",
    "report_purged",
    "report_installations",
    "report_runs",
)

#: A run is for all projects.
OF_NO_PROJECT = {"report_runs"}


def test_the_migrated_schema_is_the_one_the_code_declares(database: Database) -> None:
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, described(METADATA)) == []


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_postgresql_leaves_the_room_in_its_pages_that_the_code_declares(
    database: Database,
) -> None:
    declared = {
        table.name: [f"{name}={value}" for name, value in options.items()]
        for table in METADATA.sorted_tables
        if (options := table.dialect_options["postgresql"]["with"])
    }
    with database.read() as connection:
        tables = sa.text("SELECT relname, reloptions FROM pg_class WHERE relkind = 'r'")
        found = {row.relname: row.reloptions for row in connection.execute(tables)}
    assert {name: options for name, options in found.items() if options} == declared != {}


@pytest.mark.parametrize("view", VIEWS)
def test_each_view_can_be_read_and_leads_with_the_project(database: Database, view: str) -> None:
    with database.read() as connection:
        result = connection.execute(sa.text(f"SELECT * FROM {view}"))
        first = "run_id" if view in OF_NO_PROJECT else "project_id"
        assert next(iter(result.keys())) == first
        assert result.all() == []


def test_the_migrations_run_down_to_nothing_and_up_again(database: Database) -> None:
    migrate.downgrade(database, "base")
    with database.read() as connection:
        inspector = sa.inspect(connection)
        assert set(inspector.get_table_names()) <= {"alembic_version"}
        assert inspector.get_view_names() == []
    migrate.upgrade(database)
    revisions.require_usable(database)


def test_an_installation_of_before_honours_global_privacy_control(database: Database) -> None:
    migrate.downgrade(database, "0002")
    with database.write() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO installation (project_id, integration_id, name, client_id, "
                "client_secret, integration_version, origins, paused, lease_number, created_at, "
                "changed_at) VALUES (162, 42, 'Shop', 'c', 's', 1, '[]', false, 0, "
                "'2026-03-02 12:00:00', '2026-03-02 12:00:00')"
            )
        )
    migrate.upgrade(database)
    with database.read() as connection:
        assert installations.get(connection, 162).honour_gpc is True


def test_calls_of_before_stay_as_they_are_and_are_the_providers_own(database: Database) -> None:
    now = datetime(2026, 3, 2, 12, tzinfo=UTC)
    beacon = Beacon(project_id=162, session=parse_session_key("u.1"), keys={"visitor_id": "v"})
    told = Call(
        call_id="c", started_at=now, ended_at=now, updated_at=None, keys={"visitor_id": "v"},
        attributes={"status": "completed"}, answered=True, value=12.5, caller="ab" * 32,
        caller_key="0a1b2c3d", source="twilio",
    )  # fmt: skip
    sessions.record(database, beacon, now)
    with database.write() as connection:
        calls.store(connection, 162, [told], now)
    before = _of_before(database)
    migrate.downgrade(database, "0004")
    assert _of_before(database) == before
    migrate.upgrade(database)
    assert _of_before(database) == before
    with database.read() as connection:
        found = examining.find(connection, 162, "c")
    assert found is not None
    assert found.call == replace(
        told, source=OWN, answered=None, value=None, caller=None, caller_key=None
    )


def _of_before(database: Database) -> list[sa.Row[Any]]:
    """What revision 0004 knows of sessions, their keys and calls."""
    with database.read() as connection:
        return [
            *connection.execute(
                sa.text(
                    "SELECT session_key, first_seen, last_seen, beacons, match_keys, calls, "
                    "enrichments FROM report_sessions"
                )
            ),
            *connection.execute(sa.text("SELECT * FROM call_key")),
            *connection.execute(
                sa.text("SELECT call_id, started_at, attributes, content_hash, verdict FROM call")
            ),
        ]


def test_upgrading_twice_changes_nothing(database: Database) -> None:
    migrate.upgrade(database)
    assert revisions.current(database) == revisions.newest()


def test_an_empty_database_is_told_apart_with_the_command_to_run(empty_database_url: str) -> None:
    with (
        Database(empty_database_url) as database,
        pytest.raises(NotMigratedError, match="collector db upgrade"),
    ):
        revisions.require_usable(database)


def test_a_query_on_an_empty_database_says_which_command_to_run(empty_database_url: str) -> None:
    with (
        Database(empty_database_url) as database,
        pytest.raises(NotMigratedError, match="collector db upgrade"),
        database.read() as connection,
    ):
        funnel.count(connection)


def test_an_unknown_revision_is_refused_with_the_known_ones(database: Database) -> None:
    with pytest.raises(UsageError, match="0001"):
        migrate.upgrade(database, "nonsense")


def test_every_key_of_a_customers_rows_contains_the_project() -> None:
    """The rule that lets the database be sharded by customer."""
    for table in METADATA.sorted_tables:
        if table.name in {"run", "user_account"}:
            continue
        assert next(iter(table.primary_key.columns)).name == "project_id", table.name
        for constraint in table.constraints:
            if isinstance(constraint, sa.UniqueConstraint | sa.ForeignKeyConstraint):
                assert "project_id" in constraint.columns, constraint.name
