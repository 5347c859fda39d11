"""A call that a platform posts, as its documentation shows it, comes to Contentsquare once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

import pytest
import requests
from werkzeug.serving import make_server

from collector.domain.identifiers import normalise_key
from collector.sandbox import Sandbox
from collector.sources import definition as definitions
from collector.storage.database import Database
from tests.sandbox_fixtures import PHONE_CALL_INSTALLATION
from tests.web.conftest import PROJECT, Open, Start, before_sql, make_token
from tests.web.hooking import (
    CALLRAIL,
    DEFINITION,
    FORM,
    INFINITY,
    INVOCA,
    JSON,
    PLATFORMS,
    SECRET,
    TWILIO,
    basic,
    bearer,
    by_callrail,
    by_twilio,
    path,
    store_secret,
)
from tests.world import Clock, World

Ask = Callable[[str, str], requests.Response]


def _post(url: str, body: bytes, media_type: str, headers: dict[str, str]) -> requests.Response:
    return requests.post(
        url, data=body, headers={"Content-Type": media_type, **headers}, timeout=30
    )


def _by_twilio(url: str, _token: str) -> requests.Response:
    return _post(url, TWILIO, FORM, by_twilio(url, TWILIO))


def _by_callrail(url: str, _token: str) -> requests.Response:
    return _post(url, CALLRAIL, JSON, by_callrail(CALLRAIL))


def _by_invoca(url: str, token: str) -> requests.Response:
    return _post(url, INVOCA, JSON, bearer(token))


def _by_infinity(url: str, token: str) -> requests.Response:
    return requests.get(f"{url}?{INFINITY}", headers=basic(token), timeout=30)


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a platform tells of one call, and what has to come of it."""

    ask: Ask
    region: str
    keys: dict[str, str]  #: what the page has told in the caller's session
    started: datetime
    fields: dict[str, Any]
    status: int = 200


PLATFORM_CALLS = {
    "twilio": Told(
        ask=_by_twilio,
        region="US",
        keys={"tracking_number": "(202) 555-0188"},
        started=datetime(2010, 8, 31, 20, 36, 29, tzinfo=UTC),
        fields={"answered": True, "call_duration": 15_000, "number_dialled": "+12025550188"},
        status=204,
    ),
    "callrail": Told(
        ask=_by_callrail,
        region="US",
        keys={"tracking_number": "(202) 555-0188"},
        started=datetime(2018, 2, 19, 18, 41, 0, 236_000, tzinfo=UTC),
        fields={"answered": False, "call_duration": 13_000, "number_dialled": "+12025550188"},
    ),
    "invoca": Told(
        ask=_by_invoca,
        region="US",
        keys={"visitor_id": "i-b7f2a1c0"},
        started=datetime(2019, 1, 24, 13, 43, 15, tzinfo=UTC),
        fields={"answered": True, "call_duration": 125_000, "number_dialled": "9"},
    ),
    "infinity": Told(
        ask=_by_infinity,
        region="GB",
        keys={"visitor_id": "0f0e0d0c-0b0a-4908-8706-050403020100"},
        started=datetime(2025, 3, 4, 14, 5, 6, tzinfo=UTC),
        fields={"answered": True, "call_duration": 145_000, "number_dialled": "+442079460111"},
    ),
}


@pytest.fixture
def server(open_app: Open, database_url: str, secret_key: str) -> Iterator[str]:
    """The address of a server of webhooks on loopback."""
    app = open_app(database_url, integration=str(DEFINITION), secret_key=(secret_key,))
    running = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=running.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    thread.join()
    running.server_close()


@pytest.fixture
def told(request: pytest.FixtureRequest) -> Told:
    return PLATFORM_CALLS[request.param]


@pytest.fixture
def world(database: Database, told: Told) -> Iterator[World]:
    """A provider on these platforms, a minute before the call starts."""
    clock = Clock(told.started - timedelta(minutes=1))
    schema = json.loads((PLATFORMS / "schema.v1.json").read_text())
    customer = replace(PHONE_CALL_INSTALLATION, schemas={1: schema})
    with Sandbox([customer], now=clock) as sandbox:
        made = World(database, sandbox, clock)
        made.definition = definitions.read(DEFINITION)
        made.install(region=told.region)
        yield made


@pytest.mark.parametrize(
    ("preset", "told"), [(name, name) for name in PLATFORM_CALLS], indirect=["told"]
)
def test_what_a_platform_posts_is_delivered_once_however_often_it_repeats_it(
    world: World, server: str, secret_key: str, preset: str, told: Told
) -> None:
    store_secret(world.database, secret_key, "twilio")
    store_secret(world.database, secret_key, "callrail")
    token = make_token(world.database)
    url = server + path(preset)
    keys = {kind: normalise_key(kind, value, told.region) for kind, value in told.keys.items()}
    world.visit("u.1", project_id=PROJECT, **keys)
    world.clock.forward(minutes=10)

    assert told.ask(url, token).status_code == told.status
    assert world.run().funnel.verdicts["accepted"] == 1
    (enrichment,) = world.held.values()
    assert enrichment.fields == {
        **told.fields,
        "call_datetime": f"{told.started:%Y-%m-%dT%H:%M:%SZ}",
    }
    posts = world.posts

    for pause in (timedelta(seconds=2), timedelta(days=4)):
        world.clock.now += pause
        assert told.ask(url, token).status_code == told.status
        world.run()
    assert list(world.held.values()) == [enrichment]
    assert world.posts == posts
    (call,) = world.rows("SELECT * FROM report_calls")
    assert (call["verdict"], call["revision"]) == ("accepted", 1)
    assert call["source"] == preset


@before_sql
def test_a_real_server_behind_a_proxy_knows_what_was_signed_for_the_proxys_address(
    start: Start, database: Database, secret_key: str
) -> None:
    store_secret(database, secret_key, "twilio")
    token = make_token(database)
    serving = start(
        COLLECTOR_INTEGRATION=str(DEFINITION),
        COLLECTOR_SECRET_KEY=secret_key,
        COLLECTOR_PUBLIC_URL="https://calls.example.com/collector/",
    )
    query = "?name=%C3%A9+%2F&empty="
    public = "https://calls.example.com/collector" + path("twilio") + query
    here = serving.url + path("twilio") + query
    assert _post(here, TWILIO, FORM, by_twilio(public, TWILIO)).status_code == 204
    assert _post(here, TWILIO, FORM, by_twilio(here, TWILIO)).status_code == 401
    with_password = serving.url.replace("://", f"://calls:{token}@")
    answer = requests.get(f"{with_password}{path('infinity')}?{INFINITY}", timeout=30)
    assert (answer.status_code, answer.json()["new"]) == (200, 1)
    assert SECRET not in serving.log()
    assert "signature_refused" in serving.log()
    assert token not in serving.log()
