"""What is sent, and what each answer to it means."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from collector.contentsquare import Answer, Credentials, Outcome
from collector.errors import ContentsquareError, CredentialsRefusedError, UnavailableError
from collector.sandbox import Sandbox
from tests.contentsquare.batches import enrichment
from tests.contentsquare.conftest import ApiFactory
from tests.contentsquare.scripted import Script, answer


def test_a_batch_is_accepted_and_held_as_it_was_sent(
    sandbox: Sandbox, api_for: ApiFactory, credentials: Credentials
) -> None:
    batch = [enrichment(1, 1, answered=False), enrichment(1, 3, call_center_name="Orléans 🙂")]
    got = api_for(sandbox.url).send(credentials, 1, batch)
    assert got == Answer(
        outcome=Outcome.ACCEPTED,
        status=200,
        message="HTTP 200",
        in_doubt=False,
        retry_after=None,
        milliseconds=0,
        requests=1,
    )
    assert {key: dict(stored.fields) for key, stored in sandbox.held.items()} == {
        (162, one.user_id, one.session_number, one.enrichment_number): dict(one.fields)
        for one in batch
    }


def test_the_batch_is_the_documented_json_with_its_number_always_given(
    script: Script, api_for: ApiFactory, credentials: Credentials
) -> None:
    api_for(script.url).send(credentials, 7, [enrichment(5, 1)])
    (asked,) = script.to("/v1/enrichments")
    assert asked.line == "POST /v1/enrichments HTTP/1.1"
    assert asked.headers["Authorization"] == "Bearer token-1"
    assert asked.headers["Content-Type"] == "application/json"
    assert asked.json() == {
        "integrationVersion": 7,
        "projectId": 162,
        "enrichments": [
            {
                "userId": "aaa-aaa-aaa",
                "sessionNumber": 5,
                "enrichmentNumber": 1,
                "enrichment": dict(enrichment().fields),
            }
        ],
    }


@pytest.mark.parametrize(
    "number",
    [2147483647, -2147483648, 0.1 + 0.2, 1.79769e308, 5e-324, 2.0, 4503599627370497.5],
)
def test_numbers_arrive_exactly(
    script: Script, api_for: ApiFactory, credentials: Credentials, number: float
) -> None:
    api_for(script.url).send(credentials, 1, [enrichment(call_client_rating=number)])
    (asked,) = script.to("/v1/enrichments")
    got = asked.json()["enrichments"][0]["enrichment"]["call_client_rating"]
    assert (got, type(got)) == (number, type(number))


@pytest.mark.parametrize(
    "batch",
    [
        [],
        [enrichment(number) for number in range(1, 202)],
        [enrichment(number=0)],
        [enrichment(), enrichment(number=4)],
        [enrichment(call_client_rating=float("nan"))],
        [enrichment(call_client_rating=float("inf"))],
        [enrichment(call_center_name="\ud800")],
    ],
    ids=["empty", "201", "number 0", "number 4", "nan", "infinity", "half a character"],
)
def test_a_batch_that_breaks_a_limit_is_refused_before_anything_is_sent(
    script: Script, api_for: ApiFactory, credentials: Credentials, batch: list[Any]
) -> None:
    with pytest.raises(ValueError, match=r".+"):
        api_for(script.url).send(credentials, 1, batch)
    assert script.asked == []


def test_a_batch_of_200_is_sent(
    sandbox: Sandbox, api_for: ApiFactory, credentials: Credentials
) -> None:
    batch = [enrichment(number) for number in range(1, 201)]
    assert api_for(sandbox.url).send(credentials, 1, batch).outcome is Outcome.ACCEPTED
    assert len(sandbox.held) == 200


def test_one_bad_enrichment_rejects_its_batch(
    sandbox: Sandbox, api_for: ApiFactory, credentials: Credentials
) -> None:
    got = api_for(sandbox.url).send(credentials, 1, [enrichment(1), enrichment(2, answered="no")])
    assert (got.outcome, got.status, got.requests) == (Outcome.REJECTED, 400, 1)
    assert got.message == "HTTP 400: enrichments don't match expected payload"


def test_an_unregistered_version_blames_no_enrichment(
    sandbox: Sandbox, api_for: ApiFactory, credentials: Credentials
) -> None:
    got = api_for(sandbox.url).send(credentials, 9, [enrichment()])
    assert (got.outcome, got.status) == (Outcome.BAD_VERSION, 400)


@pytest.mark.parametrize(
    ("raw", "outcome"),
    [
        (answer(200, b"<html>"), Outcome.ACCEPTED),
        (answer(200, b"\xff\x00"), Outcome.ACCEPTED),
        (answer(200, b"", Content_Length="10"), Outcome.ACCEPTED),
        (answer(204), Outcome.ACCEPTED),
        (answer(400, {"message": "bad integration version"}), Outcome.BAD_VERSION),
        (answer(400, {"message": "something else"}), Outcome.REJECTED),
        (answer(400, ["bad integration version"]), Outcome.REJECTED),
        (answer(400, b"[" * 60_000), Outcome.REJECTED),
        (answer(400, b"<html>Bad Request</html>"), Outcome.REJECTED),
        (answer(400), Outcome.REJECTED),
        (answer(413), Outcome.REJECTED),
        (answer(422), Outcome.REJECTED),
        (answer(408), Outcome.LATER),
        (answer(429), Outcome.LATER),
        (answer(500), Outcome.LATER),
        (answer(503, b"<html>"), Outcome.LATER),
        (answer(599), Outcome.LATER),
        # Which 400 it is, its body would have said.
        (answer(400, b"{", Content_Length="10"), Outcome.LATER),
    ],
    ids=lambda given: given[:80].decode(errors="replace") if isinstance(given, bytes) else None,
)
def test_each_status_means_one_thing(
    script: Script, api_for: ApiFactory, credentials: Credentials, raw: bytes, outcome: Outcome
) -> None:
    script.answers["/v1/enrichments"] = [raw]
    got = api_for(script.url, attempts=1).send(credentials, 1, [enrichment()])
    assert (got.outcome, got.requests) == (outcome, 1)


@pytest.mark.parametrize("status", [301, 302, 307, 308, 402, 403, 404, 405, 418, 451])
def test_what_is_no_answer_of_the_api_is_an_error_and_blames_no_enrichment(
    script: Script, api_for: ApiFactory, credentials: Credentials, status: int
) -> None:
    script.answers["/v1/enrichments"] = [answer(status, b"some page")]
    with pytest.raises(ContentsquareError) as raised:
        api_for(script.url).send(credentials, 1, [enrichment()])
    assert not isinstance(raised.value, CredentialsRefusedError | UnavailableError)
    message = str(raised.value)
    assert message.startswith("project 162, integration 42: ")
    assert f"HTTP {status}: some page" in message
    assert "collector installation check" in message
    assert len(script.to("/v1/enrichments")) == 1


def test_foreign_text_in_a_message_is_short_and_harmless(
    script: Script, api_for: ApiFactory, credentials: Credentials
) -> None:
    hostile = b"\x1b[31mred\x00\r\n\xff " + "é".encode() * 5000
    script.answers["/v1/enrichments"] = [answer(403, hostile)]
    with pytest.raises(ContentsquareError) as raised:
        api_for(script.url).send(credentials, 1, [enrichment()])
    message = str(raised.value)
    assert message.isprintable()
    assert 150 < message.count("é") <= 200


def test_of_a_huge_answer_only_the_beginning_is_read(
    script: Script, api_for: ApiFactory, credentials: Credentials
) -> None:
    script.answers["/v1/enrichments"] = [answer(200, b"x" * 32_000_000), answer(200)]
    api = api_for(script.url)
    assert api.send(credentials, 1, [enrichment()]).outcome is Outcome.ACCEPTED
    assert script.hung_up.wait(timeout=10)
    assert script.sent < 32_000_000
    assert api.send(credentials, 1, [enrichment()]).outcome is Outcome.ACCEPTED


@pytest.mark.parametrize("status", [301, 303, 307, 308])
@pytest.mark.parametrize("where", ["/v1/enrichments", "/v1/oauth/token"])
def test_no_redirect_is_followed(
    script: Script, api_for: ApiFactory, credentials: Credentials, where: str, status: int
) -> None:
    script.answers[where] = [answer(status, Location=f"{script.url}/elsewhere")]
    script.answers["/elsewhere"] = [answer(200)]
    with pytest.raises(ContentsquareError, match=f"HTTP {status}"):
        api_for(script.url).send(credentials, 1, [enrichment()])
    assert script.to("/elsewhere") == []


def test_a_redirect_to_nonsense_with_a_huge_body_is_only_an_unusable_answer(
    script: Script, api_for: ApiFactory, credentials: Credentials
) -> None:
    script.answers["/v1/enrichments"] = [answer(302, b"x" * 32_000_000, Location="http://[")]
    with pytest.raises(ContentsquareError, match="HTTP 302"):
        api_for(script.url).send(credentials, 1, [enrichment()])
    assert script.sent < 32_000_000


def test_connections_are_kept(
    sandbox: Sandbox, api_for: ApiFactory, credentials: Credentials
) -> None:
    api = api_for(sandbox.url)
    for number in range(1, 6):
        api.send(credentials, 1, [enrichment(number)])
        api.send(credentials, 2, [enrichment(number)])
    assert {seen.connection for seen in sandbox.requests} == {1}


def test_no_cookie_is_kept(script: Script, api_for: ApiFactory, credentials: Credentials) -> None:
    script.answers["/v1/enrichments"] = [answer(200, Set_Cookie="customer=1; Path=/")]
    api = api_for(script.url)
    api.send(credentials, 1, [enrichment()])
    api.send(credentials, 1, [enrichment()])
    assert all("Cookie" not in asked.headers for asked in script.asked)


def test_the_time_told_is_that_of_the_posts_without_the_waits(
    script: Script, api_for: ApiFactory, credentials: Credentials
) -> None:
    script.answers["/v1/enrichments"] = [answer(503), answer(200)]
    seconds = itertools.count(0.0, 1.0)  # every look at the clock is a second later
    api = api_for(script.url, monotonic=lambda: next(seconds))
    got = api.send(credentials, 1, [enrichment()])
    assert (got.milliseconds, got.requests) == (2000, 2)


def test_the_body_of_a_retry_is_the_very_same(
    script: Script, api_for: ApiFactory, credentials: Credentials
) -> None:
    script.answers["/v1/enrichments"] = [answer(503), answer(401), answer(200)]
    got = api_for(script.url).send(credentials, 1, [enrichment()])
    assert (got.outcome, got.requests) == (Outcome.ACCEPTED, 3)
    first, *others = script.to("/v1/enrichments")
    assert [other.body for other in others] == [first.body] * 2
    assert json.loads(first.body)["projectId"] == 162
