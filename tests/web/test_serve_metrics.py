"""The processes of ``collector serve`` are told as one, and what one has counted outlives it."""

from __future__ import annotations

import time
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import requests
from prometheus_client.multiprocess import MultiProcessCollector

from tests.web.conftest import Start, before_sql
from tests.web.serving import DEADLINE_SECONDS, Serving
from tests.web.test_metrics import Samples, samples, value
from tests.web.test_serve import post


def scrape(server: Serving) -> Samples:
    response = requests.get(f"{server.url}/metrics", timeout=20)
    assert response.status_code == 200
    return samples(response.text)


def await_processes(server: Serving, number: int) -> Samples:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while value(found := scrape(server), "server_processes") != number:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found


def workers(server: Serving) -> list[psutil.Process]:
    """Those of its children that take connections."""
    children = psutil.Process(server.process.pid).children()
    return [child for child in children if "resource_tracker" not in "".join(child.cmdline())]


@before_sql
def test_counts_of_all_processes_add_up_and_stay_when_one_is_killed_and_replaced(
    start: Start, tmp_path: Path
) -> None:
    (tmp_path / "temporary").mkdir()
    server = start("--processes", "2", TMPDIR=str(tmp_path / "temporary"))
    await_processes(server, 2)
    # Each on a connection of its own, so that any of them may take it.
    assert {post(server).status_code for _ in range(20)} == {204}
    found = scrape(server)
    lanes = [value(found, "beacon_duration_seconds_count", lane=it) for it in ("express", "flask")]
    assert sum(filter(None, lanes)) == 20
    assert value(found, "beacons_total", outcome="accepted") == 20
    assert value(found, "commit_beacons_sum") == 20
    assert value(found, "beacons_waiting_limit", place="parked") == 2 * 768
    for worker in workers(server)[:1]:
        worker.kill()
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:  # what the killed one had taken is refused once
        try:
            found = await_processes(server, 2)
            answer = post(server).status_code
            break
        except requests.ConnectionError:
            assert time.monotonic() < deadline
    assert answer == 204
    assert value(scrape(server), "beacons_total", outcome="accepted") == 21
    assert value(found, "beacons_waiting_limit", place="parked") == 2 * 768
    assert server.stop() == 0
    assert list((tmp_path / "temporary").iterdir()) == []


@before_sql
def test_what_was_counted_until_it_stopped_stays_in_a_folder_of_the_operators(
    start: Start, tmp_path: Path
) -> None:
    folder = tmp_path / "metrics"
    folder.mkdir()
    server = start(COLLECTOR_METRICS_FOLDER=str(folder))
    assert post(server).status_code == 204
    assert server.stop() == 0
    left = {
        (sample.name, sample.labels.get("outcome")): sample.value
        for family in MultiProcessCollector(None, path=str(folder)).collect()
        for sample in family.samples
    }
    assert left["collector_beacons_total", "accepted"] == 1
