"""Every way to misbehave, how often, and on which endpoint."""

from __future__ import annotations

import http.client
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from threading import Event, Thread
from time import monotonic
from typing import Any

import pytest

from collector.errors import UsageError
from collector.sandbox import Fault, Sandbox
from tests.sandbox.talk import TOKEN_REQUEST, batch, call, one, send, token_for
from tests.sandbox_fixtures import PHONE_CALL_INSTALLATION


def test_the_next_requests_are_told_to_come_later_and_then_all_is_well(sandbox: Sandbox) -> None:
    token = token_for(sandbox.url)
    sandbox.add(Fault(kind="too_many_requests", count=2, retry_after=7))
    answers = [send(sandbox.url, token, batch()) for _ in range(3)]
    assert [answer.status for answer in answers] == [429, 429, 200]
    assert [answer.headers.get("Retry-After") for answer in answers] == ["7", "7", None]


def test_retry_after_can_be_a_date(sandbox: Sandbox) -> None:
    token = token_for(sandbox.url)
    sandbox.add(Fault(kind="too_many_requests", count=1, retry_after=90, as_date=True))
    headers = send(sandbox.url, token, batch()).headers
    assert headers["Retry-After"].endswith(" GMT")
    until, answered = map(parsedate_to_datetime, (headers["Retry-After"], headers["Date"]))
    assert abs((until - answered).total_seconds() - 90) <= 1


@pytest.mark.parametrize("status", [500, 503, 408])
def test_a_server_error_stores_nothing(sandbox: Sandbox, status: int) -> None:
    token = token_for(sandbox.url)
    sandbox.add(Fault(kind="server_error", count=1, status=status))
    assert send(sandbox.url, token, batch()).status == status
    assert sandbox.held == {}


@pytest.mark.parametrize(("kind", "stored"), [("drop_before", 0), ("drop_after", 1)])
def test_a_dropped_connection_is_dropped_before_or_after_storing(
    sandbox: Sandbox, kind: str, stored: int
) -> None:
    token = token_for(sandbox.url)
    sandbox.add(Fault(kind=kind, count=1))
    with pytest.raises(http.client.RemoteDisconnected):
        send(sandbox.url, token, batch())
    assert len(sandbox.held) == stored
    assert sandbox.requests[-1].status is None
    assert send(sandbox.url, token, batch()).status == 200


def test_an_answer_takes_the_latency_and_a_late_one_as_much_as_it_is_late() -> None:
    with Sandbox([PHONE_CALL_INSTALLATION], latency_ms=50) as sandbox:
        before = monotonic()
        token_for(sandbox.url)
        assert monotonic() - before >= 0.05
        sandbox.add(Fault(kind="latency", on="token", milliseconds=70))
        before = monotonic()
        token_for(sandbox.url)
        assert monotonic() - before >= 0.07


def test_a_latency_does_not_hold_up_the_sandbox_when_it_stops() -> None:
    asked = Event()

    def now() -> datetime:
        asked.set()
        return datetime.now(UTC)

    minute = Fault(kind="latency", on="token", milliseconds=60_000)
    with Sandbox([PHONE_CALL_INSTALLATION], faults=[minute], now=now) as sandbox:

        def ask() -> None:
            with suppress(http.client.HTTPException, OSError):
                call(sandbox.url, "POST", "/v1/oauth/token", TOKEN_REQUEST)

        asking = Thread(target=ask)
        asking.start()
        assert asked.wait(timeout=10)
    asking.join(timeout=10)
    assert not asking.is_alive()


def test_a_revoked_client_gets_no_token(sandbox: Sandbox) -> None:
    sandbox.add(Fault(kind="revoked", on="token"))
    said = call(sandbox.url, "POST", "/v1/oauth/token", TOKEN_REQUEST)
    assert (said.status, said.json()) == (401, {"message": "client is revoked"})


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("revoked", {"message": "Unauthorized"}),
        (
            "expired",
            {
                "success": False,
                "errorMessage": "Auth token is expired.",
                "errorCode": "JWT_EXPIRED",
            },
        ),
    ],
)
def test_a_good_token_can_be_refused_in_both_forms(
    sandbox: Sandbox, kind: str, body: dict[str, Any]
) -> None:
    token = token_for(sandbox.url)
    sandbox.add(Fault(kind=kind, count=1))
    said = send(sandbox.url, token, batch())
    assert (said.status, said.json()) == (401, body)


