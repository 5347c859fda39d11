"""`collector reconcile` where the definition names a database of the provider's own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.calls_database import QUERY, CallsDatabase
from tests.cli.conftest import PROJECT, CommandLine


@pytest.fixture
def pulling(provider: CommandLine, tmp_path: Path) -> CallsDatabase:
    """The definition with a query in it; the database is named by the environment."""
    made = CallsDatabase(f"sqlite:///{tmp_path / 'calls.db'}")
    path = provider.folder / "integration.toml"
    table = f'[calls.sql]\nquery = "{QUERY}"\n\n[calls.keys]'
    path.write_text(path.read_text().replace("[calls.keys]", table))
    provider.set(calls_url=made.url)
    return made


def test_what_was_pulled_is_told(provider: CommandLine, pulling: CallsDatabase) -> None:
    now = datetime.now(UTC) - timedelta(minutes=2)
    pulling.put({"call_id": "a", "updated": now}, {"call_id": "", "updated": now})
    dry = provider.well("reconcile", "--dry-run")
    assert "nothing was read from the provider's own database" in dry.out
    ran = provider.well("reconcile")
    told = f"Project {PROJECT}: pulled 1 new, 0 updated, 0 unchanged, 0 passed over, 1 refused."
    assert told in ran.out.splitlines()
    (project,) = provider.well("reconcile", "--json").json()["projects"]
    assert project["pulled"] == {
        "new": 0,
        "updated": 0,
        "unchanged": 1,
        "forgotten": 0,
        "too_old": 0,
        "passed_over": 0,
        "refused": 1,
        "problem": None,
    }
    (status,) = provider.well("status", "--json").json()["installations"]
    assert status["pull"]["problem"] is None
    assert status["pull"]["pulled_until"] is not None


def test_a_wrong_query_exits_with_1_and_stands_in_the_status(
    provider: CommandLine, pulling: CallsDatabase
) -> None:
    pulling.execute("DROP TABLE calls")
    ran = provider("reconcile")
    assert ran.code == 1
    (line,) = ran.told("Needs a person:")
    assert line.startswith(f"Needs a person: Project {PROJECT}: ")
    assert "no such table: calls" in line
    assert "no such table: calls" in provider.well("status").err


def test_a_database_that_is_away_exits_with_0_and_stands_in_the_status(
    provider: CommandLine, pulling: CallsDatabase
) -> None:
    provider.set(calls_url="postgresql://reader:s3cret@127.0.0.1:1/calls")
    ran = provider.well("reconcile")
    assert "does not answer" in ran.out
    status = provider.well("status")
    assert "does not answer" in status.err
    assert "s3cret" not in ran.said + status.said


def test_without_one_nothing_is_told_of_pulling(provider: CommandLine) -> None:
    assert "pulled" not in provider.well("reconcile").out
    (project,) = provider.well("reconcile", "--json").json()["projects"]
    assert project["pulled"] is None
