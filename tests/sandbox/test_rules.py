"""Every documented rule, one row per way to break it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collector.sandbox import Sandbox, SandboxInstallation
from tests.sandbox.talk import TOKEN_REQUEST, batch, call, fields, one, send, token_for
from tests.sandbox_fixtures import PHONE_CALL_INSTALLATION, PHONE_CALL_SCHEMA

MISMATCH = b'{"message": "enrichments don\'t match expected payload"}'
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"grant_type": "password"}, 400),
        ({"grant_type": ...}, 400),
        ({"scope": "enrichment metrics"}, 400),
        ({"scope": "metrics"}, 400),
        ({"scope": ""}, 400),
        ({"scope": ...}, 400),
        ({"scope": ["enrichment"]}, 400),
        ({"client_id": ...}, 400),
        ({"client_secret": ...}, 400),
        ({"integration_id": ...}, 400),
        ({"integration_id": "42"}, 400),
        ({"integration_id": True}, 400),
        ({"integration_id": 43}, 400),
        ({"client_id": "somebody-else"}, 401),
        ({"client_secret": "wrong"}, 401),
        ({"client_secret": "\ud800"}, 401),
    ],
)
def test_a_wrong_token_request_is_refused_with_a_json_message(
    sandbox: Sandbox, change: Mapping[str, Any], status: int
) -> None:
    request = {n: v for n, v in {**TOKEN_REQUEST, **change}.items() if v is not ...}
    said = call(sandbox.url, "POST", "/v1/oauth/token", request)
    assert said.status == status
    assert isinstance(said.json()["message"], str)


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"client_id=a&client_secret=b", b"[" * 9999])
def test_a_token_request_that_is_no_json_object_is_refused(sandbox: Sandbox, body: bytes) -> None:
    assert call(sandbox.url, "POST", "/v1/oauth/token", body).status == 400


def test_an_integration_id_of_another_client_is_refused() -> None:
    other = SandboxInstallation(
        project_id=200, integration_id=7, client_id="other", client_secret="s", schemas={}
    )
    with Sandbox([PHONE_CALL_INSTALLATION, other]) as sandbox:
        request = dict(TOKEN_REQUEST) | {"integration_id": 7}
        assert call(sandbox.url, "POST", "/v1/oauth/token", request).status == 400


def test_one_client_with_two_installations_gets_a_token_for_each() -> None:
    second = SandboxInstallation(
        project_id=163,
        integration_id=43,
        client_id=PHONE_CALL_INSTALLATION.client_id,
        client_secret=PHONE_CALL_INSTALLATION.client_secret,
        schemas={1: PHONE_CALL_SCHEMA},
    )
    with Sandbox([PHONE_CALL_INSTALLATION, second]) as sandbox:
        token = token_for(sandbox.url, dict(TOKEN_REQUEST) | {"integration_id": 43})
        assert send(sandbox.url, token, batch()).body == MISMATCH
        assert send(sandbox.url, token, batch(projectId=163)).status == 200
        assert list(sandbox.held) == [(163, "aaa-aaa-aaa", 5, 1)]


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"not json",
        b"null",
        b"[" * 9999,
        [],
        {},
        batch(integrationVersion=...),
        batch(integrationVersion="1"),
        batch(integrationVersion=True),
        batch(integrationVersion=1.0),
        batch(projectId=...),
        batch(projectId=163),
        batch(projectId="162"),
        batch(enrichments=...),
        batch(enrichments=[]),
        batch(enrichments={}),
        batch(enrichments=[one(sessionNumber=n) for n in range(1, 202)]),
        batch(transactions=[]),
        batch("text"),
        batch(None),
    ],
    ids=lambda document: str(document)[:60],
)
def test_a_batch_of_the_wrong_shape_is_refused(sandbox: Sandbox, document: object) -> None:
    said = send(sandbox.url, token_for(sandbox.url), document)
    assert (said.status, said.body) == (400, MISMATCH)
    assert sandbox.held == {}


def test_a_batch_of_200_is_accepted(sandbox: Sandbox) -> None:
    enrichments = [one(sessionNumber=number) for number in range(1, 201)]
    assert send(sandbox.url, token_for(sandbox.url), batch(*enrichments)).status == 200
    assert len(sandbox.held) == 200


@pytest.mark.parametrize(
    "bad",
    [
        one(userId=...),
        one(userId=""),
        one(userId=7),
        one(userId="\ud800"),
        one(sessionNumber=...),
        one(sessionNumber="5"),
        one(sessionNumber=0),
        one(sessionNumber=True),
        one(enrichmentNumber=0),
        one(enrichmentNumber=4),
        one(enrichmentNumber=-1),
        one(enrichmentNumber="1"),
        one(enrichmentNumber=True),
        one(enrichmentNumber=1.0),
        one(enrichmentNumber=None),
        one(enrichment=...),
        one(enrichment=[]),
        one(enrichment={}),
        one(transaction={}),
        one(enrichment=fields(call_duration=...)),
        one(enrichment=fields(call_duration=True)),
        one(enrichment=fields(call_duration="3532")),
        one(enrichment=fields(call_duration=3532.0)),
        one(enrichment=fields(call_duration=None)),
        one(enrichment=fields(call_duration=2147483648)),
        one(enrichment=fields(call_duration=-2147483649)),
        one(enrichment=fields(call_client_rating="4.5")),
        one(enrichment=fields(call_client_rating=True)),
        one(enrichment=fields(call_client_rating=1.797691e308)),
        one(enrichment=fields(call_client_rating=10**400)),
        one(enrichment=fields(call_client_rating=None)),
        one(enrichment=fields(answered="true")),
        one(enrichment=fields(answered=1)),
        one(enrichment=fields(call_center_name=7)),
        one(enrichment=fields(call_center_name="x" * 51)),
        one(enrichment=fields(call_center_name="é" * 26)),
        one(enrichment=fields(call_center_name="\udc00")),
        one(enrichment=fields(call_datetime="2022-01-01T18:09:54")),
        one(enrichment=fields(call_datetime="2022-01-01T18:09Z")),
        one(enrichment=fields(call_datetime="2022-01-01T18:09:54.5Z")),
        one(enrichment=fields(call_datetime="2022-01-01T18:09:54+00:00")),
        one(enrichment=fields(call_datetime="2022-01-01 18:09:54Z")),
        one(enrichment=fields(call_datetime="2022-02-30T18:09:54Z")),
        one(enrichment=fields(call_datetime="202٢-02-20T18:09:54Z")),
        one(enrichment=fields(call_datetime="2022-01-01T24:00:00Z")),
        one(enrichment=fields(call_datetime="2022-01-01T23:59:60Z")),
        one(enrichment=fields(call_datetime="2022-01-01T18:09:54Z\n")),
        one(enrichment=fields(call_datetime=1641060594)),
        one(enrichment=fields(unheard_of=1)),
    ],
    ids=lambda bad: str(bad)[:200],
)
def test_one_bad_enrichment_refuses_its_whole_batch_and_nothing_is_stored(
    sandbox: Sandbox, bad: dict[str, Any]
) -> None:
    good = one(sessionNumber=1), one(sessionNumber=2)
    said = send(sandbox.url, token_for(sandbox.url), batch(good[0], bad, good[1]))
    assert (said.status, said.body) == (400, MISMATCH)
    assert sandbox.held == {}
    assert sandbox.requests[-1].note.startswith("enrichment 2: ")


@pytest.mark.parametrize("constant", [b"NaN", b"Infinity", b"-Infinity", b"1e400"])
def test_numbers_that_json_does_not_have_are_refused(sandbox: Sandbox, constant: bytes) -> None:
    content = (
        b'{"integrationVersion": 1, "projectId": 162, "enrichments": [{"userId": "a",'
        b' "sessionNumber": 1, "enrichment": {"call_duration": 1, "call_center_name": "",'
        b' "call_datetime": "2022-01-01T20:02:22Z", "call_client_rating": ' + constant + b"}}]}"
    )
    said = send(sandbox.url, token_for(sandbox.url), content)
    assert (said.status, said.body) == (400, MISMATCH)


@pytest.mark.parametrize(
    "change",
    [
        {"answered": ...},
        {"answered": False},
        {"call_client_rating": ...},
        {"call_client_rating": 2},
        {"call_client_rating": -1.79769e308},
        {"call_duration": 2147483647},
        {"call_duration": -2147483648},
        {"call_center_name": ""},
        {"call_center_name": "x" * 50},
        {"call_center_name": "é" * 25},
        {"call_datetime": "2024-02-29T23:59:59Z"},
    ],
)
def test_values_at_the_limits_are_accepted_and_held_as_sent(
    sandbox: Sandbox, change: Mapping[str, Any]
) -> None:
    sent = fields(**change)
    assert send(sandbox.url, token_for(sandbox.url), batch(one(enrichment=sent))).status == 200
    (stored,) = sandbox.held.values()
    assert stored.fields == sent


def test_the_same_key_again_overwrites_and_another_number_is_another_event(
    sandbox: Sandbox,
) -> None:
    token = token_for(sandbox.url)
    send(sandbox.url, token, batch(one(), one(enrichmentNumber=3)))
    send(sandbox.url, token, batch(one(enrichment=fields(call_duration=1))))
    send(sandbox.url, token, batch(one(enrichment=fields(call_duration=2))))
    assert {
        key: (stored.fields["call_duration"], stored.overwritten)
        for key, stored in sandbox.held.items()
    } == {(162, "aaa-aaa-aaa", 5, 1): (2, 2), (162, "aaa-aaa-aaa", 5, 3): (3532, 0)}


def test_each_version_is_checked_against_its_own_schema() -> None:
    newer = {"fields": [{"name": "score", "type": "INT", "optional": False}]}
    installation = SandboxInstallation(
        project_id=162,
        integration_id=42,
        client_id=PHONE_CALL_INSTALLATION.client_id,
        client_secret=PHONE_CALL_INSTALLATION.client_secret,
        schemas={1: PHONE_CALL_SCHEMA, 2: newer},
    )
    with Sandbox([installation]) as sandbox:
        token = token_for(sandbox.url)
        scored = one(enrichment={"score": 1})
        assert send(sandbox.url, token, batch(one())).status == 200
        assert send(sandbox.url, token, batch(scored)).status == 400
        assert send(sandbox.url, token, batch(scored, integrationVersion=2)).status == 200


@pytest.mark.parametrize(
    ("age", "kept"),
    [(timedelta(days=7), True), (timedelta(days=7, seconds=1), False), (timedelta(0), True)],
)
def test_a_session_that_started_over_seven_days_ago_is_answered_200_and_dropped(
    age: timedelta, kept: bool
) -> None:
    with Sandbox([PHONE_CALL_INSTALLATION], now=lambda: NOW) as sandbox:
        started = {"projectId": 162, "userId": "aaa-aaa-aaa", "sessionNumber": 5}
        started["startedAt"] = (NOW - age).isoformat()
        assert call(sandbox.url, "PUT", "/sandbox/sessions", [started]).status == 204
        said = send(sandbox.url, token_for(sandbox.url), batch(one(), one(sessionNumber=6)))
        assert (said.status, said.body) == (200, b"")
        assert ((162, "aaa-aaa-aaa", 5, 1) in sandbox.held) is kept
        assert (162, "aaa-aaa-aaa", 6, 1) in sandbox.held
        assert [dropped.key.session_number for dropped in sandbox.dropped] == [5] * (not kept)


def test_an_update_of_a_session_that_grew_too_old_is_dropped_and_the_old_value_stays() -> None:
    clock = [NOW]
    with Sandbox([PHONE_CALL_INSTALLATION], now=lambda: clock[0]) as sandbox:
        sandbox.session_started(162, "aaa-aaa-aaa", 5, NOW)
        send(sandbox.url, token_for(sandbox.url), batch())
        clock[0] += timedelta(days=8)
        update = batch(one(enrichment=fields(call_duration=1)))
        assert send(sandbox.url, token_for(sandbox.url), update).status == 200
        (stored,) = sandbox.held.values()
        assert (stored.fields["call_duration"], stored.overwritten) == (3532, 0)
        assert len(sandbox.dropped) == 1