def test_tokens_can_die_earlier_than_they_announce() -> None:
    clock = [datetime(2026, 3, 1, 12, tzinfo=UTC)]
    early = Fault(kind="expire_early", on="token", milliseconds=5000)
    with Sandbox([PHONE_CALL_INSTALLATION], now=lambda: clock[0], faults=[early]) as sandbox:
        said = call(sandbox.url, "POST", "/v1/oauth/token", TOKEN_REQUEST).json()
        assert said["expires_in"] == 3600
        clock[0] += timedelta(seconds=5)
        assert send(sandbox.url, said["access_token"], batch()).json()["errorCode"] == "JWT_EXPIRED"


def test_a_share_strikes_about_that_share_and_the_same_ones_for_the_same_seed() -> None:
    def statuses(seed: int) -> list[int]:
        with Sandbox(
            [PHONE_CALL_INSTALLATION], faults=[Fault(kind="server_error", share=0.5)], seed=seed
        ) as sandbox:
            token = token_for(sandbox.url)
            return [send(sandbox.url, token, batch()).status for _ in range(24)]

    first = statuses(1)
    assert set(first) == {200, 500}
    assert first == statuses(1)
    assert first != statuses(2)


def test_a_fault_of_one_endpoint_leaves_the_other_alone(sandbox: Sandbox) -> None:
    sandbox.add(Fault(kind="server_error", on="enrichments"))
    token = token_for(sandbox.url)
    sandbox.clear()
    sandbox.add(Fault(kind="server_error", on="token"))
    assert send(sandbox.url, token, batch()).status == 200


def test_faults_for_the_next_request_strike_one_after_the_other(sandbox: Sandbox) -> None:
    token = token_for(sandbox.url)
    sandbox.add(Fault(kind="server_error", count=1), Fault(kind="too_many_requests", count=1))
    assert [send(sandbox.url, token, batch()).status for _ in range(3)] == [500, 429, 200]


def test_faults_are_replaced_over_http_and_shown(sandbox: Sandbox) -> None:
    token = token_for(sandbox.url)
    sandbox.add(Fault(kind="drop_before"))
    wanted = [{"kind": "server_error", "count": 2, "status": 503, "retry_after": 1}]
    assert call(sandbox.url, "PUT", "/sandbox/faults", wanted).status == 204
    assert send(sandbox.url, token, batch()).status == 503
    (shown,) = call(sandbox.url, "GET", "/sandbox/state").json()["faults"]
    assert (shown["kind"], shown["count"], shown["status"]) == ("server_error", 1, 503)
    assert call(sandbox.url, "PUT", "/sandbox/faults", []).status == 204
    assert send(sandbox.url, token, batch(one())).status == 200


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"kind": "earthquake"}, "earthquake"),
        ({"kind": "server_error", "on": "page"}, "page"),
        ({"kind": "server_error", "count": 1, "share": 0.5}, "not both"),
        ({"kind": "server_error", "count": 0}, "count"),
        ({"kind": "server_error", "share": 0}, "share"),
        ({"kind": "server_error", "share": 1.5}, "share"),
        ({"kind": "server_error", "status": 200}, "status"),
        ({"kind": "too_many_requests", "retry_after": -1}, "retry_after"),
        ({"kind": "latency"}, "milliseconds"),
        ({"kind": "expired", "on": "token"}, "enrichments"),
        ({"kind": "expire_early", "milliseconds": 1}, "token"),
    ],
)
def test_a_fault_that_means_nothing_is_refused_alike_in_python_and_over_http(
    sandbox: Sandbox, wrong: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        Fault(**wrong)
    answer = call(sandbox.url, "PUT", "/sandbox/faults", [wrong])
    assert answer.status == 400
    assert said in answer.json()["message"]


@pytest.mark.parametrize(
    "wrong",
    [{}, b"x", ["text"], [{}], [{"kind": "server_error", "count": True}],
     [{"kind": "server_error", "count": "1"}], [{"kind": "server_error", "colour": 1}],
     [{"kind": ["x"]}]],
    ids=str,
)  # fmt: skip
def test_faults_that_cannot_be_read_change_nothing(sandbox: Sandbox, wrong: object) -> None:
    sandbox.add(Fault(kind="server_error"))
    assert call(sandbox.url, "PUT", "/sandbox/faults", wrong).status == 400
    assert len(call(sandbox.url, "GET", "/sandbox/state").json()["faults"]) == 1
