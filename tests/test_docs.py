"""The pages tell the truth: their commands run, their links lead somewhere."""

from __future__ import annotations

import json
import os
import re
import runpy
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import fields
from pathlib import Path

import pytest

from collector.config import PREFIX, SECRET_ARGUMENTS, Settings
from collector.sandbox import Sandbox, SandboxInstallation
from tests.cli.conftest import EXAMPLE, CommandLine, bare  # noqa: F401 - a fixture
from tests.commands import require_exists
from tests.pages import PAGES, ROOT, blocks, in_sentences, lines, text_of
from tests.reader import Reader
from tests.sandbox_fixtures import PHONE_CALL_SCHEMA

#: What is not run here, and why.
NOT_RUN = {
    r"make ": "a target of its own; that there is one, another test holds",
    r"collector verify ": "needs a customer's page; tests/verify has pages and a browser",
    r"collector reconcile --every ": "runs until it is stopped, as in tests/cli",
    r"collector db grant-reader ": "needs PostgreSQL; tests/cli/test_grant_reader.py has it",
    r"collector db distribute": "needs Citus; tests/storage/test_sharding.py has stand-ins",
    r"collector user add ": "asks for a password at a terminal",
    r"python3 -m venv |/opt/collector/bin/pip ": "an installation; tests/test_package.py does one",
    r"install -": "writes into the machine's /etc and /usr",
    r"sudo |systemd-sysusers|systemctl ": "needs the machine's systemd",
    r"docker ": "needs a Docker engine",
    r"kubectl ": "needs a cluster",
}

#: The pages with queries, and where these are run on both databases.
QUERIES = {
    "README.md": "tests/test_readme.py",
    "docs/database.md": "tests/sources/test_database.py",
    "docs/analysts.md": "tests/analysts/test_questions.py",
}

CLIENT = "c3133d76"


def reason_not_to_run(words: Sequence[str]) -> str | None:
    line = " ".join(words)
    return next((why for pattern, why in NOT_RUN.items() if re.match(pattern, line)), None)


@pytest.mark.parametrize("page", PAGES)
def test_each_command_of_a_page_exists_with_its_options(page: str) -> None:
    text = text_of(page)
    for words in [
        *in_sentences(text),
        *(line[1:] for line in lines(text) if line[0] == "collector"),
    ]:
        require_exists(words)


@pytest.mark.parametrize("page", PAGES)
def test_no_variable_is_mentioned_that_is_not_read(page: str) -> None:
    mentioned = set(re.findall(r"COLLECTOR_[A-Z_]+[A-Z]", text_of(page)))
    known = {PREFIX + item.name.upper() for item in fields(Settings)} | set(SECRET_ARGUMENTS)
    assert {name.removesuffix("_FILE") for name in mentioned} <= known


@pytest.mark.parametrize("page", PAGES)
def test_each_make_target_that_is_mentioned_exists(page: str) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"(?:`|^)make ([a-z-]+)", text_of(page), re.MULTILINE)) <= set(targets)


@pytest.mark.parametrize("page", PAGES)
def test_each_block_of_data_can_be_read(page: str) -> None:
    for block in blocks(text_of(page), "json"):
        json.loads(block)
    for block in blocks(text_of(page), "toml"):
        tomllib.loads(block)


@pytest.mark.parametrize("page", PAGES)
def test_each_page_with_queries_is_one_whose_queries_a_test_runs(page: str) -> None:
    assert bool(blocks(text_of(page), "sql")) == (page in QUERIES), page


@pytest.fixture
def reader(bare: CommandLine) -> Iterator[Reader]:  # noqa: F811 - the fixture
    known = SandboxInstallation(
        project_id=162,
        integration_id=42,
        client_id=CLIENT,
        client_secret="secret-of-the-shop",
        schemas={1: PHONE_CALL_SCHEMA},
    )
    with Sandbox([known]) as sandbox, ExitStack() as opened:
        bare.set(
            auth_url=sandbox.auth_url,
            client_secret=known.client_secret,
            webhook_secret="secret-of-the-platform",
            public_url="https://collector.example.com",
        )
        yield Reader(bare, opened)


def test_the_commands_of_the_pages_run_in_their_order(reader: Reader) -> None:
    for page in PAGES:
        text = text_of(page)
        for words in lines(text):
            if reason_not_to_run(words) is None:
                reader.do(words)
        for words in in_sentences(text):
            # Others are names of commands, or forms with something to put in.
            is_whole = any(re.match(r"--|\d", word) for word in words)
            is_form = re.search(r"\b[A-Z]{1,}\b", " ".join(words))
            excused = reason_not_to_run(["collector", *words])
            if is_whole and not is_form and excused is None:
                reader.do(["collector", *words])
    done = reader.done
    assert len(done) > 30
    # What was read and posted on the way stands where it should.
    rows = reader.shell.rows(
        "SELECT call_id FROM report_calls WHERE call_id IN ('c-1', 'f-1', 'f-2')"
    )
    assert len(rows) == 3
    (session,) = reader.shell.rows("SELECT user_id FROM report_sessions")
    assert session == {"user_id": "ae267-6g87D-88Nn6od"}


def test_each_excuse_is_needed() -> None:
    said = [" ".join(words) for page in PAGES for words in lines(text_of(page))]
    for pattern in NOT_RUN:
        assert any(re.match(pattern, line) for line in said), pattern


def test_the_first_page_leads_to_all_others() -> None:
    text = text_of("docs/index.md")
    led_to = {
        os.path.normpath(Path("docs", target)) for target in re.findall(r"\]\(([^)#]+)", text)
    }
    assert set(PAGES) - {"docs/index.md"} <= led_to


def test_the_pictures_are_what_their_script_draws() -> None:
    folder = ROOT / "docs" / "pictures"
    drawn = runpy.run_path(str(folder / "draw.py"))["pictures"]()
    assert {path.name for path in folder.glob("*.svg")} == set(drawn)
    for name, picture in drawn.items():
        assert (folder / name).read_text(encoding="utf-8") == picture, "run docs/pictures/draw.py"
