"""Whatever a call, a key or a file holds, it moves no cursor of who looks at it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from collector.domain.printable import as_json, printable
from tests.cli.conftest import PROJECT, CommandLine, Written

#: Sets the title, clears the screen in two ways, begins a line, and turns the direction of writing.
EVIL = "c\x1b]0;title\x07\x1b[2J\x9b2J\nError: all is lost\r\u202eend"
SHOWN = r"c\x1b]0;title\x07\x1b[2J\x9b2J\nError: all is lost\r\u202eend"

STARTED = "2026-01-31T14:05:00Z"


def calls_of(folder: Path, **columns: object) -> str:
    record = {"call_id": EVIL, "started": STARTED, "duration_s": 1, "status": "completed"}
    path = folder / "calls.jsonl"
    path.write_text(json.dumps(record | columns))
    return path.name


def is_plain(text: str) -> bool:
    return all(line.isprintable() for line in text.split("\n"))


def test_no_command_lets_a_record_write_on_the_terminal(provider: CommandLine) -> None:
    file = calls_of(provider.folder, visitor_id=EVIL)
    provider.well("calls", "import", file, "--project-id", PROJECT)
    provider.well("reconcile")
    with pytest.MonkeyPatch.context() as patch:
        # An argument is one line; what asks for such a call is the dashboard.
        patch.setattr("collector.cli.shared.ShortText.convert", lambda _self, value, *_: value)
        explained = provider.well("explain", EVIL, "--project-id", PROJECT)
        (document,) = provider.well("explain", EVIL, "--project-id", PROJECT, "--json").out.split(
            "\n"
        )[:-1]
    assert f"Call {SHOWN} is" in explained.out
    assert is_plain(explained.said)
    assert is_plain(document)
    assert json.loads(document)["call_id"] == EVIL


def test_a_refused_record_is_shown_without_its_control_characters_and_kept_with_them(
    provider: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = calls_of(provider.folder, started=EVIL)
    imported = provider("calls", "import", file, "--project-id", PROJECT)
    assert "Error: all is lost" in imported.err
    assert is_plain(imported.said)
    listed = provider.well("calls", "refused", "--project-id", PROJECT)
    assert SHOWN in listed.out
    assert is_plain(listed.said)
    records = ("calls", "refused", "--project-id", PROJECT, "--records")
    assert json.loads(provider.well(*records).out)["call_id"] == EVIL
    monkeypatch.setattr(Written, "isatty", lambda _: True)
    assert is_plain(provider.well(*records).out)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (EVIL, SHOWN),
        ("Zoë's 👩\u200d🔬\u00a0call", "Zoë's 👩\u200d🔬\u00a0call"),
        ("a\tb\x7f\u2028c", r"a\tb\x7f\u2028c"),
        ("\ud800", r"\ud800"),
    ],
)
def test_what_is_written_out_is_what_nobody_reads(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert printable(f"{text}\n", lines=True).endswith("\n")
    assert json.loads(as_json(json.dumps(text, ensure_ascii=False))) == text
