"""What could not be read is looked at, mended, imported again, and gone from here."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from collector.sandbox import Sandbox
from collector.storage import refusals
from collector.storage.database import Database
from collector.storage.secrets import generate_key
from tests.cli.conftest import PROJECT, CallFile, CommandLine, Ran


@pytest.fixture
def shell(collector: CommandLine) -> CommandLine:
    """A provider with one installation; nobody is asked for a token here."""
    collector.add(PROJECT, "--region", "FR")
    return collector


def imported(shell: CommandLine, *arguments: str) -> Ran:
    return shell("calls", "import", *arguments, "--project-id", PROJECT)


def refused(shell: CommandLine, *options: str) -> Ran:
    return shell.well("calls", "refused", *options)


def of_project(shell: CommandLine, *options: str) -> Ran:
    return refused(shell, "--project-id", PROJECT, *options)


def codes(shell: CommandLine, *options: str) -> dict[str, int]:
    document = refused(shell, "--json", *options).json()
    return {one["code"]: one["records"] for one in document["codes"]}


def lines(ran: Ran) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ran.out.splitlines()]


def age(shell: CommandLine, call_id: str, **duration: float) -> None:
    """Set back when a call was refused."""
    refused_at = datetime.now(UTC) - timedelta(**duration)
    with Database(shell.database_url) as database, database.write() as connection:
        connection.exec_driver_sql(
            f"UPDATE refused_record SET refused_at = '{refused_at:%Y-%m-%d %T.%f}' "
            f"WHERE call_id = '{call_id}'"
        )


def test_bad_records_are_mended_imported_again_and_accepted(
    provider: CommandLine, sandbox: Sandbox, call_file: CallFile
) -> None:
    """The whole way, as the help text tells it."""
    for number in range(3):
        provider.visit(f"u{number}.1", visitor_id=f"v{number}")
    file = call_file(
        {"call_id": "good", "visitor_id": "v0"},
        {"call_id": "when", "visitor_id": "v1", "started": "yesterday"},
        {"call_id": "long", "visitor_id": "v2", "duration_s": "75 seconds"},
    )
    assert imported(provider, file).code == 1
    told = of_project(provider)
    assert "bad_time" in told.out
    assert "bad_duration" in told.out
    assert "calls.csv:3" in told.out
    assert "'yesterday' is not a time" in told.out

    printed = of_project(provider, "--records")
    assert f"collector calls import FILE.jsonl --project-id {PROJECT}" in printed.err
    mended = printed.out.replace("yesterday", datetime.now(UTC).isoformat())
    provider.write("mended.jsonl", mended.replace("75 seconds", "75"))
    assert imported(provider, "mended.jsonl").code == 0
    assert of_project(provider).out == "No refused record is kept here.\n"

    provider.well("reconcile")
    rows = provider.rows("SELECT call_id, verdict FROM report_calls ORDER BY call_id")
    assert {row["call_id"]: row["verdict"] for row in rows} == dict.fromkeys(
        ("good", "long", "when"), "accepted"
    )
    assert len(sandbox.held) == 3


def test_the_table_counts_by_code_and_lists_the_newest(
    shell: CommandLine, call_file: CallFile
) -> None:
    file = call_file(
        {"call_id": "a", "started": "monday"},
        {"call_id": "b", "started": "tuesday"},
        {"call_id": "c", "session_key": "none"},
    )
    imported(shell, file)
    imported(shell, file)
    head, *listed = refused(shell).out.split("\n\n")
    rows = [line.split()[:4] for line in head.splitlines()]
    assert rows == [
        ["PROJECT", "CODE", "RECORDS", "TIMES"],
        [PROJECT, "bad_time", "2", "4"],
        [PROJECT, "bad_session_key", "1", "2"],
    ]
    assert "calls.csv:4" in listed[0]
    ran = refused(shell, "--limit", "1")
    assert len(ran.out.split("\n\n")[1].splitlines()) == 2
    assert ran.err == "Of 3 the newest 1 are listed; more with: --limit 3\n"


def test_they_are_chosen_by_code_source_time_and_project(
    shell: CommandLine, call_file: CallFile
) -> None:
    shell.add("163", "--region", "FR")
    imported(
        shell, call_file({"call_id": "a", "started": "x"}, {"call_id": "b", "duration_s": "x"})
    )
    shell("calls", "import", call_file({"call_id": "c", "started": "x"}), "--project-id", "163")
    age(shell, "a", days=3)
    assert codes(shell) == {"bad_time": 1, "bad_duration": 1} | {"bad_time": 1}
    assert codes(shell, "--project-id", "163") == {"bad_time": 1}
    assert codes(shell, "--project-id", PROJECT, "--since", "2d") == {"bad_duration": 1}
    assert codes(shell, "--code", "bad_duration") == {"bad_duration": 1}
    assert codes(shell, "--source", "own", "--project-id", PROJECT) == {
        "bad_time": 1, "bad_duration": 1,
    }  # fmt: skip
    assert codes(shell, "--source", "twilio") == {}


def test_the_json_form_tells_of_each_where_it_came_from(
    shell: CommandLine, call_file: CallFile
) -> None:
    imported(shell, call_file({"call_id": "a", "started": "x"}))
    document = of_project(shell, "--json").json()
    (newest,) = document["newest"]
    assert (newest["origin"], newest["number"], newest["call_id"]) == ("calls.csv", 2, "a")
    assert newest["code"] == document["codes"][0]["code"] == "bad_time"
    assert "record" not in newest


def test_records_are_printed_as_they_came(shell: CommandLine) -> None:
    record = {"call_id": 17, "started": "soon", "tags": ["é", None], "nested": {"a": 1.5}}
    shell.write("calls.jsonl", json.dumps(record) + "\n")
    imported(shell, "calls.jsonl")
    assert lines(of_project(shell, "--records")) == [record]
    # What is imported unmended is the same again.
    shell.write("again.jsonl", of_project(shell, "--records").out)
    imported(shell, "again.jsonl")
    assert lines(of_project(shell, "--records")) == [record]
    assert "again.jsonl:1" in of_project(shell).out


def test_lines_that_were_no_records_are_printed_apart(shell: CommandLine) -> None:
    shell.write("calls.jsonl", 'nonsense\n{"call_id": "a"}\n')
    imported(shell, "calls.jsonl")
    records = of_project(shell, "--records")
    assert lines(records) == [{"call_id": "a"}]
    assert "1 are lines of text and no records; print those with --text." in records.err
    text = of_project(shell, "--text")
    assert text.out == "nonsense\n"
    assert "1 of them are records; print those with --records." in text.err


def test_records_of_several_presets_are_told_apart(shell: CommandLine, call_file: CallFile) -> None:
    imported(shell, call_file({"call_id": "a", "started": "x"}, {"call_id": "b", "started": "x"}))
    with Database(shell.database_url) as database, database.write() as connection:
        connection.exec_driver_sql("UPDATE refused_record SET source = 'twilio' WHERE number = 3")
    assert (
        "They were read by own, twilio: print those of each with --source"
        in of_project(shell, "--records").err
    )
    ran = of_project(shell, "--records", "--source", "twilio")
    assert [record["call_id"] for record in lines(ran)] == ["b"]
    assert f"--project-id {PROJECT} --preset twilio" in ran.err


def test_nothing_to_print_is_said(shell: CommandLine) -> None:
    ran = of_project(shell, "--records")
    assert (ran.out, ran.err) == ("", "No record to print.\n")


def test_without_a_key_the_reasons_are_told_and_that_the_records_are_not_kept(
    shell: CommandLine, call_file: CallFile
) -> None:
    key = os.environ["COLLECTOR_SECRET_KEY"]
    shell.unset("secret_key")
    imported(shell, call_file({"call_id": "a", "started": "x"}))
    assert "Of 1 only the reason is kept: COLLECTOR_SECRET_KEY was not set" in refused(shell).err
    shell.set(secret_key=key)
    ran = of_project(shell, "--records")
    assert ran.out == ""
    assert "1 cannot be printed: COLLECTOR_SECRET_KEY was not set" in ran.err


def test_records_that_no_key_opens_are_counted_and_stop_no_other(
    shell: CommandLine, call_file: CallFile
) -> None:
    imported(shell, call_file({"call_id": "a", "started": "x"}))
    shell.set(secret_key=generate_key())
    imported(shell, call_file({"call_id": "b", "started": "x"}))
    ran = of_project(shell, "--records")
    assert [record["call_id"] for record in lines(ran)] == ["b"]
    assert "1 cannot be printed" in ran.err


def test_a_rotation_seals_the_records_with_the_new_key(
    shell: CommandLine, call_file: CallFile
) -> None:
    imported(shell, call_file({"call_id": "a", "started": "x"}))
    old, new = os.environ["COLLECTOR_SECRET_KEY"], generate_key()
    shell.set(secret_key=f"{new},{old}")
    assert "1 secret(s) and 1 refused record(s)" in shell.well("keys", "rotate").out
    shell.set(secret_key=new)
    assert [record["call_id"] for record in lines(of_project(shell, "--records"))] == ["a"]


def test_a_rotation_tells_which_records_it_could_not_open(
    shell: CommandLine, call_file: CallFile
) -> None:
    key = os.environ["COLLECTOR_SECRET_KEY"]
    shell.set(secret_key=generate_key())
    imported(shell, call_file({"call_id": "a", "started": "x"}))
    shell.set(secret_key=key)
    rotated = shell.well("keys", "rotate")
    assert "1 refused record(s) stay as they are" in rotated.err
    assert "can go" not in rotated.out


def test_clearing_asks_and_removes_what_was_chosen(shell: CommandLine, call_file: CallFile) -> None:
    imported(shell, call_file({"call_id": "a", "started": "x"}, {"call_id": "", "started": "x"}))
    asked = shell("calls", "refused", "--clear", stdin="n\n")
    assert asked.code != 0
    assert "Forget 2 refused record(s)?" in asked.said
    assert codes(shell) == {"bad_time": 1, "no_call_id": 1}
    cleared = refused(shell, "--code", "no_call_id", "--clear", "--yes")
    assert cleared.out == "1 refused record(s) are forgotten.\n"
    assert refused(shell, "--clear", "--yes", "--json").json() == {"cleared": 1}
    assert codes(shell) == {}


def test_the_most_that_are_kept_is_told_when_it_is_reached(
    shell: CommandLine, call_file: CallFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "MAX_KEPT", 2)
    monkeypatch.setattr("collector.cli.refused.MAX_KEPT", 2)
    bad = [{"call_id": name, "started": "x"} for name in "abc"]
    imported(shell, call_file(*bad))
    ran = refused(shell)
    assert f"Of project {PROJECT} only the newest 2 are kept." in ran.err
    assert len(ran.out.split("\n\n")[1].splitlines()) == 3


def test_the_job_forgets_what_was_refused_too_long_ago(
    provider: CommandLine, call_file: CallFile
) -> None:
    imported(provider, call_file(*[{"call_id": name, "started": "x"} for name in "ab"]))
    age(provider, "a", days=8)
    provider.well("reconcile")
    assert codes(provider) == {"bad_time": 2}
    provider.set(refused_days="7")
    provider.well("reconcile")
    assert codes(provider) == {"bad_time": 1}


def test_the_status_tells_what_was_refused_within_a_day(
    shell: CommandLine, call_file: CallFile
) -> None:
    imported(shell, call_file(*[{"call_id": name, "started": "x"} for name in "abc"]))
    age(shell, "a", hours=25)
    told = shell.well("status")
    assert (
        f"Project {PROJECT}: 2 call record(s) were refused within 24 hours. To see why: "
        f"collector calls refused --project-id {PROJECT} --since 1d" in told.err
    )
    (installation,) = shell.well("status", "--json").json()["installations"]
    assert installation["refused_within_24_hours"] == 2
    imported(shell, call_file(*[{"call_id": name} for name in "abc"]))
    assert shell.well("status").err == ""


def test_the_help_teaches_the_way(shell: CommandLine) -> None:
    told = refused(shell, "--help").out
    assert "collector calls refused --project-id 162 --records > mended.jsonl" in told
    assert "collector calls import mended.jsonl --project-id 162" in told
    assert not list(Path().glob("mended.jsonl"))
