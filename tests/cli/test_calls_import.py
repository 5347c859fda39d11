"""What can be imported, and how it is told apart: folders, presets, pipes, a folder watched."""

from __future__ import annotations

import gzip
import io
import json
import os
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from collector.cli import importing
from tests.cli.conftest import PROJECT, CommandLine, Ran

STARTED = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


@pytest.fixture
def shell(collector: CommandLine) -> CommandLine:
    collector.add(PROJECT, "--region", "FR")
    return collector


def imported(shell: CommandLine, *arguments: str, **options: Any) -> Ran:
    return shell("calls", "import", *arguments, "--project-id", PROJECT, **options)


def ids(shell: CommandLine) -> list[str]:
    return [row["call_id"] for row in shell.rows("SELECT call_id FROM call ORDER BY call_id")]


def table(*call_ids: str, delimiter: str = ",") -> str:
    return "".join(
        delimiter.join(cells) + "\n"
        for cells in [("call_id", "started"), *((call_id, STARTED) for call_id in call_ids)]
    )


def test_a_folder_is_imported_file_by_file(shell: CommandLine) -> None:
    folder = shell.folder / "records"
    folder.mkdir()
    imported(shell, "records").refused("records holds no file whose name ends in .csv", code=2)
    (folder / "b.csv").write_text(table("b"))
    (folder / "a.json.gz").write_bytes(
        gzip.compress(json.dumps({"calls": [{"call_id": "a", "started": STARTED}]}).encode())
    )
    ran = imported(shell, "records")
    assert [line.split(":")[0] for line in ran.out.splitlines()] == [
        "records/a.json.gz", "records/b.csv", "2 files",
    ]  # fmt: skip
    assert ids(shell) == ["a", "b"]


def test_a_file_that_is_none_of_records_does_not_stop_the_others(shell: CommandLine) -> None:
    shell.write("1.csv", "a,b\n")
    shell.write("2.csv", table("a"))
    shell.write("3.csv", "")
    ran = imported(shell, "1.csv", "2.csv", "3.csv")
    assert ran.code == 2
    assert ran.out.endswith("0 refused; 2 could not be read at all\n")
    assert ran.err.count("Error: ") == 2
    assert ids(shell) == ["a"]


def test_standard_input_is_imported_whatever_its_form(shell: CommandLine) -> None:
    record = {"call_id": "a", "started": STARTED}
    assert imported(shell, "-", stdin=table("b", delimiter=";")).out.startswith(
        "standard input: 1 read: 1 new"
    )
    assert imported(shell, "-", stdin=json.dumps([record])).code == 0
    assert imported(shell, "-", stdin=io.BytesIO(gzip.compress(table("c").encode()))).code == 0
    assert ids(shell) == ["a", "b", "c"]


def test_what_is_refused_of_an_array_is_told_by_its_place(shell: CommandLine) -> None:
    shell.write("calls.json", f'[{{"call_id": "a", "started": "{STARTED}"}}, 17, {{"call_id": ')
    ran = imported(shell, "calls.json")
    assert ran.code == 1
    assert "  record 2: is JSON, but not an object" in ran.err
    assert "  record 3: is not JSON: the file ends within it; reading ended there" in ran.err
    document = imported(shell, "calls.json", "--json").json()
    assert [item["record"] for item in document["refusals"]] == [2, 3]
    imported(shell, "calls.json", "--strict").refused("calls.json, record 2: is JSON", code=1)


def test_records_of_a_platform_are_read_by_its_preset(shell: CommandLine) -> None:
    record = {
        "sid": "CA1", "start_time": "Tue, 03 Mar 2026 20:36:29 +0000", "duration": "15",
        "status": "completed", "direction": "inbound", "to": "+12025550188",
        "from": "+12025550101", "date_updated": "Tue, 03 Mar 2026 20:36:44 +0000",
    }  # fmt: skip
    shell.write("calls.json", json.dumps({"calls": [record], "page": 0}))
    assert imported(shell, "calls.json").code == 1
    ran = imported(shell, "calls.json", "--preset", "twilio")
    assert ran.out.startswith("calls.json: 1 read: 1 new"), ran.said
    assert shell.rows("SELECT call_id, source FROM call") == [
        {"call_id": "CA1", "source": "twilio"}
    ]


@pytest.mark.parametrize("preset", [None, "twilio"])
def test_it_is_said_why_all_were_passed_over(shell: CommandLine, preset: str | None) -> None:
    definition = Path("integration.toml")
    definition.write_text(
        definition.read_text() + '\n[[calls.only]]\ncolumn = ["way", "direction"]\nis = "in"\n'
    )
    shell.write("calls.json", json.dumps([{"call_id": "a", "direction": "outbound-dial"}]))
    ran = imported(shell, "calls.json", *(("--preset", preset) if preset else ()))
    assert (ran.code, ran.out[:19]) == (0, "calls.json: 1 read:")
    assert ran.err == (
        "  not one is a call by the conditions 'only' of the preset twilio: look at direction, "
        "Direction, status, Status, CallStatus\n"
        if preset
        else "  not one is a call by the conditions [[calls.only]] in the integration definition: "
        "look at way, direction\n"
    )


