"""Processes that share a folder are told as one, and one that cannot use it tells of itself."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from flask import Flask
from prometheus_client import CollectorRegistry, values

from collector import config
from collector.domain.installation import Installation
from collector.web import meter
from collector.web.meter import Meter
from tests.web.beaconing import post
from tests.web.conftest import BEACON, Open, before_sql
from tests.web.test_metrics import samples, scrape, value

#: As a server does it that makes the application before it forks, and loads the library itself.
FORKING = """
import os, signal, sys
from prometheus_client import multiprocess
from collector.web import create_app
client = create_app().test_client()
for _ in range(2):
    if not os.fork():
        answer = client.post("/v1/sessions", data=sys.argv[1], content_type="text/plain")
        assert answer.status_code == 204
        os.kill(os.getpid(), signal.SIGKILL)
    os.wait()
print(client.get("/metrics").text)
"""


@before_sql
def test_what_forked_processes_counted_outlives_them_and_their_levels_do_not(
    database_url: str, installation: Installation, tmp_path: Path
) -> None:
    folder, foreign = tmp_path / "metrics", tmp_path / "foreign"
    folder.mkdir()
    foreign.mkdir()
    ran = subprocess.run(
        [sys.executable, "-c", FORKING, json.dumps(BEACON)],
        env=config.environment_with(database_url=database_url, metrics_folder=str(folder))
        | {"PROMETHEUS_MULTIPROC_DIR": str(foreign)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found = samples(ran.stdout)
    assert value(found, "beacons_total", outcome="accepted") == 2
    assert value(found, "beacon_duration_seconds_bucket", lane="flask", le="+Inf") == 2
    assert value(found, "beacons_waiting_limit", place="parked") == 768
    assert value(found, "server_processes") == 1
    assert list(foreign.iterdir()) == []


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """The library as it is loaded where its variable names a folder."""
    folder = tmp_path / "metrics"
    folder.mkdir()
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(folder))
    monkeypatch.setattr(values, "ValueClass", values.MultiProcessValue())
    yield folder
    values.close_all_multiprocess_files()


@before_sql
def test_the_variable_of_the_library_alone_changes_nothing(
    library: Path, open_app: Open, database_url: str
) -> None:
    client = open_app(database_url).test_client()
    client.get("/healthz")
    found = scrape(client)
    assert value(found, "http_responses_total", endpoint="health.healthz", status="200") == 1
    assert list(library.iterdir()) == []


@before_sql
def test_there_is_room_for_all_that_a_process_may_count(library: Path, app: Flask) -> None:
    # The library would enlarge a file without asking whether the disk has the blocks.
    made = Meter(library, parked=1, waiting=1)
    before = {path.name: path.stat().st_size for path in library.iterdir()}
    endpoints = {"", *(rule.endpoint for rule in app.url_map.iter_rules())}
    for endpoint in endpoints:
        for status in range(400, 430):
            made.answered(endpoint, status)
    assert {path.name: path.stat().st_size for path in library.iterdir()} == before
    assert len(before) == 3


def test_a_disk_without_room_has_a_process_count_for_itself(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with structlog.testing.capture_logs() as lines:
            made = meter.begin(str(tmp_path), parked=1, waiting=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [line["event"] for line in lines] == ["metrics_not_shared"]
    assert list(tmp_path.iterdir()) == []
    made.answered("", 404)
    registry = CollectorRegistry()
    registry.register(made)
    labels = {"endpoint": "", "status": "404"}
    assert registry.get_sample_value("collector_http_responses_total", labels) == 1


@before_sql
def test_no_beacon_fails_for_a_folder_that_has_gone(
    open_app: Open, database_url: str, installation: Installation, tmp_path: Path
) -> None:
    folder = tmp_path / "metrics"
    folder.mkdir()
    client = open_app(database_url, metrics_folder=str(folder)).test_client()
    folder.rmdir()
    assert post(client).status_code == 204
    found = scrape(client)
    assert value(found, "beacons_total", outcome="accepted") == 1
    assert value(found, "server_processes") == 1
