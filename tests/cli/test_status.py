"""`collector status` as a command: what it warns of, and how it tells of the last run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from collector.storage import runs
from collector.storage.database import Database
from tests.cli.conftest import PROJECT, CallFile, CommandLine


def test_what_expires_within_a_day_is_warned_of_with_the_next_step(
    provider: CommandLine, call_file: CallFile
) -> None:
    provider.visit("u.1", visitor_id="v1")
    file = call_file({"call_id": "a", "visitor_id": "v1"})
    provider.well("calls", "import", file, "--project-id", PROJECT)
    provider.well("installation", "pause", PROJECT)
    provider.well("reconcile")
    assert provider.well("status").err == ""
    deadline = datetime.now(UTC) + timedelta(hours=23)
    with Database(provider.database_url) as database, database.write() as connection:
        connection.exec_driver_sql(f"UPDATE enrichment SET deadline = '{deadline:%Y-%m-%d %T.%f}'")
    (line,) = provider.well("status").err.splitlines()
    assert line.startswith(f"Warning: Project {PROJECT}: 1 pending enrichment(s) expire within 24")
    assert f"the first at {deadline:%Y-%m-%d %H:%M:%S} UTC" in line
    assert f"collector installation resume {PROJECT}" in line


def test_a_run_that_was_killed_is_told_as_interrupted(provider: CommandLine) -> None:
    with Database(provider.database_url) as database, database.write() as connection:
        runs.start(connection, "killed", "reconcile", datetime.now(UTC) - timedelta(minutes=6))
    assert "interrupted" in provider.well("status").out
    assert provider.well("status", "--json").json()["last_run"]["outcome"] == "interrupted"
    provider.well("reconcile")
    assert provider.well("status").out.splitlines()[-1].endswith(", done")
