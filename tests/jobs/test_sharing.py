"""Several processes of the job on one database share the installations, and all of them finish."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

import pytest

from collector.sandbox import Sandbox
from collector.storage.database import Database
from collector.storage.secrets import SecretBox
from tests.cli.conftest import CHILD_SECONDS, EXAMPLE, CommandLine
from tests.jobs.drifted import sharing_a_client
from tests.sandbox_fixtures import PHONE_CALL_SCHEMA
from tests.world import Clock, World

PROJECTS = (161, 162, 163, 164)
CALLS = 3


class Gate:
    """The clock of a sandbox whose very first request waits until the gate is opened."""

    def __init__(self) -> None:
        self.reached, self.opened = Event(), Event()

    def __call__(self) -> datetime:
        if not self.reached.is_set():
            self.reached.set()
            self.opened.wait(CHILD_SECONDS)
        return datetime.now(UTC)


@pytest.fixture
def shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database_url: str, secret_key: str
) -> CommandLine:
    """The example definition and the settings, for each database in turn."""
    folder = tmp_path / "here"
    shutil.copytree(EXAMPLE, folder)
    made = CommandLine(folder, monkeypatch)
    made.set(database_url=database_url, secret_key=secret_key, log_level="warning")
    return made


def test_processes_share_the_installations_and_send_everything_once(
    shell: CommandLine, database: Database, secret_key: str
) -> None:
    gate = Gate()
    installed = [sharing_a_client(number, {1: PHONE_CALL_SCHEMA}) for number in PROJECTS]
    with Sandbox(installed, now=gate, latency_ms=30) as sandbox, ExitStack() as stack:
        stack.callback(gate.opened.set)
        world = World(database, sandbox, Clock(datetime.now(UTC)))
        world.secrets = SecretBox([secret_key])
        for project_id in PROJECTS:
            world.install(project_id=project_id, integration_id=project_id - 120)
            for index in range(CALLS):
                world.visit(f"user{index}.1", project_id=project_id, visitor_id=f"v{index}")
                world.call(project_id=project_id, visitor_id=f"v{index}")
        shell.set(auth_url=sandbox.auth_url, connections="1")  # one installation after the other

        slow = stack.enter_context(shell.child("reconcile", "--json"))
        assert gate.reached.wait(CHILD_SECONDS)  # it has begun with the first installation
        others = [stack.enter_context(shell.child("reconcile", "--json")) for _ in range(2)]
        ran = [shell.finish(process) for process in others]
        served = {row["project_id"] for row in world.rows("SELECT project_id FROM batch")}
        gate.opened.set()
        ran.append(shell.finish(slow))

        assert [(each.code, each.err) for each in ran] == [(0, "")] * 3
        first, second, last = (each.json() for each in ran)
        assert served == {162, 163, 164}  # by the two that did not wait for the first one
        assert [item["projects"][0]["outcome"] for item in (first, second)] == ["busy", "busy"]
        assert [item["accepted"] for item in last["projects"]] == [CALLS, 0, 0, 0]
        assert last["verdicts"]["accepted"] == last["calls"] == CALLS * len(PROJECTS)
        assert [item.overwritten for item in world.held.values()] == [0] * last["calls"]
        assert {key.project_id for key in world.held} == set(PROJECTS)
        assert world.posts == len(PROJECTS)
        assert world.rows("SELECT DISTINCT outcome, lease_until FROM run, installation") == [
            {"outcome": "done", "lease_until": None}
        ]
        world.check()