def test_options_win_over_the_definition_about_how_files_are_written(shell: CommandLine) -> None:
    definition = Path("integration.toml")
    definition.write_text(
        definition.read_text() + '\n[calls.file]\ndelimiter = ":"\nencoding = "utf-16-le"\n'
    )
    Path("calls.csv").write_bytes(table("a").encode("utf-16-le"))
    imported(shell, "calls.csv").refused("Delimited by ':'")
    assert imported(shell, "calls.csv", "--delimiter", ",").code == 0
    shell.write("calls.csv", table("b", delimiter="\t"))
    ran = imported(shell, "calls.csv", "--delimiter", "tab", "--encoding", "cp1252")
    assert ran.code == 0, ran.said
    assert ids(shell) == ["a", "b"]


def test_how_own_files_are_written_says_nothing_of_a_platform_s(shell: CommandLine) -> None:
    definition = Path("integration.toml")
    definition.write_text(definition.read_text() + '\n[calls.file]\nencoding = "cp1252"\n')
    shell.write("calls.csv", "rowId,triggerDatetime\n\u00e9," + STARTED + "\n")
    assert imported(shell, "calls.csv", "--preset", "infinity").code == 0
    assert ids(shell) == ["\u00e9"]


def test_refused_records_are_kept_as_they_came(shell: CommandLine) -> None:
    shell.write("calls.csv", table("a") + "one cell\n,never\n")
    assert imported(shell, "calls.csv").code == 1
    text = shell.well("calls", "refused", "--project-id", PROJECT, "--text").out
    assert text == "one cell\n"
    records = shell.well("calls", "refused", "--project-id", PROJECT, "--records").out
    assert json.loads(records) == {"call_id": "", "started": "never"}
    shell.unset("secret_key")
    assert "the reasons are kept" in imported(shell, "calls.csv").err


def test_a_large_file_is_told_as_a_small_one(
    shell: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.write("calls.csv", table("a", "b") + "one cell\n" + f"c,{STARTED}\n")
    shell.write("none.csv", "a,b\n")
    small = imported(shell, "calls.csv", "none.csv")
    assert "calls.csv: 4 read: 3 new" in small.out
    monkeypatch.setattr(importing, "LARGE", 0)
    large = imported(shell, "calls.csv", "none.csv")
    assert large.out == small.out.replace("3 new", "0 new").replace("0 unchanged", "3 unchanged")
    assert (large.code, large.err) == (small.code, small.err)
    imported(shell, "calls.csv", "--strict").refused("calls.csv, line 4: has 1 columns", code=1)


class Interrupted(io.BytesIO):
    """A pipe that somebody presses Ctrl-C at once its content has come."""

    def read(self, size: int | None = -1, /) -> bytes:
        if data := super().read(size):
            return data
        raise KeyboardInterrupt


def test_what_was_stored_before_an_interrupt_stays(shell: CommandLine) -> None:
    content = table(*(f"call-{number:0>90}" for number in range(6000)))
    ran = imported(shell, "-", stdin=Interrupted(content.encode()))
    assert (ran.code, ran.err.strip()) == (130, "Stopped.")
    stored = len(ids(shell))
    assert 0 < stored < 6000
    assert imported(shell, "-", stdin=content).out.startswith(
        f"standard input: 6000 read: {6000 - stored} new, 0 updated, {stored} unchanged"
    )


def test_a_watched_folder_is_imported_until_it_is_stopped(shell: CommandLine) -> None:
    def put(name: str, content: str) -> None:
        part = shell.folder / name
        part.write_text(content)
        os.utime(part, (1_700_000_000, 1_700_000_000))
        part.rename(shell.folder / "in" / name)

    (shell.folder / "in").mkdir()
    put("a.csv", "nonsense\n")
    put("b.csv", table("b"))
    with shell.child("calls", "import", "in", "--watch", "--project-id", PROJECT) as child:
        assert child.stdout is not None
        assert child.stdout.readline().startswith("in/b.csv: 1 read: 1 new")
        put("b.csv", table("b", "c"))
        assert child.stdout.readline().startswith("in/b.csv: 2 read: 1 new")
        child.send_signal(signal.SIGINT)
        ran = shell.finish(child)
    assert ran.code == 0
    assert ran.err.count("in/a.csv has no column") == 1
    assert ids(shell) == ["b", "c"]
