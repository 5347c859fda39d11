"""When the client comes again, how long it waits, and when it leaves it to the next run."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from time import monotonic

import pytest

from collector.contentsquare import Credentials, EnrichmentApi, Outcome
from collector.contentsquare.retry import retry_after
from collector.contentsquare.transport import Reply, Transport
from collector.errors import UnavailableError
from collector.sandbox import Fault, Sandbox
from tests.contentsquare.batches import enrichment
from tests.contentsquare.conftest import ApiFactory, Time
from tests.contentsquare.scripted import Script, answer, token_answer
from tests.sandbox_fixtures import PHONE_CALL_INSTALLATION


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_passes_by_itself_is_tried_again(
    sandbox: Sandbox, api_for: ApiFactory, credentials: Credentials, status: int
) -> None:
    sandbox.add(Fault(kind="server_error", status=status, count=3))
    got = api_for(sandbox.url).send(credentials, 1, [enrichment()])
    assert (got.outcome, got.requests) == (Outcome.ACCEPTED, 4)


def test_after_the_last_attempt_the_batch_is_for_later(
    sandbox: Sandbox, api_for: ApiFactory, credentials: Credentials, time: Time
) -> None:
    sandbox.add(Fault(kind="too_many_requests", retry_after=3))
    got = api_for(sandbox.url).send(credentials, 1, [enrichment()])
    assert (got.outcome, got.status, got.retry_after, got.requests) == (Outcome.LATER, 429, 3.0, 4)
    assert got.message == "HTTP 429: sandbox fault: too_many_requests"
    assert time.slept == [3.0, 3.0, 3.0]
    assert sandbox.held == {}


def test_the_backoff_doubles_up_to_its_cap_with_full_jitter(
    sandbox: Sandbox, api_for: ApiFactory, credentials: Credentials, time: Time
) -> None:
    sandbox.add(Fault(kind="server_error"))
    api_for(sandbox.url, attempts=9, random=lambda: 1.0).send(credentials, 1, [enrichment()])
    assert time.slept == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 20.0, 20.0]
    time.slept.clear()
    api_for(sandbox.url, attempts=4, random=lambda: 0.0).send(credentials, 1, [enrichment()])
    assert time.slept == [0.0, 0.0, 0.0]


def test_a_batch_has_a_budget_of_time_that_no_attempt_begins_after(
    sandbox: Sandbox, api_for: ApiFactory, credentials: Credentials, time: Time
) -> None:
    sandbox.add(Fault(kind="too_many_requests", retry_after=25))
    api = api_for(sandbox.url, attempts=50, budget=180.0)
    with pytest.raises(UnavailableError, match="180 s were not enough"):
        api.send(credentials, 1, [enrichment()])
    batches = [seen for seen in sandbox.requests if seen.path == "/v1/enrichments"]
    assert len(batches) == 8  # the first at once, the last after 7 waits of 25 seconds
    assert sum(time.slept) == 200.0


def test_retry_after_in_seconds_is_obeyed(
    sandbox: Sandbox, api_for: ApiFactory, credentials: Credentials, time: Time
) -> None:
    sandbox.add(Fault(kind="too_many_requests", count=1, retry_after=7))
    assert api_for(sandbox.url).send(credentials, 1, [enrichment()]).outcome is Outcome.ACCEPTED
    assert time.slept == [7.0]


def test_retry_after_as_a_date_is_obeyed_by_the_servers_own_clock(
    script: Script, api_for: ApiFactory, credentials: Credentials, time: Time
) -> None:
    script.answers["/v1/enrichments"] = [
        answer(
            503,
            Date="Tue, 03 Mar 1998 10:00:00 GMT",
            Retry_After="Tue, 03 Mar 1998 10:00:12 GMT",
        ),
        answer(200),
    ]
    assert api_for(script.url).send(credentials, 1, [enrichment()]).outcome is Outcome.ACCEPTED
    assert time.slept == [12.0]


def test_the_sandboxs_dates_are_understood(
    sandbox: Sandbox, api_for: ApiFactory, credentials: Credentials, time: Time
) -> None:
    sandbox.add(Fault(kind="too_many_requests", count=1, retry_after=20, as_date=True))
    api_for(sandbox.url).send(credentials, 1, [enrichment()])
    assert len(time.slept) == 1
    assert abs(time.slept[0] - 20) <= 1


@pytest.mark.parametrize(("asked", "requests"), [(30, 4), (31, 1)])
def test_who_asks_for_more_than_the_patience_is_left_for_later(
    sandbox: Sandbox,
    api_for: ApiFactory,
    credentials: Credentials,
    time: Time,
    asked: int,
    requests: int,
) -> None:
    sandbox.add(Fault(kind="server_error", status=503, retry_after=asked))
    got = api_for(sandbox.url).send(credentials, 1, [enrichment()])
    assert (got.outcome, got.retry_after, got.requests) == (Outcome.LATER, float(asked), requests)
    assert len(time.slept) == requests - 1


_NOW = datetime.now(UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": " 120 "}, 120.0),
        ({"Retry-After": "9" * 5000}, 86400.0),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "1.5"}, None),
        ({"Retry-After": "٣"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Tue, 99 Mar 1998 10:00:12 GMT"}, None),
        ({"Retry-After": "Tue, 03 Mar 99999 10:00:12 GMT"}, None),
        (
            {
                "Date": "Tue, 03 Mar 1998 10:00:00 GMT",
                "Retry-After": "Tue, 03 Mar 1998 09:00:00 GMT",
            },
            0.0,
        ),
        (
            {
                "Date": "Tue, 03 Mar 1998 10:00:00 GMT",
                "Retry-After": "Sun, 03 Mar 2098 10:00:00 GMT",
            },
            86400.0,
        ),
        ({"Retry-After": format_datetime(_NOW - timedelta(hours=1), usegmt=True)}, 0.0),
        (
            {
                "Date": "yesterday",
                "Retry-After": format_datetime(_NOW + timedelta(days=9), usegmt=True),
            },
            86400.0,
        ),
    ],
)
def test_retry_after_is_read_in_both_forms_and_nonsense_is_no_wish(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after(Reply(status=429, headers=headers)) == seconds


@pytest.mark.parametrize(("kind", "overwritten"), [("drop_before", 0), ("drop_after", 1)])
def test_a_dropped_connection_is_tried_again_and_overwriting_makes_it_harmless(
    sandbox: Sandbox, api_for: ApiFactory, credentials: Credentials, kind: str, overwritten: int
) -> None:
    sandbox.add(Fault(kind=kind, count=1))
    got = api_for(sandbox.url).send(credentials, 1, [enrichment()])
    assert (got.outcome, got.requests) == (Outcome.ACCEPTED, 2)
    (stored,) = sandbox.held.values()
    assert stored.overwritten == overwritten


def test_when_every_connection_drops_the_batch_is_for_later_and_says_why(
    sandbox: Sandbox, api_for: ApiFactory, credentials: Credentials
) -> None:
    sandbox.add(Fault(kind="drop_before"))
    got = api_for(sandbox.url).send(credentials, 1, [enrichment()])
    assert (got.outcome, got.status, got.requests) == (Outcome.LATER, None, 4)
    assert got.message.startswith("network error: ")
    assert "without response" in got.message


def test_an_answer_that_does_not_come_in_time_is_for_later(
    sandbox: Sandbox, api_for: ApiFactory, credentials: Credentials
) -> None:
    sandbox.add(Fault(kind="latency", milliseconds=60_000))
    api = api_for(sandbox.url, read_timeout=0.2, attempts=1)
    got = api.send(credentials, 1, [enrichment()])
    assert (got.outcome, got.status, got.message) == (Outcome.LATER, None, "no answer within 0.2 s")


def _closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def test_an_endpoint_where_nobody_listens_is_for_later(
    script: Script, api_for: ApiFactory, credentials: Credentials
) -> None:
    endpoint = f"http://127.0.0.1:{_closed_port()}"
    script.answers["/v1/oauth/token"] = [token_answer(script, endpoint=endpoint)]
    got = api_for(script.url).send(credentials, 1, [enrichment()])
    assert (got.outcome, got.status, got.requests) == (Outcome.LATER, None, 4)
    assert "refused" in got.message


def test_without_a_token_endpoint_nothing_can_be_had_now(
    api_for: ApiFactory, credentials: Credentials, time: Time
) -> None:
    api = api_for(f"http://127.0.0.1:{_closed_port()}")
    with pytest.raises(UnavailableError, match="refused") as raised:
        api.send(credentials, 1, [enrichment()])
    assert raised.value.retry_after is None
    assert len(time.slept) == 3


def test_a_token_endpoint_that_wants_to_be_left_alone_is_unavailable(
    sandbox: Sandbox, api_for: ApiFactory, credentials: Credentials, time: Time
) -> None:
    sandbox.add(Fault(kind="too_many_requests", on="token", retry_after=600))
    with pytest.raises(UnavailableError, match="HTTP 429") as raised:
        api_for(sandbox.url).authenticate(credentials)
    assert raised.value.retry_after == 600.0
    assert time.slept == []


@pytest.mark.parametrize("kind", ["server_error", "too_many_requests", "drop_before", "drop_after"])
def test_a_token_is_asked_for_again_when_that_may_help(
    sandbox: Sandbox, api_for: ApiFactory, credentials: Credentials, kind: str
) -> None:
    sandbox.add(Fault(kind=kind, on="token", count=2))
    got = api_for(sandbox.url).send(credentials, 1, [enrichment()])
    assert (got.outcome, got.requests) == (Outcome.ACCEPTED, 1)
    assert len(sandbox.requests) == 4


def test_half_a_token_answer_is_none_and_asked_for_again(
    script: Script, api_for: ApiFactory, credentials: Credentials
) -> None:
    whole = token_answer(script)
    script.answers["/v1/oauth/token"] = [whole[:-20], whole]
    assert api_for(script.url).send(credentials, 1, [enrichment()]).outcome is Outcome.ACCEPTED
    assert len(script.to("/v1/oauth/token")) == 2


def test_on_the_real_clock_an_impatient_client_gives_up_at_once() -> None:
    asked = Fault(kind="server_error", on="token", retry_after=1)
    with (
        Sandbox([PHONE_CALL_INSTALLATION], faults=[asked]) as sandbox,
        EnrichmentApi(sandbox.auth_url, patience=0.5) as api,
        pytest.raises(UnavailableError),
    ):
        api.authenticate(
            Credentials(project_id=162, integration_id=42, client_id="c", client_secret="s")
        )


@pytest.mark.parametrize(
    "host",
    ["api.example:99999", "a..b.example", f"{'a' * 70}.example"],
    ids=["port", "dots", "long"],
)
def test_an_address_that_nothing_can_be_sent_to_is_an_answer_that_never_came(host: str) -> None:
    transport = Transport(connect_timeout=0.2, read_timeout=0.2, monotonic=monotonic)
    assert transport.post(f"https://{host}/v1/enrichments", b"{}").status is None
    transport.close()


def test_no_attempt_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="attempts"):
        EnrichmentApi("https://api.example.com/token", attempts=0)
