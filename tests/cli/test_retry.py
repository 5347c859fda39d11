"""`collector retry` as a command: what it chooses, what it prints, and what follows it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from collector.sandbox import Fault, Sandbox
from collector.storage.database import Database
from tests.cli.conftest import PROJECT, CallFile, CommandLine


@pytest.fixture
def refused(provider: CommandLine, call_file: CallFile, sandbox: Sandbox) -> CommandLine:
    """One call that was accepted, `good`, and one that was refused then, `bad`."""
    for call_id in ("good", "bad"):
        provider.visit(f"{call_id}.1", visitor_id=call_id)
        file = call_file({"call_id": call_id, "visitor_id": call_id})
        provider.well("calls", "import", file, "--project-id", PROJECT)
        provider("reconcile")
        sandbox.add(Fault(kind="server_error", status=400, count=1))
    sandbox.clear()
    assert verdicts(provider) == (1, 1, 0)
    return provider


def verdicts(shell: CommandLine) -> tuple[int, int, int]:
    """How many calls are accepted, rejected and pending."""
    counts = shell.well("status", "--json").json()["verdicts"]
    return counts["accepted"], counts["rejected"], counts["pending"]


def test_what_was_refused_is_marked_and_sent_by_the_next_run(refused: CommandLine) -> None:
    before = refused.everything()
    told = refused.well("retry", "--dry-run").out
    assert "Would mark 1 call(s); nothing was changed." in told
    assert refused.everything() == before
    told = refused.well("retry").out
    assert "REFUSED_BY_API" in told
    assert "Marked 1 call(s)." in told
    assert "collector reconcile" in told
    assert verdicts(refused) == (1, 0, 1)
    explained = refused.well("explain", "bad", "--project-id", PROJECT).out
    assert "to be sent again, as asked on 20" in explained
    assert refused.well("retry").out == "No such call: nothing is to be sent again.\n"
    refused.well("reconcile")
    assert verdicts(refused) == (2, 0, 0)


def test_the_json_form_counts_by_project_and_reason(refused: CommandLine) -> None:
    refused.add("163")
    document = refused.well("retry", "--json", "--reason", "fields_invalid", "--reason",
                            "refused_by_api", "--dry-run").json()  # fmt: skip
    assert {name: document[name] for name in ("dry_run", "marked", "too_late", "not_fitting")} == {
        "dry_run": True, "marked": 1, "too_late": 0, "not_fitting": [],
    }  # fmt: skip
    first, second = document["projects"]
    assert (first["project_id"], second["project_id"]) == (162, 163)
    assert first["marked"] == {"refused_by_api": 1, "fields_invalid": 0}
    assert second["marked"] == first["too_late"] == {"refused_by_api": 0, "fields_invalid": 0}
    only = refused.well("retry", "--json", "--project-id", "163").json()
    assert (only["marked"], len(only["projects"])) == (0, 1)


def test_a_paused_installation_is_told_with_the_command_that_resumes_it(
    refused: CommandLine,
) -> None:
    refused.well("installation", "pause", PROJECT)
    told = refused.well("retry", "--dry-run").out
    assert f"Project {PROJECT} is paused" in told
    assert f"collector installation resume {PROJECT}" in told
    refused.well("retry")
    refused.well("reconcile")
    assert verdicts(refused) == (1, 0, 1)
    refused.well("installation", "resume", PROJECT)
    refused.well("reconcile")
    assert verdicts(refused) == (2, 0, 0)


def test_what_is_too_late_is_told_and_not_marked(refused: CommandLine) -> None:
    with Database(refused.database_url) as database, database.write() as connection:
        connection.exec_driver_sql("UPDATE enrichment SET deadline = '2026-01-01 00:00:00.000000'")
    told = refused.well("retry").out
    assert "Nothing was marked" in told
    assert verdicts(refused) == (1, 1, 0)


def test_a_named_call_that_does_not_fit_is_told_and_the_others_are_marked(
    refused: CommandLine,
) -> None:
    ran = refused("retry", "--call-id", "good", "--call-id", "bad", "--call-id", "nowhere")
    assert ran.code == 1
    assert "Marked 1 call(s)." in ran.out
    (line,) = ran.err.splitlines()
    assert "good, nowhere" in line
    assert "collector explain" in line
    assert verdicts(refused) == (1, 0, 1)


def test_times_are_days_moments_and_durations(refused: CommandLine) -> None:
    (row,) = refused.rows("SELECT decided_at FROM call WHERE call_id = 'bad'")
    now = datetime.fromisoformat(row["decided_at"]).replace(tzinfo=UTC)
    day, hours = timedelta(days=1), timedelta(hours=10)
    for option, when, fits in (
        ("--since", f"{now:%Y-%m-%d}", True),
        ("--since", f"{now + day:%Y-%m-%d}", False),
        ("--until", f"{now:%Y-%m-%d}", True),  # the day itself is within
        ("--until", f"{now - day:%Y-%m-%d}", False),
        ("--since", "1h", True),
        ("--since", "0s", False),
        ("--until", "0s", True),
        ("--until", "2d", False),
        ("--since", f"{now - day:%Y-%m-%dT%H:%MZ}", True),
        ("--since", f"{now + hours:%Y-%m-%dT%H:%M}+14:00", True),
        ("--since", f"{now - hours:%Y-%m-%dT%H:%M}-14:00", False),
    ):
        document = refused.well("retry", "--dry-run", "--json", option, when).json()
        assert document["marked"] == fits, (option, when)


def test_a_part_of_the_detail_chooses(refused: CommandLine) -> None:
    for text, fits in (("refused by the API", True), ("refused%API", False), ("REFUSED", False)):
        document = refused.well("retry", "--dry-run", "--json", "--containing", text).json()
        assert document["marked"] == fits, text
