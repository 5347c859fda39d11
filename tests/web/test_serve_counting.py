"""``collector serve`` counts what becomes of beacons, over all its processes and to its end."""

from __future__ import annotations

import json
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from collector.storage.database import Database
from tests.web.conftest import BEACON, ORIGIN, PROJECT, Start, before_sql, counted
from tests.web.serving import DEADLINE_SECONDS, Serving

EVIL = "https://evil.example"
HEADERS = {"Content-Type": "text/plain", "Origin": ORIGIN}


def post(server: Serving, origin: str = ORIGIN, **changes: Any) -> int:
    """Post a beacon on a connection of its own, so that any of the processes may take it."""
    return requests.post(
        f"{server.url}/v1/sessions",
        data=json.dumps({**BEACON, **changes}),
        headers={**HEADERS, "Origin": origin},
        timeout=20,
    ).status_code


def await_counts(database: Database, number: int) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while sum(counted(database).values()) < number:
        assert time.monotonic() < deadline, counted(database)
        time.sleep(0.05)


@pytest.mark.parametrize("dialect", ["postgresql"])  # it is what several processes are for
def test_every_beacon_of_every_process_and_thread_is_counted(
    start: Start, database: Database
) -> None:
    server = start("--processes", "3")
    with ThreadPoolExecutor(12) as pool:
        answers = list(
            pool.map(
                lambda number: (
                    post(server, sessionNumber=number)
                    if number % 3
                    else post(server, f"{EVIL}:{number}")
                ),
                range(1, 91),
            )
        )
    assert (answers.count(204), answers.count(403)) == (60, 30)
    await_counts(database, 90)
    assert server.stop() == 0
    found = counted(database)
    assert found.pop((PROJECT, "accepted", ORIGIN)) == 60
    assert {key[:2] for key in found} == {(PROJECT, "origin_not_allowed")}
    assert sum(found.values()) == 30
    assert server.log() == ""


@pytest.mark.parametrize(
    ("number", "dialect"), [(signal.SIGTERM, "postgresql"), (signal.SIGINT, "sqlite")]
)
def test_a_server_that_is_stopped_writes_what_it_has_counted(
    start: Start, database: Database, number: int
) -> None:
    server = start("--processes", "2")
    assert [post(server), post(server, EVIL), post(server, projectId=7)] == [204, 403, 404]
    assert server.stop_group(number) == 0
    assert sum(counted(database).values()) == 3
    assert "beacon_counts" not in server.log()


@before_sql
def test_a_server_whose_database_is_away_stops_all_the_same(
    start: Start, database_url: str
) -> None:
    server = start()
    assert post(server) == 204
    with Database(database_url) as database, database.write():
        # Nobody else can write meanwhile: the counts wait for their turn, and not for ever.
        assert server.stop() == 0
    assert "beacon_counts_wait" in server.log()
    assert "Traceback" not in server.log()
