"""Call records come in from files: what is told of them, line by line and in sum."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from collector.storage.calls import SELDOM
from tests.cli.conftest import PROJECT, CallFile, CommandLine, Ran

COUNTS = ("read", "new", "updated", "unchanged", "forgotten", "too_old", "passed_over", "refused")


@pytest.fixture
def shell(collector: CommandLine) -> CommandLine:
    """A provider with one installation; nobody is asked for a token here."""
    collector.add(PROJECT, "--region", "FR")
    return collector


def imported(shell: CommandLine, *arguments: str) -> Ran:
    return shell("calls", "import", *arguments, "--project-id", PROJECT)


def counts(shell: CommandLine, file: str) -> tuple[int, ...]:
    document = imported(shell, file, "--json").json()
    assert document["read"] == sum(document[name] for name in COUNTS[1:])
    assert document["forgotten"] == document["too_old"] == 0
    return tuple(document[name] for name in COUNTS if name not in SELDOM)


def ids(shell: CommandLine) -> list[str]:
    return [row["call_id"] for row in shell.rows("SELECT call_id FROM call ORDER BY call_id")]


def test_the_same_file_again_changes_nothing(shell: CommandLine, call_file: CallFile) -> None:
    file = call_file({"call_id": "a"}, {"call_id": "b"})
    assert counts(shell, file) == (2, 2, 0, 0, 0, 0)
    before = shell.everything()
    assert counts(shell, file) == (2, 0, 0, 2, 0, 0)
    assert shell.everything() == before


def test_a_changed_row_is_an_update(shell: CommandLine, call_file: CallFile) -> None:
    started = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    both = [{"call_id": name, "started": started} for name in ("a", "b")]
    assert counts(shell, call_file(*both)) == (2, 2, 0, 0, 0, 0)
    both[1]["rating"] = "5"
    assert counts(shell, call_file(*both)) == (2, 0, 1, 1, 0, 0)


def test_an_older_version_of_a_record_is_no_update(shell: CommandLine, call_file: CallFile) -> None:
    new = {"call_id": "a", "started": "2026-01-02T10:00:00Z", "updated": "2026-01-02T12:00:00Z"}
    old = new | {"rating": "1", "updated": "2026-01-02T11:00:00Z"}
    assert counts(shell, call_file(new)) == (1, 1, 0, 0, 0, 0)
    assert counts(shell, call_file(old)) == (1, 0, 0, 1, 0, 0)


def test_bad_lines_are_told_with_number_and_reason_and_stop_no_other(
    shell: CommandLine, call_file: CallFile
) -> None:
    file = call_file(
        {"call_id": "a"},
        {"call_id": ""},
        {"call_id": "c", "started": "yesterday"},
        {"call_id": "d", "duration_s": "long"},
        {"call_id": "e", "session_key": "no key"},
        {"call_id": "f", "started": "2999-01-01T00:00:00Z"},
        {"call_id": "g"},
    )
    ran = imported(shell, file)
    assert ran.code == 1
    assert ran.out == (
        "calls.csv: 7 read: 2 new, 0 updated, 0 unchanged, 0 passed over, 5 refused\n"
    )
    *lines, last = ran.err.splitlines()
    assert last == f"Refused records are kept: collector calls refused --project-id {PROJECT}"
    told = dict(line.strip().split(": ", 1) for line in lines)
    assert list(told) == ["line 3", "line 4", "line 5", "line 6", "line 7"]
    assert "'call_id'" in told["line 3"]
    assert "'yesterday' is not a" in told["line 4"]
    assert "'long', not a duration" in told["line 5"]
    assert "'session_key'" in told["line 6"]
    assert "in the future" in told["line 7"]
    assert ids(shell) == ["a", "g"]


def test_the_json_form_has_every_refusal_with_its_code(
    shell: CommandLine, call_file: CallFile
) -> None:
    file = call_file(*[{"call_id": ""}] * 30, {"call_id": "a"})
    ran = imported(shell, file, "--json")
    assert ran.code == 1
    document = ran.json()
    assert (document["file"], document["new"], document["refused"]) == (file, 1, 30)
    assert [item["line"] for item in document["refusals"]] == list(range(2, 32))
    assert {item["code"] for item in document["refusals"]} == {"no_call_id"}
    told = imported(shell, file).err.splitlines()
    assert len(told) == 22
    assert told[-2].strip() == "and 10 more; all of them: --json"


def test_strict_stops_at_the_first_bad_line_and_keeps_what_came_before(
    shell: CommandLine, call_file: CallFile
) -> None:
    file = call_file({"call_id": "a"}, {"call_id": ""}, {"call_id": "c"})
    imported(shell, file, "--strict").refused(
        "calls.csv, line 3", "'call_id'", "The records before it are stored", code=1
    )
    assert ids(shell) == ["a"]


def test_several_files_are_each_told(shell: CommandLine, call_file: CallFile) -> None:
    first = call_file({"call_id": "a"}, {"call_id": ""}, name="one.csv")
    second = call_file({"call_id": "b"}, name="two.csv")
    ran = imported(shell, first, second)
    assert ran.code == 1
    assert ran.out.splitlines() == [
        "one.csv: 2 read: 1 new, 0 updated, 0 unchanged, 0 passed over, 1 refused",
        "two.csv: 1 read: 1 new, 0 updated, 0 unchanged, 0 passed over, 0 refused",
        "2 files: 3 read: 2 new, 0 updated, 0 unchanged, 0 passed over, 1 refused",
    ]
    assert ids(shell) == ["a", "b"]
    documents = imported(shell, first, second, "--json").out.splitlines()
    assert [json.loads(document)["unchanged"] for document in documents] == [1, 1]


def test_json_lines_are_imported_too(shell: CommandLine) -> None:
    records = [
        {"call_id": "a", "started": "2026-01-02T10:00:00+01:00", "duration_s": 75},
        {"call_id": 17, "started": "2026-01-02T10:00:00Z", "rating": 4.5},
    ]
    lines = [json.dumps(record) for record in records] + ["nonsense", "[1]"]
    shell.write("calls.jsonl", "\n".join(lines))
    ran = imported(shell, "calls.jsonl")
    assert ran.code == 1
    assert "4 read: 2 new, 0 updated, 0 unchanged, 0 passed over, 2 refused" in ran.out
    assert "line 3: is not JSON" in ran.err
    assert "line 4: is JSON, but not an object" in ran.err
    assert ids(shell) == ["17", "a"]


def test_an_empty_set_of_records_is_no_failure(shell: CommandLine, call_file: CallFile) -> None:
    assert imported(shell, call_file()).out == (
        "calls.csv: 0 read: 0 new, 0 updated, 0 unchanged, 0 passed over, 0 refused\n"
    )


def test_numbers_in_national_form_are_read_by_the_installations_region(
    shell: CommandLine, call_file: CallFile
) -> None:
    assert (
        imported(shell, call_file({"call_id": "a", "dialled_number": "01 99 00 12 34"})).code == 0
    )
    assert shell.rows("SELECT kind, value FROM call_key") == [
        {"kind": "tracking_number", "value": "+33199001234"}
    ]


def test_no_progress_bar_is_drawn_where_there_is_no_terminal(
    shell: CommandLine, call_file: CallFile
) -> None:
    ran = imported(shell, call_file({"call_id": "a"}))
    assert ran.err == ""
    assert "\x1b" not in ran.said
