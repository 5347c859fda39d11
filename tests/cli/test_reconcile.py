"""The job as a command: what it prints, what it exits with, and how it is stopped."""

from __future__ import annotations

import json
import signal

import pytest

from collector.sandbox import Fault, Sandbox
from tests.cli.conftest import PROJECT, SECRET, CallFile, CommandLine


@pytest.fixture
def loaded(provider: CommandLine, call_file: CallFile) -> CommandLine:
    """One session and one call that belong together, not yet reconciled."""
    provider.visit("u.1", visitor_id="v1")
    file = call_file({"call_id": "a", "visitor_id": "v1"})
    provider.well("calls", "import", file, "--project-id", PROJECT)
    return provider


def test_a_dry_run_shows_what_would_be_sent_and_changes_nothing(
    loaded: CommandLine, sandbox: Sandbox
) -> None:
    before = loaded.everything()
    document = loaded.well("reconcile", "--dry-run", "--json").json()
    assert document["dry_run"] is True
    assert document["verdicts"]["pending"] == document["calls"] == 1
    assert (document["would_send"]["enrichments"], document["would_send"]["batches"]) == (1, 1)
    (first,) = document["would_send"]["first"]
    assert (first["call_id"], first["session_key"]) == ("a", "u.1")
    assert first["enrichment"]["call_duration"] == 75_000
    told = loaded.well("reconcile", "--dry-run").out
    assert "Would send 1 enrichment(s) in 1 batch(es); nothing was changed." in told
    assert '"call_duration": 75000' in told
    assert loaded.everything() == before
    assert sandbox.requests == []


def test_a_dry_run_needs_no_key_and_no_credentials(loaded: CommandLine) -> None:
    loaded.unset("secret_key", "auth_url")
    assert loaded.well("reconcile", "--dry-run", "--json").json()["would_send"]["enrichments"] == 1


def test_the_json_form_tells_of_the_run_and_of_each_project(loaded: CommandLine) -> None:
    document = loaded.well("reconcile", "--json").json()
    assert document["dry_run"] is False
    assert document["attention"] == []
    assert (document["sessions"], document["calls"]) == (1, 1)
    (project,) = document["projects"]
    assert (project["project_id"], project["outcome"]) == (162, "done")
    assert (project["batches"], project["accepted"], project["rejected"]) == (1, 1, 0)
    assert loaded.rows("SELECT run_id FROM run") == [{"run_id": document["run_id"]}]


def test_one_project_is_reconciled_without_the_others(loaded: CommandLine) -> None:
    loaded.add("163")
    document = loaded.well("reconcile", "--project-id", "163", "--json").json()
    assert [project["project_id"] for project in document["projects"]] == [163]
    assert document["calls"] == 0
    assert loaded.well("status", "--json").json()["verdicts"]["waiting"] == 1


def test_refused_credentials_need_a_person_and_blame_no_call(
    loaded: CommandLine, sandbox: Sandbox
) -> None:
    loaded.write("wrong.txt", "wrong")
    loaded.well("installation", "edit", PROJECT, "--client-secret-file", "wrong.txt")
    ran = loaded("reconcile")
    assert ran.code == 1
    (line,) = ran.told("Needs a person:")
    assert line.startswith(f"Needs a person: Project {PROJECT}: ")
    assert "refuses the credentials" in line
    status = loaded.well("status", "--json").json()
    assert status["verdicts"]["pending"] == 1
    assert status["installations"][0]["state"] == "problem"
    assert "refuses the credentials" in status["installations"][0]["problem"]
    loaded.well("installation", "edit", PROJECT, "--client-secret-file", "secret.txt")
    loaded.well("reconcile")
    status = loaded.well("status", "--json").json()
    assert status["verdicts"]["accepted"] == 1
    assert status["installations"][0]["state"] == "active"


def test_fields_that_cannot_be_built_need_a_person_until_they_are_mended(
    loaded: CommandLine, call_file: CallFile
) -> None:
    bad = call_file({"call_id": "b", "visitor_id": "v1", "rating": "great"})
    loaded.well("calls", "import", bad, "--project-id", PROJECT)
    ran = loaded("reconcile")
    assert ran.code == 1
    assert "1 call(s) have fields that cannot be built" in ran.err
    assert "'great' is not a number" in loaded.well("explain", "b", "--project-id", PROJECT).out
    good = call_file({"call_id": "b", "visitor_id": "v1", "rating": "4"})
    assert "1 updated" in loaded.well("calls", "import", good, "--project-id", PROJECT).out
    assert loaded.well("reconcile", "--json").json()["verdicts"]["accepted"] == 2


def test_a_version_that_nobody_knows_needs_a_person(loaded: CommandLine) -> None:
    loaded.well("installation", "edit", PROJECT, "--integration-version", "2")
    ran = loaded("reconcile", "--json")
    assert ran.code == 1
    (sentence,) = ran.json()["attention"]
    assert "--integration-version N" in sentence


def test_an_api_that_is_not_to_be_had_needs_no_person(
    loaded: CommandLine, sandbox: Sandbox
) -> None:
    # An hour is more than any run waits, so this one gives up at once.
    sandbox.add(Fault(kind="too_many_requests", retry_after=3600))
    ran = loaded.well("reconcile")
    assert f"Project {PROJECT}: the API is not to be had now" in ran.out
    assert loaded.well("status", "--json").json()["verdicts"]["pending"] == 1


def test_an_unknown_project_is_named_and_nothing_is_run(loaded: CommandLine) -> None:
    before = loaded.everything()
    loaded("reconcile", "--project-id", "999").refused("Project 999", code=1)
    assert loaded.everything() == before


def test_a_process_of_its_own_exits_with_1_when_a_person_is_needed(loaded: CommandLine) -> None:
    loaded.write("wrong.txt", "wrong")
    loaded.well("installation", "edit", PROJECT, "--client-secret-file", "wrong.txt")
    ran = loaded.run_child("reconcile")
    assert ran.code == 1
    assert "Needs a person:" in ran.err
    assert "Traceback" not in ran.said
    assert SECRET not in ran.said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_repeating_ends_cleanly_at_a_signal_while_it_waits(
    loaded: CommandLine, number: signal.Signals
) -> None:
    with loaded.child("reconcile", "--every", "1h", "--json") as process:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        process.send_signal(number)
        ran = loaded.finish(process)
    assert first["verdicts"]["accepted"] == 1
    assert (ran.code, ran.out) == (0, "")
    assert "Traceback" not in ran.err
    assert loaded.rows("SELECT count(*) AS n FROM run WHERE finished_at IS NOT NULL") == [{"n": 1}]


def test_a_round_that_fails_is_told_and_the_next_one_goes_on(
    loaded: CommandLine, call_file: CallFile
) -> None:
    with loaded.child("reconcile", "--every", "1s", "--json", "--project-id", "163") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert "Error: Project 163" in process.stderr.readline()
        loaded.add("163")
        document = json.loads(process.stdout.readline())
        assert document["projects"][0]["project_id"] == 163
        file = call_file({"call_id": "b"})
        loaded.well("calls", "import", file, "--project-id", "163")
        while document["calls"] == 0:
            document = json.loads(process.stdout.readline())
        process.terminate()
        ran = loaded.finish(process)
    assert document["verdicts"]["unmatched"] == 1
    assert ran.code == 0
    assert "Traceback" not in ran.err
