"""`collector purge` as a command: what it counts, what it removes, and how it says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from collector.storage import clocks
from collector.storage.database import Database
from collector.storage.tables import SessionRow
from tests.aged import a_session, store
from tests.cli.conftest import PROJECT, CommandLine

DAY = timedelta(days=1)


@pytest.fixture
def old(provider: CommandLine) -> CommandLine:
    """One session that is old enough to go, and one that is not."""
    now = datetime.now(UTC)
    with Database(provider.database_url) as database:
        store(
            database,
            SessionRow,
            [a_session("old.1", now - 100 * DAY), a_session("young.1", now - 80 * DAY)],
        )
    return provider


def keys(shell: CommandLine) -> set[str]:
    return {row["session_key"] for row in shell.rows("SELECT session_key FROM report_sessions")}


def test_it_goes_by_the_clock_that_the_job_goes_by(
    old: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind = datetime.now(UTC) - 20 * DAY
    monkeypatch.setattr(clocks, "read", lambda _database: lambda: behind)
    old.well("purge")
    assert keys(old) == {"old.1", "young.1"}
    assert f"{behind:%Y-%m-%d %H:%M}" in old.well("forget", "--user-id", "old", "--yes").out
    assert keys(old) == {"young.1"}


def test_it_says_before_and_after_how_much_goes(old: CommandLine) -> None:
    before = old.everything()
    told = old.well("purge", "--dry-run").out
    assert "So much would be removed; nothing was changed." in told
    assert old.everything() == before
    document = old.well("purge", "--json").json()
    (project,) = document["projects"]
    assert {kind: number for kind, number in project["removed"].items() if number} == {
        "sessions": 1
    }
    assert (document["dry_run"], document["stopped"], project["busy"]) == (False, False, False)
    assert keys(old) == {"young.1"}
    assert [(run["job"], run["outcome"]) for run in old.rows("SELECT * FROM report_runs")] == [
        ("purge", "done")
    ]
    assert "Removed." in old.well("purge", "--project-id", PROJECT).out
    # The job's own runs are told by status, and no other.
    assert old.well("status", "--json").json()["last_run"] is None


def test_without_any_installation_it_says_so(collector: CommandLine) -> None:
    assert "There is no installation" in collector.well("purge").out
    assert "Removed" not in collector.well("purge").out


def test_the_job_does_it_too_unless_it_is_told_not_to(old: CommandLine) -> None:
    old.set(purge_seconds="0")
    old.well("reconcile")
    assert keys(old) == {"old.1", "young.1"}
    old.unset("purge_seconds")
    document = old.well("reconcile", "--json").json()
    assert document["projects"][0]["purged"] == {"sessions": 1}
    assert keys(old) == {"young.1"}
