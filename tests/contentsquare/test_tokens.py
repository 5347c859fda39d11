"""Tokens: asked for as documented, kept per installation, renewed in time, and renewed once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from collector.contentsquare import Credentials, Outcome
from collector.errors import (
    CredentialsRefusedError,
)
from collector.sandbox import Fault, Sandbox, SandboxInstallation
from tests.contentsquare.batches import enrichment
from tests.contentsquare.conftest import ApiFactory, Time
from tests.contentsquare.scripted import Script, token_answer
from tests.sandbox_fixtures import PHONE_CALL_INSTALLATION, PHONE_CALL_SCHEMA


def _paths(sandbox: Sandbox) -> list[str]:
    return [seen.path.rsplit("/", 1)[-1] for seen in sandbox.requests]


def test_the_token_request_is_the_documented_one(
    script: Script, api_for: ApiFactory, credentials: Credentials
) -> None:
    grant = api_for(script.url).authenticate(credentials)
    (asked,) = script.asked
    assert asked.line == "POST /v1/oauth/token HTTP/1.1"
    assert asked.headers["Content-Type"] == "application/json"
    assert asked.json() == {
        "client_id": "c3133d76-a768-4f5a-XXX",
        "client_secret": "0ISL0DEC;UyYKB;riWRS0EXXX",
        "grant_type": "client_credentials",
        "scope": "enrichment",
        "integration_id": 42,
    }
    assert (grant.access_token, grant.project_id, grant.integration_id) == ("token-1", 162, 42)
    assert (grant.endpoint, grant.expires_at) == (script.url, 1000 + 3600)


def test_authenticating_always_asks_and_sending_uses_what_it_got(
    sandbox: Sandbox, api_for: ApiFactory, credentials: Credentials
) -> None:
    api = api_for(sandbox.url)
    assert api.authenticate(credentials).access_token != api.authenticate(credentials).access_token
    api.send(credentials, 1, [enrichment()])
    assert _paths(sandbox) == ["token", "token", "enrichments"]


@pytest.mark.parametrize(
    ("lifetime", "age", "tokens"),
    [
        (3600, 3539, 1),
        (3600, 3540, 2),
        (300, 269, 1),
        (300, 270, 2),
        (10, 8.9, 1),
        (10, 9, 2),
        (10**12, 86_000, 1),
        (10**12, 86_400, 2),
    ],
)
def test_a_token_is_kept_until_shortly_before_it_expires(
    script: Script,
    api_for: ApiFactory,
    credentials: Credentials,
    time: Time,
    lifetime: int,
    age: float,
    tokens: int,
) -> None:
    script.answers["/v1/oauth/token"] = [token_answer(script, expires_in=lifetime)]
    api = api_for(script.url)
    api.send(credentials, 1, [enrichment()])
    time.at += age
    api.send(credentials, 1, [enrichment()])
    assert len(script.to("/v1/oauth/token")) == tokens


def test_a_token_without_a_stated_life_lives_the_documented_hour(
    script: Script, api_for: ApiFactory, credentials: Credentials
) -> None:
    script.answers["/v1/oauth/token"] = [token_answer(script, expires_in=...)]
    assert api_for(script.url).authenticate(credentials).expires_at == 1000 + 3600


def test_two_installations_with_one_client_id_have_tokens_of_their_own(
    api_for: ApiFactory, credentials: Credentials
) -> None:
    second = SandboxInstallation(
        project_id=163,
        integration_id=43,
        client_id=credentials.client_id,
        client_secret=credentials.client_secret,
        schemas={1: PHONE_CALL_SCHEMA},
    )
    other = Credentials(
        project_id=163,
        integration_id=43,
        client_id=credentials.client_id,
        client_secret=credentials.client_secret,
    )
    with Sandbox([PHONE_CALL_INSTALLATION, second]) as sandbox:
        api = api_for(sandbox.url)
        for whose in (credentials, other, credentials, other):
            assert api.send(whose, 1, [enrichment()]).outcome is Outcome.ACCEPTED
        assert sorted(key.project_id for key in sandbox.held) == [162, 163]
        assert _paths(sandbox).count("token") == 2


@pytest.mark.parametrize("form", ["revoked", "expired"])
def test_a_refused_token_is_renewed_once_and_the_same_batch_sent_again(
    sandbox: Sandbox, api_for: ApiFactory, credentials: Credentials, time: Time, form: str
) -> None:
    api = api_for(sandbox.url)
    api.authenticate(credentials)
    sandbox.add(Fault(kind=form, count=1))
    got = api.send(credentials, 1, [enrichment()])
    assert (got.outcome, got.requests) == (Outcome.ACCEPTED, 2)
    assert _paths(sandbox) == ["token", "enrichments", "token", "enrichments"]
    sizes = [seen.size for seen in sandbox.requests if seen.path == "/v1/enrichments"]
    assert sizes[0] == sizes[1]
    assert time.slept == []


def test_a_token_that_dies_earlier_than_announced_is_only_a_detour(
    api_for: ApiFactory, credentials: Credentials
) -> None:
    clock = [datetime(2026, 3, 1, 12, tzinfo=UTC)]
    early = Fault(kind="expire_early", on="token", milliseconds=1000)
    with Sandbox([PHONE_CALL_INSTALLATION], now=lambda: clock[0], faults=[early]) as sandbox:
        api = api_for(sandbox.url)
        for number in range(1, 4):
            got = api.send(credentials, 1, [enrichment(number)])
            assert (got.outcome, got.requests) == (Outcome.ACCEPTED, 1 if number == 1 else 2)
            clock[0] += timedelta(seconds=2)
        assert len(sandbox.held) == 3


@pytest.mark.parametrize("form", ["revoked", "expired"])
def test_a_second_refusal_in_a_row_is_for_a_person(
    sandbox: Sandbox, api_for: ApiFactory, credentials: Credentials, form: str
) -> None:
    sandbox.add(Fault(kind=form))
    with pytest.raises(CredentialsRefusedError, match="project 162, integration 42") as raised:
        api_for(sandbox.url).send(credentials, 1, [enrichment()])
    assert "HTTP 401" in str(raised.value)
    assert _paths(sandbox) == ["token", "enrichments", "token", "enrichments"]


def test_revoked_credentials_are_said_at_once(
    sandbox: Sandbox, api_for: ApiFactory, credentials: Credentials, time: Time
) -> None:
    sandbox.add(Fault(kind="revoked", on="token"))
    with pytest.raises(CredentialsRefusedError, match="HTTP 401: client is revoked") as raised:
        api_for(sandbox.url).send(credentials, 1, [enrichment()])
    assert "collector installation edit" in str(raised.value)
    assert _paths(sandbox) == ["token"]
    assert time.slept == []


def test_credentials_revoked_while_a_token_was_kept_are_noticed_at_its_refusal(
    sandbox: Sandbox, api_for: ApiFactory, credentials: Credentials
) -> None:
    api = api_for(sandbox.url)
    api.send(credentials, 1, [enrichment()])
    sandbox.add(Fault(kind="revoked", on="token"), Fault(kind="revoked", on="enrichments"))
    for _ in range(2):
        with pytest.raises(CredentialsRefusedError, match="client is revoked"):
            api.send(credentials, 1, [enrichment()])
    assert _paths(sandbox) == ["token", "enrichments", "enrichments", "token", "token"]
