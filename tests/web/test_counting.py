"""Every beacon is counted once by what became of it, exactly, and in bounded space."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
from flask import Flask
from flask.testing import FlaskClient

from collector.storage import beacon_counts, sessions
from collector.storage.beacon_counts import MAX_NAMED, NO_PROJECT, UNNAMED
from collector.storage.database import Database
from collector.web import counting
from collector.web.counting import BeaconCounts
from tests.domain.samples import NOON, SECOND
from tests.web.beaconing import TEXT, post
from tests.web.conftest import BEACON, ORIGIN, PROJECT, Open, before_sql, counted, rows

EVIL = "https://evil.example"
WAIT_SECONDS = 30


def details(database: Database) -> dict[tuple[int, str], str]:
    found = rows(database, "SELECT * FROM beacon_count WHERE beacons > 0")
    return {(row["project_id"], row["outcome"]): row["detail"] for row in found}


def flush(app: Flask) -> None:
    assert app.extensions["collector"].counts.flush()


def send(client: FlaskClient, body: str, origin: str | None = ORIGIN, **headers: str) -> int:
    headers = {"Content-Type": TEXT, **headers} | ({"Origin": origin} if origin else {})
    return client.post("/v1/sessions", data=body, headers=headers).status_code


def beacon(**changes: Any) -> str:
    return json.dumps({**BEACON, **changes})


def test_each_beacon_is_counted_once_by_its_outcome(
    app: Flask, client: FlaskClient, database: Database
) -> None:
    answers = [
        send(client, beacon()),
        send(client, beacon(), None),
        send(client, beacon(keys={"Bad": "v", "visitor_id": ["x"]})),
        send(client, beacon(), EVIL),
        send(client, beacon(), "null"),
        send(client, beacon(), **{"Sec-GPC": "1"}),
        send(client, beacon(projectId="", userId="")),
        send(client, beacon(userId="")),
        send(client, beacon(projectId=163)),
        send(client, "{"),
        send(client, "x" * 9000),
        send(client, beacon(), **{"Content-Type": "text/html"}),
        client.options("/v1/sessions").status_code,
        client.put("/v1/sessions").status_code,
    ]
    assert answers == [204, 204, 204, 403, 403, 403, 400, 400, 404, 400, 413, 415, 204, 405]
    flush(app)
    assert counted(database) == {
        (PROJECT, "accepted", ORIGIN): 2,
        (PROJECT, "accepted", UNNAMED): 1,
        (PROJECT, "key_ignored", ORIGIN): 1,
        (PROJECT, "origin_not_allowed", EVIL): 1,
        (PROJECT, "origin_not_allowed", "null"): 1,
        (PROJECT, "opted_out", ORIGIN): 1,
        (PROJECT, "invalid_beacon", ORIGIN): 1,
        (NO_PROJECT, "invalid_beacon", ORIGIN): 1,
        (NO_PROJECT, "unknown_project", ORIGIN): 1,
        (NO_PROJECT, "malformed_body", ORIGIN): 1,
        (NO_PROJECT, "too_large", ORIGIN): 1,
        (NO_PROJECT, "unsupported_media_type", ORIGIN): 1,
    }
    told = details(database)
    assert told[NO_PROJECT, "unknown_project"] == "Project 163 has no installation here."
    assert told[NO_PROJECT, "invalid_beacon"].startswith("projectId must be")
    assert told[PROJECT, "invalid_beacon"].startswith("userId must be")
    assert told[PROJECT, "accepted"] == ""


@before_sql
def test_what_fails_here_is_counted_too(
    app: Flask, client: FlaskClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(sessions, "record_all", broken)
    assert send(client, beacon()) == 500
    flush(app)
    assert counted(database) == {(PROJECT, "internal_error", ORIGIN): 1}


def test_no_value_of_a_key_and_no_user_is_kept_with_the_counts(
    app: Flask, client: FlaskClient, database: Database
) -> None:
    for changes in (
        {"keys": {"visitor_id": "secret" * 50}},
        {"keys": {"Secret-value": "secret"}},
        {"userId": "secret user"},
        {"projectId": "secret"},
    ):
        send(client, beacon(**changes))
    send(client, "secret")
    flush(app)
    stored = repr(rows(database, "SELECT * FROM beacon_count"))
    assert "key_ignored" in stored
    assert "malformed_body" in stored
    assert "secret" not in stored.lower()
    assert str(BEACON["userId"]) not in stored


def test_a_key_whose_name_may_be_a_value_is_told_without_it(
    app: Flask, client: FlaskClient, database: Database
) -> None:
    send(client, beacon(keys={"Secret-value": "secret"}))
    flush(app)
    told = details(database)[PROJECT, "key_ignored"]
    assert told.startswith("a key (its name is not shown) must be named by at most 30")


def test_hundreds_of_invented_origins_and_projects_make_a_few_rows(
    app: Flask, client: FlaskClient, database: Database
) -> None:
    for number in range(200):
        assert send(client, beacon(), f"https://invented-{number}.example") == 403
        assert send(client, beacon(projectId=1000 + number), f"https://x-{number}.example") == 404
    flush(app)
    found = counted(database)
    assert sum(found.values()) == 400
    for outcome, project in (("origin_not_allowed", PROJECT), ("unknown_project", NO_PROJECT)):
        of_it = {key: count for key, count in found.items() if key[1] == outcome}
        assert {key[0] for key in of_it} == {project}
        # The test may have seen midnight, and then names as many for each day.
        assert len(of_it) <= 2 * MAX_NAMED + 1
    held = rows(database, "SELECT * FROM beacon_count")
    assert len(held) <= 2 * 2 * (MAX_NAMED + 1)


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "null"])
def test_what_is_wrong_with_beacons_of_other_pages_is_no_matter_of_the_project(
    app: Flask, client: FlaskClient, database: Database, origin: str
) -> None:
    assert send(client, beacon(userId=""), origin) == 403
    assert send(client, beacon(userId="", projectId=163), origin) == 400
    flush(app)
    assert counted(database) == {
        (PROJECT, "origin_not_allowed", origin): 1,
        (NO_PROJECT, "invalid_beacon", origin): 1,
    }


def test_invented_origins_hide_no_page_of_a_customer_whose_project_is_not_known(
    app: Flask, client: FlaskClient, database: Database
) -> None:
    bodies = {
        "malformed_body": "{",
        "too_large": "x" * 9000,
        "unknown_project": beacon(projectId=7),
    }
    for _ in range(2):
        for number in range(MAX_NAMED + 1):
            for body in bodies.values():
                send(client, body, f"https://invented-{number}.example")
        flush(app)
    for number in range(MAX_NAMED + 1):
        send(client, "{", f"https://invented-again-{number}.example")
    for body in bodies.values():
        send(client, body)
    flush(app)
    found = counted(database)
    for outcome in bodies:
        assert found[NO_PROJECT, outcome, ORIGIN] == 1
    held = rows(database, "SELECT DISTINCT origin FROM beacon_count")
    assert len(held) <= 2 * (MAX_NAMED + 2)


def note(counts: BeaconCounts, number: int = 0, at: datetime = NOON) -> None:
    counts.note(PROJECT, "accepted", origin=f"https://{number}.example", detail="", now=at)


def test_what_was_noted_is_in_sql_soon_and_no_thread_stays(database: Database) -> None:
    counts = BeaconCounts(lambda: database)
    before = threading.active_count()
    note(counts)
    (timer,) = [each for each in threading.enumerate() if isinstance(each, threading.Timer)]
    note(counts, 1)
    assert threading.active_count() == before + 1
    timer.join(WAIT_SECONDS)
    assert sum(counted(database).values()) == 2
    assert threading.active_count() == before
    note(counts)
    counts.close()
    assert sum(counted(database).values()) == 3
    assert threading.active_count() == before


def test_threads_that_count_at_once_lose_nothing_while_it_is_written(database: Database) -> None:
    counts = BeaconCounts(lambda: database)
    done = threading.Event()

    def write() -> None:
        while not done.is_set():
            assert counts.flush()

    def note_many() -> None:
        for number in range(500):
            note(counts, number)

    with ThreadPoolExecutor(5) as pool:
        writer = pool.submit(write)
        noting = [pool.submit(note_many) for _ in range(4)]
        for each in noting:
            each.result(WAIT_SECONDS)
        done.set()
        writer.result(WAIT_SECONDS)
    counts.close()
    assert sum(counted(database).values()) == 2000


def test_counts_wait_for_a_database_that_is_away(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "FLUSH_SECONDS", 0.01)
    monkeypatch.setattr(counting, "RETRY_SECONDS", 0.01)
    asked = threading.Event()
    back = threading.Event()
    away = Database(f"sqlite:///{tmp_path}/no/such/directory/collector.db")

    def current() -> Database:
        asked.set()
        return database if back.is_set() else away

    counts = BeaconCounts(current)
    with structlog.testing.capture_logs() as lines:
        for number in range(100):
            note(counts, number, NOON + number * SECOND)
        assert asked.wait(WAIT_SECONDS)
        assert not counts.flush()
        note(counts, 100, NOON - SECOND)
        back.set()
        counts.close()
    assert {line["event"] for line in lines} == {"beacon_counts_wait"}
    found = counted(database)
    assert sum(found.values()) == 101
    assert len(found) == MAX_NAMED + 1
    (last,) = rows(database, "SELECT max(last_at) AS last FROM report_beacons_daily")
    assert str(last["last"]).startswith("2026-03-02 12:01:39")


def test_days_are_told_apart_in_utc(database: Database) -> None:
    counts = BeaconCounts(lambda: database)
    note(counts, at=datetime(2026, 3, 2, 23, 59, 59, tzinfo=UTC))
    note(counts, at=datetime(2026, 3, 3, tzinfo=UTC))
    counts.close()
    days = rows(database, "SELECT day FROM report_beacons_daily ORDER BY day")
    assert [str(row["day"]) for row in days] == ["2026-03-02", "2026-03-03"]


@before_sql
def test_what_can_never_be_written_is_dropped_and_told(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: object) -> None:
        raise ZeroDivisionError

    counts = BeaconCounts(lambda: database)
    note(counts)
    monkeypatch.setattr(beacon_counts, "add", broken)
    with structlog.testing.capture_logs() as lines:
        counts.close()
    assert [line["event"] for line in lines] == ["beacon_counts_lost"]
    monkeypatch.undo()
    counts.close()
    assert counted(database) == {}


@before_sql
def test_a_beacon_is_answered_though_no_thread_can_be_had(
    app: Flask, client: FlaskClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(_self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", none_left)
    assert post(client).status_code == 204
    monkeypatch.undo()
    assert post(client).status_code == 204
    flush(app)
    assert sum(counted(database).values()) == 2


@before_sql
def test_nothing_runs_before_the_first_beacon(open_app: Open, database_url: str) -> None:
    before = threading.active_count()
    app = open_app(database_url)
    app.test_client().get("/healthz")
    assert threading.active_count() == before
