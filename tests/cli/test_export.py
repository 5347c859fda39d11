"""`collector export` as a command: files, pipes, and what is left when it is stopped."""

from __future__ import annotations

import csv
import gzip
import signal
import time
from pathlib import Path

import psycopg
import pyarrow.parquet as pq
import pytest

from collector.storage.database import Database
from tests.cli.conftest import CHILD_SECONDS, CommandLine
from tests.exported import fill


@pytest.fixture
def shell(collector: CommandLine) -> CommandLine:
    with Database(collector.database_url) as database:
        fill(database)
    return collector


def test_a_file_is_written_as_its_name_says(shell: CommandLine) -> None:
    told = shell.well("export", "report_calls", "--project-id", "162", "-o", "calls.csv.gz")
    assert told.out == "calls.csv.gz holds 6 row(s) of report_calls.\n"
    with gzip.open("calls.csv.gz", "rt", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["call_id"] for row in rows} >= {"plain", "'=1+1"}
    shell.well("export", "report_runs", "-o", "runs.jsonl", "--columns", "run_id, counts")
    assert Path("runs.jsonl").read_text() == '{"run_id":"r","counts":{"a":{"é":null},"b":[1.5]}}\n'
    shell.well("export", "report_sessions", "-o", "sessions.parquet")
    assert pq.read_table("sessions.parquet").num_rows == 2
    shell.well("export", "report_sessions", "-o", "sessions", "--format", "jsonl")
    assert Path("sessions").read_text().startswith("{")
    shell.well("export", "report_sessions", "-o", "SESSIONS.CSV.GZ")
    assert gzip.decompress(Path("SESSIONS.CSV.GZ").read_bytes()).startswith(b"project_id,")


def test_a_name_that_says_nothing_is_refused_and_a_dash_is_standard_output(
    shell: CommandLine,
) -> None:
    for name in ("calls.json", "calls.xlsx", "calls"):
        shell("export", "report_calls", "-o", name).refused(name, "--format", code=2)
    assert shell.well("export", "report_runs", "-o", "-").out.startswith("run_id,")
    assert not Path("-").exists()


def test_a_day_is_meant_whole(shell: CommandLine) -> None:
    days = ("--from", "2026-03-03", "--to", "2026-03-04")
    told = shell.well("export", "report_calls", *days, "-o", "calls.jsonl").out
    assert "holds 2 row(s)" in told


def test_standard_output_is_the_rows_and_nothing_else(shell: CommandLine) -> None:
    ran = shell.run_child("export", "report_runs", "--columns", "run_id,seconds")
    assert (ran.code, ran.out, ran.err) == (0, "run_id,seconds\nr,0.0\n", "")


def test_a_reader_that_has_seen_enough_ends_it_quietly(shell: CommandLine) -> None:
    with Database(shell.database_url) as database, database.write() as connection:
        # Far more than a pipe holds.
        connection.exec_driver_sql(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) "
            "INSERT INTO run SELECT 'run' || i, 'reconcile', '2026-03-02 12:00:00.000000', NULL, "
            "'running', '{}' FROM n"
        )
    with shell.child("export", "report_runs", "--format", "jsonl") as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("{")
        process.stdout.close()
        assert process.wait() == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


@pytest.mark.parametrize("dialect", ["postgresql"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_that_is_stopped_leaves_what_was_there_before(
    bare: CommandLine, database_url: str, number: signal.Signals
) -> None:
    bare.set(database_url=database_url)
    bare.write("calls.csv", "before")
    with psycopg.connect(database_url) as holding:
        holding.execute("LOCK TABLE call IN ACCESS EXCLUSIVE MODE")
        with bare.child("export", "report_calls", "-o", "calls.csv") as process:
            # Of this database: the server has others, in which other tests wait.
            waiting = (
                "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database "
                "WHERE NOT l.granted AND d.datname = current_database()"
            )
            give_up = time.monotonic() + CHILD_SECONDS
            while holding.execute(waiting).fetchone() == (0,):
                assert time.monotonic() < give_up
                time.sleep(0.02)
            assert len(list(bare.folder.glob(".calls.csv.*.part"))) == 1
            process.send_signal(number)
            ran = bare.finish(process)
    assert (ran.code, ran.out, ran.err.strip()) == (130, "", "Stopped.")
    assert [file.name for file in bare.folder.iterdir()] == ["calls.csv"]
    assert Path("calls.csv").read_text() == "before"
