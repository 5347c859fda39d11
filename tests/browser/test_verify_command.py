"""``collector verify`` as a user runs it: what it prints, its exit codes, and what it needs."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import sync_playwright

from tests.browser.customer import Customer
from tests.browser.site import Site, inline
from tests.prepare_browser import SKIPPED, find_chromium

SECONDS = 90

TAG = '<script src="/tag.js"></script>'
VISITOR = "v-123456789"
KEYED = inline(f'window.sessionCollector = [["set", {{visitor_id: "{VISITOR}"}}]];')

#: A Python in which Playwright cannot be found, as where the extra is not installed.
WITHOUT_PLAYWRIGHT = (
    "import sys; sys.modules['playwright'] = None; from collector.cli.main import main; main()"
)


def run(
    *arguments: str, command: tuple[str, ...] = ("-m", "collector"), **environment: str
) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if "COLLECTOR_" not in name}
    return subprocess.run(
        [sys.executable, *command, "verify", *arguments],
        env={**clean, **environment},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@pytest.fixture
def browser_options() -> list[str]:
    """Names the browser of the tests, if it is not one that the command finds by itself."""
    if os.environ.get("SKIP_BROWSER") == "1":
        pytest.skip(SKIPPED)
    chromium = find_chromium()
    return ["--chromium", chromium] if chromium else []


def test_a_page_that_is_well_is_told_step_by_step_with_code_0(
    customer: Customer, browser_options: list[str]
) -> None:
    done = run(customer.page(TAG, KEYED, customer.snippet()), *browser_options)
    assert done.returncode == 0, done.stdout + done.stderr
    told = [line.split() for line in done.stdout.splitlines()]
    steps = ["page", "snippet", "tag", "callback", "session", "keys", "sent", "answer"]
    assert [words[1] for words in told[1:9]] == steps
    assert {words[0] for words in told[1:9]} == {"✓"}
    assert "stored" in done.stdout.splitlines()
    assert VISITOR not in done.stdout
    assert "Traceback" not in done.stderr
    assert len(customer.sessions) == 1


def test_a_fault_is_told_to_machines_with_code_1(
    customer: Customer, browser_options: list[str]
) -> None:
    address = customer.page(TAG, KEYED, customer.snippet()).replace("127.0.0.1", "localhost")
    done = run(address, "--json", *browser_options)
    assert done.returncode == 1, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    assert document["code"] == "beacon_refused"
    seen = document["observation"]
    assert seen["snippet"] == f"{customer.server.url}/v1/snippet.js"
    assert seen["collector"] == customer.server.url
    assert seen["project_id"] == customer.project
    assert seen["keys"] == ["visitor_id"]
    assert (seen["requests"][-1]["status"], seen["requests"][-1]["code"]) == (
        403,
        "origin_not_allowed",
    )
    assert VISITOR not in done.stdout


def test_it_finds_the_systems_browser_and_takes_every_option(
    customer: Customer, browser_options: list[str], tmp_path: Path
) -> None:
    button = "<button id=yes onclick=\"sessionCollector.push(['consent', true])\">Yes</button>"
    page = customer.page(TAG, customer.snippet("data-require-consent"), button)
    options = ("--click", "#yes", "--without-keys", "--user-agent", "Visitor", "--timeout", "30")
    chromium = browser_without_sandbox(tmp_path, browser_options)
    done = run(page, *options, PATH=f"{chromium.parent}:{os.environ['PATH']}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "#yes" in done.stdout
    assert "without its sandbox" in done.stderr


def browser_without_sandbox(folder: Path, browser_options: list[str]) -> Path:
    """A ``chromium`` that refuses its sandbox, as it does to root, and on some systems to all."""
    real = browser_options[1] if browser_options else playwrights_own()
    file = folder / "chromium"
    file.write_text(
        f'#!/bin/sh\ncase "$*" in *--no-sandbox*) exec {shlex.quote(real)} "$@";; esac\nexit 1\n'
    )
    file.chmod(0o755)
    return file


def playwrights_own() -> str:
    with sync_playwright() as playwright:
        return playwright.chromium.executable_path


def test_a_click_on_what_is_no_selector_is_refused_with_code_2(
    site: Site, browser_options: list[str]
) -> None:
    done = run(site.add_page(), "--click", "##", *browser_options)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--click '##' is no selector" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [("https://shop.example/", "--user-agent", "a\nb"), ("https://shop.example/\x1b[2J",)],
)
def test_an_option_or_address_with_control_characters_is_refused_with_code_2(
    arguments: tuple[str, ...],
) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "one line of 1 to 500" in done.stderr or "is not the address of a page" in done.stderr
    assert "\x1b" not in done.stderr


def test_without_playwright_it_names_the_command_that_installs_it() -> None:
    done = run("https://shop.example/", command=("-c", WITHOUT_PLAYWRIGHT))
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'session-collector[verify]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_playwright_its_help_is_there() -> None:
    done = run("--help", command=("-c", WITHOUT_PLAYWRIGHT))
    assert done.returncode == 0, done.stderr
    assert "stored_without_key" in done.stdout


def test_without_a_browser_it_names_the_commands_that_bring_one(tmp_path: Path) -> None:
    done = run("https://shop.example/", PATH=str(tmp_path), PLAYWRIGHT_BROWSERS_PATH=str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert "playwright install chromium" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_browser_that_does_not_start_is_named() -> None:
    done = run("https://shop.example/", "--chromium", "/bin/false")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--chromium /bin/false: it does not start" in done.stderr
