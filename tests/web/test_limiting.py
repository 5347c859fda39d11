"""Who comes too often is answered 429, in both lanes alike, and it is told wherever people look."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from collector.storage.database import Database
from tests.web.beaconing import TEXT, code_of, post
from tests.web.conftest import (
    BEACON,
    ORIGIN,
    PROJECT,
    Open,
    Start,
    before_sql,
    counted,
    reported_sessions,
    rows,
)
from tests.web.hooking import DEFINITION, bearer
from tests.web.test_express import HEADERS, PLAIN, Page

pytestmark = before_sql

#: Limits are by the hour, so that hardly a window ends while a test runs.
SETTINGS: dict[str, Any] = {"proxy_hops": 1, "processes": 1}


@pytest.fixture
def behind(open_app: Open, database_url: str, installation: object) -> FlaskClient:
    """Behind one proxy; three beacons of a client, and five of a project."""
    return open_app(
        database_url, limit_client="3/hour", limit_project="5/hour", **SETTINGS
    ).test_client()


def of(client: FlaskClient, address: str, **changes: Any) -> Any:
    client.environ_base["HTTP_X_FORWARDED_FOR"] = f"203.0.113.250, {address}"
    return post(client, **changes)


def test_a_client_that_comes_too_often_is_sent_away_and_no_other_is(
    behind: FlaskClient, database: Database
) -> None:
    assert [of(behind, "192.0.2.1").status_code for _ in range(3)] == [204] * 3
    refused = of(behind, "192.0.2.1")
    assert code_of(refused) == (429, "rate_limited")
    assert 1200 < int(refused.headers["Retry-After"]) <= 7200
    assert refused.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "Retry-After" in refused.headers["Access-Control-Expose-Headers"]
    assert of(behind, "192.0.2.2").status_code == 204
    assert [row["beacons"] for row in reported_sessions(database)] == [4]


def test_a_project_has_a_limit_of_its_own_which_nothing_uses_up_that_is_refused(
    behind: FlaskClient,
) -> None:
    assert [of(behind, f"192.0.2.{one}", keys=7).status_code for one in range(4)] == [204] * 4
    for one in range(10, 20):
        assert of(behind, f"192.0.2.{one}", sessionNumber=0).status_code == 400
        assert of(behind, f"192.0.2.{one}", projectId=7).status_code == 404
    assert of(behind, "192.0.2.30").status_code == 204
    refused = of(behind, "192.0.2.31")
    assert code_of(refused) == (429, "rate_limited")
    assert "for this project" in refused.get_json()["error"]["message"]


def test_no_limit_holds_where_it_is_off(
    open_app: Open, database_url: str, installation: object
) -> None:
    client = open_app(
        database_url, limit_client="off", limit_project="off", **SETTINGS
    ).test_client()
    assert {of(client, "192.0.2.1").status_code for _ in range(20)} == {204}


def test_both_lanes_send_away_alike_and_it_is_counted(
    start: Start, behind: FlaskClient, database: Database
) -> None:
    server = start(
        COLLECTOR_PROXY_HOPS="1", COLLECTOR_LIMIT_CLIENT="3/hour", COLLECTOR_LIMIT_PROJECT="5/hour"
    )

    nameless, odd = {"Content-Type": TEXT}, {**HEADERS, "Origin": "x\ty"}
    asked = [("192.0.2.1", HEADERS)] * 4 + [("192.0.2.1", nameless), ("192.0.2.1", odd)]
    statuses = []
    with Page(server) as page:
        for address, headers in [*asked, *[("192.0.2.2", HEADERS)] * 3]:
            told = {**headers, "X-Forwarded-For": address}
            page.send(PLAIN, told)
            one = page.answer()
            answer = behind.post("/v1/sessions", data=json.dumps(PLAIN), headers=told)
            kept = {name.lower(): value for name, value in answer.headers}
            for answered in (one[1], kept):
                assert abs(int(answered.pop("retry-after", "0")) - 3600) <= 3600
            assert one == (answer.status_code, kept, answer.data)
            statuses.append(one[0])
    assert statuses == [204] * 3 + [429] * 3 + [204] * 2 + [429]
    assert server.stop() == 0
    found = {key: number for key, number in counted(database).items() if key[1] == "rate_limited"}
    assert found == {
        (0, "rate_limited", ORIGIN): 1,
        (0, "rate_limited", ""): 2,
        (PROJECT, "rate_limited", ORIGIN): 1,
    }
    details = rows(database, "SELECT DISTINCT detail FROM beacon_count WHERE detail <> ''")
    assert {row["detail"].partition(".")[0] for row in details} == {
        "Too many beacons came from this address",
        "Too many beacons came for this project",
    }


def test_who_often_has_a_wrong_token_is_not_looked_at_for_a_while(
    open_app: Open, database_url: str, token: str
) -> None:
    client = open_app(
        database_url, limit_unauthorised="3/hour", integration=str(DEFINITION), **SETTINGS
    ).test_client()

    def call(address: str, token: str | None, path: str = "/v1/calls") -> tuple[int, str | None]:
        client.environ_base["HTTP_X_FORWARDED_FOR"] = address
        answer = client.post(path, json=[], headers=bearer(token) if token else {})
        return answer.status_code, answer.headers.get("X-Collector-Error")

    webhook = f"/v1/calls/callrail/{PROJECT}"
    for _ in range(5):
        assert call("192.0.2.1", None) == (401, "token_missing")
        assert call("192.0.2.1", token) == (200, None)
    assert call("192.0.2.1", "wrong") == (401, "token_invalid")
    assert call("192.0.2.1", "wrong", webhook) == (401, "token_invalid")
    assert call("192.0.2.1", "wrong") == (401, "token_invalid")
    assert call("192.0.2.1", token) == (429, "rate_limited")
    assert call("192.0.2.1", "wrong", webhook) == (429, "rate_limited")
    assert call("192.0.2.2", token) == (200, None)
    client.environ_base["HTTP_X_FORWARDED_FOR"] = "192.0.2.1"
    assert post(client, BEACON).status_code == 204  # pages are another matter
