"""The README tells the truth: its commands, settings and queries are the program's own."""

from __future__ import annotations

import re
import shlex
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pytest
import sqlalchemy as sa

from collector.cli.main import cli
from collector.config import PREFIX, SECRET_ARGUMENTS, Settings
from collector.domain.verdicts import Verdict
from collector.sandbox import Sandbox
from collector.storage.database import Database
from collector.web.answers import NOT_FOR_HERE
from tests.sandbox_fixtures import PHONE_CALL_INSTALLATION
from tests.world import Clock, World

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    found = re.findall(rf"^ *```{language}\n(.*?)^ *```", README, re.MULTILINE | re.DOTALL)
    assert found, f"the README has no {language} block"
    return found


def commands() -> list[list[str]]:
    """Every `collector …` line of the shell blocks, and of code within sentences."""
    text = "\n".join(blocks("sh")).replace("\\\n", " ")
    text = re.sub(r'"\$\((collector [^)]*)\)"', r"\n\1\n", text)
    lines = [line.split(" #")[0].strip() for line in text.splitlines()]
    lines += re.findall(r"`(collector [a-z][^`]*)`", README)
    return [shlex.split(line)[1:] for line in lines if line.startswith("collector ")]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_each_command_of_the_readme_exists_with_its_options(words: list[str]) -> None:
    command: click.Command = cli
    context = click.Context(cli)
    while words and isinstance(command, click.Group):
        found = command.get_command(context, words[0])
        assert found is not None, f"no command {words[0]}"
        command, words = found, words[1:]
    known = {option for parameter in command.params for option in parameter.opts}
    given = {word.split("=")[0] for word in words if word.startswith("--")}
    assert given <= known | {"--help"}


def test_the_table_of_settings_is_the_programs_own() -> None:
    declared = {
        PREFIX + item.name.upper(): (_shown(item.default), item.metadata["about"])
        for item in fields(Settings)
    } | {variable: ("not set", about) for variable, about in SECRET_ARGUMENTS.items()}
    table = re.findall(r"^\| `(COLLECTOR_\w+)` \| (.*?) \| (.*?) \|$", README, re.MULTILINE)
    assert [row[0] for row in table] == list(declared)
    for variable, default, about in table:
        assert default.strip("` ") == declared[variable][0], variable
        assert declared[variable][1].replace("`", "").startswith(about.replace("`", "")), variable


def _shown(default: Any) -> str:
    return "not set" if default in {(), ""} else str(default)


def test_no_variable_is_mentioned_that_is_not_read() -> None:
    mentioned = set(re.findall(r"COLLECTOR_[A-Z_]+[A-Z]", README))
    known = {PREFIX + item.name.upper() for item in fields(Settings)} | set(SECRET_ARGUMENTS)
    assert mentioned <= known


def test_each_verdict_is_explained() -> None:
    table = re.findall(r"^\| `([a-z_]+)` \| \S.* \|$", README, re.MULTILINE)
    assert table == [verdict.value for verdict in Verdict]


def test_each_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))
    mentioned = set(re.findall(r"(?:`|^)make ([a-z]+)", README, re.MULTILINE))
    assert {"demo", "test"} <= mentioned <= targets


@pytest.fixture
def known(database: Database) -> Database:
    """A day with two visits, a call delivered for one and then for the other, and one for none."""
    now = datetime(2026, 1, 31, 14, tzinfo=UTC)
    with Sandbox([PHONE_CALL_INSTALLATION], now=lambda: now) as sandbox:
        world = World(database, sandbox, Clock(now))
        world.install()
        world.visit("u.1", visitor_id="v-1")
        world.visit("u.2", visitor_id="v-2")
        world.call("c-1", visitor_id="v-1")
        world.call("c-2")
        world.run()
        world.call("c-1", visitor_id="v-2")
        world.run()
    return database


ANSWERS: tuple[list[dict[str, Any]], ...] = (
    [
        {"sessions": 2, "calls": 2, "accepted": 1, "unmatched": 1, "ambiguous": 0, "pending": 0},
    ],
    [{"rule": "visitor_id", "calls": 1, "delivered": 1}],
    [
        {
            "call_id": "c-1",
            "session_key": "u.1",
            "enrichment_number": 1,
            "stands": "yes",
            "session_key_now": "u.2",
        }
    ],
    [{"verdict": "unmatched", "reason": "no_keys", "calls": 1}],
)


@pytest.mark.parametrize(("query", "answer"), list(zip(blocks("sql"), ANSWERS, strict=True)))
def test_each_query_of_the_readme_answers_from_known_data(
    known: Database, query: str, answer: list[dict[str, Any]]
) -> None:
    with known.read() as connection:
        rows = [dict(row) for row in connection.execute(sa.text(query)).mappings()]
    for row in rows:
        if "day" in row:
            assert str(row.pop("day")) == "2026-01-31"
    assert rows == answer


def test_every_code_that_the_server_answers_with_is_documented() -> None:
    web = "".join(path.read_text() for path in (ROOT / "collector" / "web").rglob("*.py"))
    codes = set(re.findall(r'(?:RequestRefusedError|failure)\(\s*\d{3},\s*"([a-z_]+)"', web))
    assert len(codes) > 10
    codes |= set(NOT_FOR_HERE)
    documented = set(re.findall(r"`([a-z_]+)`", (ROOT / "docs" / "http.md").read_text()))
    assert codes - {"internal_error"} <= documented
