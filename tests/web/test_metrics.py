"""``GET /metrics``: who may read it, what it counts, and that it answers without a database."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import Queue
from threading import Event
from typing import Any

import pytest
import yaml
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from collector.cli.main import COMMANDS
from collector.config import Settings
from collector.domain.verdicts import Verdict
from collector.errors import SettingError
from collector.sandbox import Fault, Sandbox
from collector.storage import installations, leases, measures
from collector.storage.database import Database
from collector.web import create_app, measured, state
from collector.web.measured import Measured
from tests.sandbox_fixtures import PHONE_CALL_INSTALLATION
from tests.web.beaconing import post
from tests.web.conftest import PROJECT, Open, before_sql
from tests.world import Clock, World

OTHER = PROJECT + 1
TOKEN = "0123456789abcdef-metrics"
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(text: str) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float | None:
    return found.get((f"collector_{name}", frozenset(labels.items())))


def scrape(client: FlaskClient) -> Samples:
    response = client.get("/metrics")
    assert response.status_code == 200
    return samples(response.get_data(as_text=True))


@before_sql
@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("127.8.9.1", {}, 200),
        ("::1", {}, 200),
        ("[::1]", {}, 200),
        ("::ffff:127.0.0.1", {}, 200),
        ("203.0.113.7", {}, 403),
        ("::ffff:203.0.113.7", {}, 403),
        ("", {}, 403),
        ("127.0.0.1", {"Authorization": f"Bearer {TOKEN}"}, 200),
        *(
            ("127.0.0.1", {name: "127.0.0.1"}, 403)
            for name in ("X-Forwarded-For", "x-forwarded-host", "Forwarded", "Via", "X-Real-IP")
        ),
    ],
)
def test_without_a_token_it_answers_only_this_machine_and_no_proxy_on_it(
    client: FlaskClient, address: str, headers: dict[str, str], status: int
) -> None:
    answer = client.get("/metrics", headers=headers, environ_base={"REMOTE_ADDR": address})
    assert answer.status_code == status
    if status == 403:
        assert answer.headers["X-Collector-Error"] == "metrics_not_for_here"
        assert "COLLECTOR_METRICS_TOKEN" in answer.get_data(as_text=True)


@before_sql
@pytest.mark.parametrize(
    ("authorization", "error"),
    [
        (None, "token_missing"),
        ("Basic eDp5", "token_missing"),
        ("Bearer", "token_missing"),
        ("Bearer 0123456789abcdef-metricz", "token_invalid"),
        ("Bearer é", "token_invalid"),
        (f"Bearer {TOKEN}", None),
    ],
)
def test_with_a_token_it_answers_whoever_has_it_and_nobody_else(
    open_app: Open, database_url: str, authorization: str | None, error: str | None
) -> None:
    client = open_app(database_url, metrics_token=TOKEN).test_client()
    headers = {"Authorization": authorization} if authorization else {}
    answer = client.get("/metrics", headers=headers)
    assert answer.headers.get("X-Collector-Error") == error
    assert answer.status_code == (401 if error else 200)
    assert TOKEN not in answer.get_data(as_text=True)


@before_sql
def test_a_folder_that_is_not_there_is_told_before_the_server_serves(database_url: str) -> None:
    with pytest.raises(SettingError, match="COLLECTOR_METRICS_FOLDER"):
        create_app(Settings(database_url=database_url, metrics_folder="/nowhere/at/all"))


@before_sql
def test_beacons_commits_and_other_answers_are_counted(client: FlaskClient) -> None:
    assert post(client).status_code == 204
    assert post(client, keys={"Bad": "v"}).status_code == 204
    assert post(client, projectId=7).status_code == 404
    for path in ("/healthz", "/v1/snippet.js", "/nowhere", "/nowhere/else"):
        client.get(path)
    found = scrape(client)
    for outcome, number in (("accepted", 2), ("key_ignored", 1), ("unknown_project", 1)):
        assert value(found, "beacons_total", outcome=outcome) == number
    assert value(found, "beacons_total", outcome="too_busy") == 0
    assert value(found, "beacon_duration_seconds_count", lane="flask") == 3
    assert value(found, "beacon_duration_seconds_count", lane="express") == 0
    assert value(found, "commit_beacons_sum") == 2
    assert value(found, "commit_duration_seconds_bucket", le="+Inf") == 2
    assert value(found, "beacons_waiting", place="threads") == 0
    assert value(found, "beacons_waiting_limit", place="threads") == 96
    assert value(found, "http_responses_total", endpoint="", status="404") == 2
    assert value(found, "http_responses_total", endpoint="health.healthz", status="200") == 1
    assert not [name for name, labels in found if ("endpoint", "beacons.record") in labels]
    assert value(found, "server_processes") == 1


@before_sql
def test_whoever_asks_for_openmetrics_gets_it(client: FlaskClient) -> None:
    accept = "application/openmetrics-text;version=1.0.0"
    answer = client.get("/metrics", headers={"Accept": accept})
    assert answer.content_type.startswith("application/openmetrics-text")
    assert answer.get_data(as_text=True).endswith("# EOF\n")


@pytest.fixture
def world(database: Database) -> Iterator[World]:
    """One call is delivered, and two are pending since the API was away; of another project none.

    By the clock of this machine, what is pending has its deadline within the hour.
    """
    clock = Clock(datetime.now(UTC) - timedelta(days=6, hours=23, minutes=30))
    with Sandbox([PHONE_CALL_INSTALLATION], now=clock) as sandbox:
        made = World(database, sandbox, clock)
        made.install()
        for number in (1, 2, 3):
            made.visit(f"u.{number}", visitor_id=f"v-{number}")
        made.call("c-1", visitor_id="v-1")
        made.run()
        made.call("c-2", visitor_id="v-2")
        made.call("c-3", visitor_id="v-3")
        made.call("c-4")
        clock.now = datetime.now(UTC)
        sandbox.add(Fault(kind="server_error"))
        made.run()
        made.install(project_id=OTHER)
        made.edit(OTHER, paused=True)
        yield made


@pytest.fixture
def seen(world: World, open_app: Open, database_url: str) -> Samples:
    """What is told of it, after a beacon that was counted."""
    app = open_app(database_url)
    assert app.test_client().get("/healthz").status_code == 200
    assert post(app.test_client()).status_code == 204
    assert state.of(app).counts.flush()
    return scrape(app.test_client())


def test_what_the_database_says_is_told_by_project(seen: Samples, world: World) -> None:
    one, other = {"project": str(PROJECT)}, {"project": str(OTHER)}
    told = {
        verdict.value: value(seen, "calls", verdict=verdict.value, **one) for verdict in Verdict
    }
    assert told == {
        **dict.fromkeys(told, 0),
        "accepted": 1,
        "pending": 2,
        "unmatched": 1,
    }
    assert value(seen, "calls", verdict="accepted", **other) == 0
    assert value(seen, "enrichments_pending", **one) == 2
    assert value(seen, "enrichments_expiring", **one) == 2
    assert value(seen, "enrichments_pending", **other) == 0
    slack = value(seen, "deadline_slack_seconds", **one)
    assert slack is not None
    assert 0 < slack <= 1800
    assert value(seen, "deadline_slack_seconds", **other) is None
    assert value(seen, "batches_last_hour", outcome="later", status="500", **one) == 1
    assert value(seen, "batches_last_hour", outcome="accepted", status="200", **one) is None
    assert value(seen, "installation_state", state="active", **one) == 1
    assert value(seen, "installation_state", state="paused", **one) == 0
    assert value(seen, "installation_state", state="paused", **other) == 1
    assert value(seen, "lease_held", **one) == 0
    beacon = value(seen, "last_beacon_timestamp_seconds", **one)
    assert beacon is not None
    assert abs(beacon - datetime.now(UTC).timestamp()) < 600
    assert value(seen, "last_beacon_timestamp_seconds", **other) is None
    ended = value(seen, "last_run_timestamp_seconds", job_name="reconcile", outcome="done")
    assert ended == pytest.approx(world.clock().timestamp())
    assert value(seen, "database_up") == 1


def test_a_lease_is_told_while_it_is_held_and_a_problem_before_all_but_a_pause(
    world: World,
) -> None:
    now = world.clock()
    with world.database.write() as connection:
        assert leases.take(connection, PROJECT, "here:1:run", now)
        installations.note_problem(connection, PROJECT, "the credentials are refused")
        installations.note_problem(connection, OTHER, "it was refused too often")
    with world.database.read() as connection:
        first, second = measures.read(connection, now + timedelta(minutes=4)).projects
        later = measures.read(connection, now + timedelta(minutes=6)).projects[0]
    assert (first.is_leased, second.is_leased, later.is_leased) == (True, False, False)
    assert (first.state, second.state) == ("problem", "paused")


@before_sql
def test_while_the_database_is_away_it_says_so_and_tells_the_rest(
    open_app: Open, database_url: str, tmp_path: Path
) -> None:
    client = open_app(database_url).test_client()
    (tmp_path / "collector.db").rename(tmp_path / "elsewhere.db")
    (tmp_path / "collector.db").mkdir()
    found = scrape(client)
    assert value(found, "database_up") == 0
    assert value(found, "beacons_total", outcome="accepted") == 0
    assert not [name for name, _ in found if name == "collector_installation_state"]


@before_sql
def test_a_scrape_waits_for_no_slow_database_and_the_next_has_what_it_read(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_answer, has_asked = Event(), Queue[int]()

    def ask() -> Database:
        has_asked.put(1)
        assert may_answer.wait(60)
        return database

    asked = Measured(ask)
    monkeypatch.setattr(measured, "PATIENCE_SECONDS", 0.01)
    assert asked.read() is None
    assert asked.read() is None
    monkeypatch.setattr(measured, "PATIENCE_SECONDS", 60)
    may_answer.set()
    assert asked.read() is asked.read() is not None
    assert has_asked.qsize() == 1


ROOT = Path(__file__).parents[2]


@before_sql
def test_alerts_and_dashboard_name_nothing_that_is_not_told(seen: Samples) -> None:
    told = {name for name, _ in seen}
    labels = {label for _, given in seen for label, _ in given} | {"instance"}
    rules = alerts()
    expressions = [rule["expr"] for rule in rules] + list(panel_expressions())
    assert len(expressions) > 30
    for expression in expressions:
        named = set(re.findall(r"\bcollector_[a-z_]+", expression))
        assert named <= told, expression
        for by in re.findall(r"\bby \(([^)]*)\)", expression):
            assert set(by.split(", ")) <= labels, expression
        assert set(re.findall(r"([a-z_]+)(?==|!=|=~|!~)[=!~]+\"", expression)) <= labels | {"job"}
    # What is told is looked at, but for what is only there to be joined with.
    looked_at = set(re.findall(r"\bcollector_[a-z_]+", " ".join(expressions)))
    families = {name for name in told if not name.endswith(("_bucket", "_sum", "_count"))}
    assert families - looked_at == {"collector_build_info"}


def test_each_alert_says_how_urgent_it_is_what_is_wrong_and_what_to_run() -> None:
    for rule in alerts():
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert re.fullmatch(r"\d+[mh]", rule["for"])
        assert rule["annotations"]["summary"].endswith(".")
        words = rule["annotations"]["command"].split()
        assert words[0] == "collector"
        assert words[1] in COMMANDS


def alerts() -> list[dict[str, Any]]:
    text = (ROOT / "deploy" / "prometheus" / "alerts.yml").read_text(encoding="utf-8")
    assert text.startswith("# not run here: ")
    return [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


def panel_expressions() -> Iterator[str]:
    text = (ROOT / "deploy" / "grafana" / "collector.json").read_text(encoding="utf-8")
    board = json.loads(text)
    assert next(iter(board.items())) == ("description", board["description"])
    assert board["description"].startswith("not run here: ")
    variables = {each["name"]: each for each in board["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            assert target["datasource"]["uid"] == "${datasource}"
            yield target["expr"]
