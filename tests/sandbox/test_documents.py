"""The sandbox against the documents' own examples, to the byte where they give bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from collector.sandbox import Sandbox, SandboxInstallation
from tests.sandbox.talk import TOKEN_REQUEST, batch, call, one, send, token_for
from tests.sandbox_fixtures import PHONE_CALL_INSTALLATION

#: The fields of the batch example are other ones than those of the schema example.
BATCH_EXAMPLE_SCHEMA = {
    "fields": [
        {"name": "has_called", "type": "BOOL", "optional": False},
        {"name": "call_duration", "type": "INT", "optional": False},
        {"name": "call_client_rating", "type": "FLOAT", "optional": False},
        {"name": "call_center_name", "type": "STRING", "optional": False},
        {"name": "call_date", "type": "DATETIME", "optional": False},
    ]
}

BATCH_EXAMPLE = b"""{
    "integrationVersion": 1,
    "projectId": 162,
    "enrichments": [
        {
            "userId": "aaa-aaa-aaa",
            "sessionNumber": 5,
            "enrichmentNumber": 1,
            "enrichment": {
                "has_called": true,
                "call_duration": 3532,
                "call_client_rating": 4.5,
                "call_center_name": "RENNES",
                "call_date": "2022-01-01T20:02:22Z"
            }
        },
        {
            "userId": "aaa-aaa-aaa",
            "sessionNumber": 5,
            "enrichmentNumber": 2,
            "enrichment": {
                "has_called": true,
                "call_duration": 2293,
                "call_client_rating": 2,
                "call_center_name": "RENNES",
                "call_date": "2022-01-01T18:09:54"
            }
        }
    ]
}"""


@pytest.fixture
def example_sandbox() -> Iterator[Sandbox]:
    installation = SandboxInstallation(
        project_id=162,
        integration_id=42,
        client_id=PHONE_CALL_INSTALLATION.client_id,
        client_secret=PHONE_CALL_INSTALLATION.client_secret,
        schemas={1: BATCH_EXAMPLE_SCHEMA},
    )
    with Sandbox([installation]) as running:
        yield running


def test_the_documented_token_request_is_answered_with_the_documented_members(
    sandbox: Sandbox,
) -> None:
    request = b"""{
    "client_id": "c3133d76-a768-4f5a-XXX",
    "client_secret": "0ISL0DEC;UyYKB;riWRS0EXXX",
    "grant_type": "client_credentials",
    "scope": "enrichment",
    "integration_id": 42
}"""
    said = call(
        sandbox.url, "POST", "/v1/oauth/token", request, {"Content-Type": "application/json"}
    )
    assert said.status == 200
    assert said.headers["Content-Type"] == "application/json"
    answer = said.json()
    assert answer.pop("access_token").count(".") == 2
    assert list(answer.items()) == [
        ("token_type", "bearer"),
        ("expires_in", 3600),
        ("scope", "enrichment"),
        ("integration_id", 42),
        ("project_id", 162),
        ("endpoint", sandbox.url),
    ]


def test_the_documented_batch_is_refused_because_one_of_its_dates_has_no_z(
    example_sandbox: Sandbox,
) -> None:
    said = send(example_sandbox.url, token_for(example_sandbox.url), BATCH_EXAMPLE)
    assert said.status == 400
    assert said.body == b'{"message": "enrichments don\'t match expected payload"}'
    assert example_sandbox.held == {}


def test_the_documented_batch_is_accepted_once_both_dates_end_in_z(
    example_sandbox: Sandbox,
) -> None:
    corrected = BATCH_EXAMPLE.replace(b"18:09:54", b"18:09:54Z")
    said = send(example_sandbox.url, token_for(example_sandbox.url), corrected)
    assert (said.status, said.body) == (200, b"")
    assert {
        key: stored.fields["call_duration"] for key, stored in example_sandbox.held.items()
    } == {
        (162, "aaa-aaa-aaa", 5, 1): 3532,
        (162, "aaa-aaa-aaa", 5, 2): 2293,
    }


def test_an_acceptance_has_an_empty_body_and_no_content_type(sandbox: Sandbox) -> None:
    said = send(sandbox.url, token_for(sandbox.url), batch())
    assert (said.status, said.body, said.headers["Content-Length"]) == (200, b"", "0")
    assert "Content-Type" not in said.headers


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer ", "Bearer nonsense", "Basic Zm9vOmJhcg=="]
)
def test_no_token_or_an_invalid_one_is_answered_unauthorized(
    sandbox: Sandbox, authorization: str | None
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    said = call(sandbox.url, "POST", "/v1/enrichments", batch(), headers)
    assert (said.status, said.body) == (401, b'{"message": "Unauthorized"}')
    assert sandbox.held == {}


def test_a_token_from_elsewhere_is_unauthorized(sandbox: Sandbox) -> None:
    with Sandbox([PHONE_CALL_INSTALLATION]) as other:
        said = send(sandbox.url, token_for(other.url), batch())
    assert (said.status, said.body) == (401, b'{"message": "Unauthorized"}')


def test_an_expired_token_is_answered_in_its_own_form() -> None:
    clock = [datetime(2026, 3, 1, 12, tzinfo=UTC)]
    with Sandbox([PHONE_CALL_INSTALLATION], now=lambda: clock[0]) as sandbox:
        token = token_for(sandbox.url)
        clock[0] += timedelta(seconds=3599)
        assert send(sandbox.url, token, batch()).status == 200
        clock[0] += timedelta(seconds=1)
        said = send(sandbox.url, token, batch())
    assert said.status == 401
    assert said.body == (
        b'{"success": false, "errorMessage": "Auth token is expired.", "errorCode": "JWT_EXPIRED"}'
    )


def test_an_unregistered_version_is_answered_so(sandbox: Sandbox) -> None:
    said = send(sandbox.url, token_for(sandbox.url), batch(integrationVersion=2))
    assert (said.status, said.body) == (400, b'{"message": "bad integration version"}')


def test_an_absent_number_means_one(sandbox: Sandbox) -> None:
    said = send(sandbox.url, token_for(sandbox.url), batch(one(enrichmentNumber=...)))
    assert said.status == 200
    assert list(sandbox.held) == [(162, "aaa-aaa-aaa", 5, 1)]


def test_a_batch_is_json_whatever_its_content_type_says(sandbox: Sandbox) -> None:
    """The documents' curl example sends none, for which curl says "form"."""
    headers = {
        "Authorization": f"Bearer {token_for(sandbox.url)}",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    said = call(sandbox.url, "POST", "/v1/enrichments", json.dumps(batch()).encode(), headers)
    assert said.status == 200


def test_a_token_request_without_the_secret_gets_no_token(sandbox: Sandbox) -> None:
    request = {name: value for name, value in TOKEN_REQUEST.items() if name != "client_secret"}
    assert call(sandbox.url, "POST", "/v1/oauth/token", request).status == 400
