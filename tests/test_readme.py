"""The README tells the truth: its settings and queries are the program's own.

Its commands are run with those of all pages (`tests/test_docs.py`).
"""

from __future__ import annotations

import re
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from collector.config import PREFIX, SECRET_ARGUMENTS, Settings
from collector.domain.verdicts import Verdict
from collector.sandbox import Sandbox
from collector.storage.database import Database
from collector.web.answers import NOT_FOR_HERE
from tests.pages import ROOT, blocks, text_of
from tests.sandbox_fixtures import PHONE_CALL_INSTALLATION
from tests.world import Clock, World

README = text_of("README.md")


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


def test_each_verdict_is_explained() -> None:
    table = re.findall(r"^\| `([a-z_]+)` \| \S.* \|$", README, re.MULTILINE)
    assert table == [verdict.value for verdict in Verdict]


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
    [{"verdict": "unmatched", "reason": "no_keys", "calls": 1}],
)


@pytest.mark.parametrize(
    ("query", "answer"), list(zip(blocks(README, "sql"), ANSWERS, strict=True))
)
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
