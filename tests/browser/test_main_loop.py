"""From a page view to an accepted enrichment, with every part real but Contentsquare itself."""

from __future__ import annotations

import csv
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy as sa
from playwright.sync_api import Page

from collector.sandbox import Sandbox
from collector.storage.database import Database
from tests.browser.site import LATE_TAG, PROJECT, USER, Site, inline
from tests.cli.conftest import CommandLine
from tests.sandbox_fixtures import PHONE_CALL_INSTALLATION
from tests.world import EXAMPLE

SECONDS = 30


class Provider:
    """A provider who works by commands alone."""

    def __init__(self, shell: CommandLine) -> None:
        self.folder = shell.folder
        self._shell = shell

    def command(self, *words: str) -> str:
        return self._shell.well(*words).out

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.command("status", "--json"))
        return found


@pytest.fixture
def page(own_page: Page) -> Page:
    """The server stands on a port that another test's may have had."""
    return own_page


@pytest.fixture
def provider(
    database_url: str,
    sandbox: Sandbox,
    site: Site,
    tmp_path: Path,
    secret_key: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Provider:
    """The database is migrated, and the installation of the site is added."""
    shell = CommandLine(tmp_path, monkeypatch)
    shell.set(
        database_url=database_url,
        secret_key=secret_key,
        auth_url=sandbox.auth_url,
        integration=str(EXAMPLE),
        client_secret=PHONE_CALL_INSTALLATION.client_secret,
        log_level="warning",
    )
    made = Provider(shell)
    made.command(
        *("installation", "add", "--project-id", str(PROJECT), "--integration-id", "42"),
        *("--client-id", PHONE_CALL_INSTALLATION.client_id, "--origin", site.url),
    )
    return made


@pytest.fixture
def collector_url(provider: Provider) -> Iterator[str]:
    """The collector's server, on another origin than the site."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    server = subprocess.Popen(
        [sys.executable, "-m", "collector", "serve", "--port", port, "--processes", "1"]
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: answers(f"{url}/readyz"))
        yield url
    finally:
        server.terminate()
        assert server.wait(SECONDS) == 0


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=1).ok
    except requests.ConnectionError:
        return False


def wait_for(happened: Any) -> None:
    """Wait until a thing is so that nothing tells of, such as another process's row."""
    give_up = time.monotonic() + SECONDS
    while not happened():
        assert time.monotonic() < give_up
        time.sleep(0.05)


def reported_sessions(database: Database) -> list[dict[str, Any]]:
    with database.read() as connection:
        query = sa.text("SELECT * FROM report_sessions")
        return [dict(row) for row in connection.execute(query).mappings()]


def write_call(path: Path, **columns: str) -> None:
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(columns))
        writer.writeheader()
        writer.writerow(columns)


# On SQLite the demo's processes do the same (tests/cli/test_processes.py), and pages of a browser
# are stored (test_stored_sessions.py).
@pytest.mark.parametrize("dialect", ["postgresql"])
def test_a_page_view_becomes_an_accepted_enrichment_and_only_once(
    provider: Provider,
    collector_url: str,
    database: Database,
    sandbox: Sandbox,
    site: Site,
    page: Page,
) -> None:
    keys = 'window.sessionCollector = [["set", {visitor_id: "v-1"}]]'
    snippet = provider.command("snippet", "--project-id", str(PROJECT), "--url", collector_url)
    tag = next(line for line in snippet.splitlines() if line.startswith("<script async"))
    page.goto(site.add_page(inline(keys), LATE_TAG, tag))
    page.wait_for_function("() => Boolean(window.sessionCollector?.live)")
    assert reported_sessions(database) == []
    with page.expect_response(f"{collector_url}/v1/sessions") as answered:
        page.evaluate("loadTag()")
    assert answered.value.status == 204
    (session,) = reported_sessions(database)
    assert (session["project_id"], session["session_key"]) == (PROJECT, f"{USER}.4")
    assert session["match_keys"] == 1

    calls = provider.folder / "calls.csv"
    started = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    write_call(
        calls,
        call_id="c-1",
        started=started,
        duration_s="61",
        status="completed",
        rating="4.5",
        call_center="RENNES",
        visitor_id="v-1",
    )
    told = provider.command("calls", "import", str(calls), "--project-id", str(PROJECT))
    assert "1 new" in told
    provider.command("reconcile")
    expected = {
        "answered": True,
        "call_duration": 61_000,
        "call_client_rating": 4.5,
        "call_center_name": "RENNES",
        "call_datetime": started,
    }
    ((key, stored),) = sandbox.held.items()
    assert tuple(key) == (PROJECT, USER, 4, 1)
    assert stored.fields == expected
    status = provider.status()
    assert (status["sessions"], status["calls"]) == (1, 1)
    assert status["verdicts"]["accepted"] == sum(status["verdicts"].values()) == 1
    assert "accepted" in provider.command("explain", "c-1", "--project-id", str(PROJECT))

    requests_before = len(sandbox.requests)
    again = provider.command("calls", "import", str(calls), "--project-id", str(PROJECT))
    assert "0 new, 0 updated, 1 unchanged" in again
    provider.command("reconcile")
    assert len(sandbox.requests) == requests_before
    assert {**provider.status(), "last_run": None} == {**status, "last_run": None}
