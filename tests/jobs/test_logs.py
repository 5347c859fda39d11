"""What a whole run writes down: under its ids, and nothing that is secret or a caller's."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from collector import logs
from collector.config import Settings
from collector.sandbox import Fault, Sandbox
from collector.storage import leases
from collector.storage.database import Database
from tests.jobs.drifted import RATED, SHORT_SCHEMA, sharing_a_client
from tests.sandbox_fixtures import PHONE_CALL_INSTALLATION
from tests.web.conftest import before_sql
from tests.world import PROJECT, Clock, World

pytestmark = pytest.mark.usefixtures("restored_logs")

ROOT = Path(__file__).parents[2]
NUMBER = "+33 1 99 00 43 21"
ANY_SPELLING = re.compile(r"199\W*00\W*43\W*21")
OTHER, THIRD = PROJECT + 1, PROJECT + 2


@pytest.fixture
def world(database: Database) -> Iterator[World]:
    """The rating is not registered, and each call's centre is the number of its caller."""
    clock = Clock()
    schemas = {1: SHORT_SCHEMA}
    installed = [sharing_a_client(project_id, schemas) for project_id in (PROJECT, OTHER, THIRD)]
    with Sandbox(installed, now=clock) as sandbox:
        made = World(database, sandbox, clock)
        for each in installed:
            made.install(each.project_id, each.integration_id)
        made.prove()
        yield made


def visit_and_call(
    world: World, name: str, project_id: int = PROJECT, rating: str = "", duration_s: str = "75"
) -> None:
    world.visit(f"{name}.1", project_id=project_id, visitor_id=f"v-{name}")
    attributes = {"call_center": NUMBER, "rating": rating, "duration_s": duration_s}
    world.call(
        name, project_id=project_id, visitor_id=f"v-{name}", attributes=attributes, caller=NUMBER
    )


@dataclass
class Failing:
    """Passes on to the real client; of one project it fails as nobody foresaw, quoting a field."""

    api: Any

    def send(self, credentials: Any, version: int, enrichments: Any, begun: float) -> Any:
        if credentials.project_id == OTHER:
            raise ValueError(f"{enrichments[0].fields['call_center_name']} is odd")
        return self.api.send(credentials, version, enrichments, begun)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


@before_sql
def test_a_run_writes_each_line_under_its_ids_and_nothing_secret(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(Settings(log_format="json", log_level="debug"))
    for name in ("a", "b", "c"):
        visit_and_call(world, name)
    visit_and_call(world, "refused", rating=RATED["rating"])
    visit_and_call(world, "unbuilt", duration_s=NUMBER)
    visit_and_call(world, "odd", OTHER)
    visit_and_call(world, "lost", THIRD)
    with world.database.write() as connection:
        taken = leases.take(connection, THIRD, "elsewhere", world.clock())
    assert taken
    world.sandbox.add(Fault(kind="drop_after", count=1))
    job = world.job()
    report = world.run(sender=Failing(job.sender), connections=2, connections_per_installation=2)
    job.sender.close()  # type: ignore[attr-defined]
    output = capsys.readouterr()
    told = [json.loads(line) for line in output.err.splitlines()]

    assert {line["run_id"] for line in told} == {report.run_id}
    by_event: dict[str, list[dict[str, Any]]] = {}
    for line in told:
        by_event.setdefault(line["event"], []).append(line)
    assert set(by_event) == {
        *("run_started", "run_finished", "installation_finished", "installation_failed"),
        *("batch", "enrichment_rejected"),
    }
    batches = {row["batch_id"]: row for row in world.rows("SELECT * FROM batch")}
    assert {line["batch_id"] for line in by_event["batch"]} == set(batches)
    for line in by_event["batch"]:
        row = batches[line["batch_id"]]
        assert line["project_id"] == row["project_id"]
        assert (line["status"], line["outcome"]) == (row["status"], row["outcome"])
    (rejected,) = by_event["enrichment_rejected"]
    assert (rejected["call_id"], rejected["project_id"]) == ("refused", PROJECT)
    assert batches[rejected["batch_id"]]["outcome"] == "rejected"
    (failed,) = by_event["installation_failed"]
    assert failed["project_id"] == OTHER
    assert failed["exception"].endswith("ValueError: [number hidden] is odd")
    finished = {line["project_id"]: line for line in by_event["installation_finished"]}
    assert [finished[each]["outcome"] for each in (PROJECT, OTHER, THIRD)] == [
        *("done", "problem", "busy")
    ]
    (whole,) = by_event["run_finished"]
    assert (whole["accepted"], whole["rejected"]) == (3, 1)

    said = output.out + output.err
    # Every token of the sandbox begins so, as those of Contentsquare do.
    for secret in ("eyJhbGciOi", "Bearer", PHONE_CALL_INSTALLATION.client_secret):
        assert secret not in said
    assert not ANY_SPELLING.search(said)


@before_sql
def test_a_run_that_finds_nothing_to_do_writes_nothing(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(Settings(log_format="json"))
    world.run()
    world.edit(paused=True)
    world.run()
    assert lines(capsys) == []


@before_sql
def test_who_loses_the_lease_says_so(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(log_format="json"))
    visit_and_call(world, "a")

    def stall() -> bool:
        with world.database.write() as connection:
            leases.take(connection, PROJECT, "successor", world.clock.now + 2 * leases.TERM)
        return False

    world.run(PROJECT, stopping=stall)
    first = next(line for line in lines(capsys) if line["event"] == "lease_lost")
    assert (first["level"], first["project_id"]) == ("warning", PROJECT)


def test_each_event_is_documented_with_its_levels_and_no_other_is() -> None:
    written: dict[str, set[str]] = {}
    for path in (ROOT / "collector").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for level, event in re.findall(r'\b_?log\.(\w+)\(\s*"([a-z_]+)"', text):
            written.setdefault(event, set()).add("error" if level == "exception" else level)
        for event in re.findall(r'\bwrite\(\s*"([a-z_]+)"', text):
            levels = re.findall(r"log\.(\w+)\b(?!\()", text)
            written.setdefault(event, set()).update(levels)
    text = (ROOT / "docs" / "logs.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| `([a-z_]+)` \| ([a-z, ]+) \| .* \| .*\|$", text, re.MULTILINE)
    documented = {event: set(levels.split(", ")) for event, levels in table}
    assert len(table) == len(documented)
    # The one is only a warning where a person has to look, and the other never is.
    assert written.pop("run_finished") > documented.pop("run_finished") == {"info", "debug"}
    assert documented == written
