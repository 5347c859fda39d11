"""Answers of the token endpoint that are no token: what is said about them, and what never is."""

from __future__ import annotations

import pytest

from collector.contentsquare import Credentials, Outcome
from collector.errors import (
    ContentsquareError,
    CredentialsRefusedError,
    SettingError,
    UnavailableError,
)
from collector.sandbox import Sandbox
from tests.contentsquare.batches import enrichment
from tests.contentsquare.conftest import ApiFactory
from tests.contentsquare.scripted import Script, answer, token_answer


@pytest.mark.parametrize("status", [400, 401, 403])
def test_the_token_endpoints_own_words_are_passed_on_but_never_the_secret(
    script: Script, api_for: ApiFactory, credentials: Credentials, status: int
) -> None:
    said = f"no: {credentials.client_secret} is wrong " + "x" * 500
    script.answers["/v1/oauth/token"] = [answer(status, {"error_description": said})]
    with pytest.raises(CredentialsRefusedError, match=rf"HTTP {status}: no: \*\*\* is wrong xxx"):
        api_for(script.url).authenticate(credentials)


@pytest.mark.parametrize("form", ["json", "cut", "plain"])
def test_a_secret_is_hidden_in_whatever_form_it_is_echoed(
    script: Script, api_for: ApiFactory, form: str
) -> None:
    secret = 'q"u\\zé' + "s" * 30
    credentials = Credentials(
        project_id=162, integration_id=42, client_id="c", client_secret=secret
    )
    echoed = {
        "json": answer(403, {"received": secret}),
        "cut": answer(403, b"y" * 180 + secret.encode()),
        "plain": answer(403, secret.encode()),
    }[form]
    script.answers["/v1/oauth/token"] = [echoed]
    with pytest.raises(CredentialsRefusedError) as raised:
        api_for(script.url).authenticate(credentials)
    for part in ('q"u', "\\z", "zé"):
        assert part not in str(raised.value)
    assert "sss" not in str(raised.value)


@pytest.mark.parametrize("status", [404, 405, 410])
def test_an_address_that_is_no_token_endpoint_names_its_setting(
    script: Script, api_for: ApiFactory, credentials: Credentials, status: int
) -> None:
    script.answers["/v1/oauth/token"] = [answer(status, b"<html>nothing here</html>")]
    with pytest.raises(ContentsquareError, match="check COLLECTOR_AUTH_URL") as raised:
        api_for(script.url).authenticate(credentials)
    assert not isinstance(raised.value, CredentialsRefusedError | UnavailableError)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"access_token": ...}, "access_token"),
        ({"access_token": ""}, "access_token"),
        ({"access_token": 7}, "access_token"),
        ({"access_token": "a\r\nX-Evil: 1"}, "access_token"),
        ({"access_token": "ünprintable"}, "access_token"),
        ({"endpoint": ...}, "names no endpoint"),
        ({"endpoint": ""}, "names no endpoint"),
        ({"endpoint": ["https://api.example.com"]}, "names no endpoint"),
        ({"endpoint": "http://api.example.com"}, "http://api.example.com.*only sent over https"),
        ({"endpoint": "http://127.0.0.1.example.com"}, "only sent over https"),
        ({"endpoint": "http://localhost.example.com"}, "only sent over https"),
        ({"endpoint": "http://127.0.0.1@api.example.com"}, "only sent over https"),
        ({"endpoint": "http://127.0.0.1\\@api.example.com"}, "only sent over https"),
        ({"endpoint": "http://169.254.169.254"}, "only sent over https"),
        ({"endpoint": "https://user:password@api.example.com"}, "only sent over https"),
        ({"endpoint": "https://api.example.com?to="}, "only sent over https"),
        ({"endpoint": "https://api.example.com\n"}, "only sent over https"),
        ({"endpoint": "ftp://api.example.com"}, "only sent over https"),
        ({"endpoint": "api.example.com"}, "only sent over https"),
        ({"endpoint": "//api.example.com"}, "only sent over https"),
        ({"expires_in": 0}, "expires_in"),
        ({"expires_in": -1}, "expires_in"),
        ({"expires_in": "3600"}, "expires_in"),
        ({"expires_in": True}, "expires_in"),
        ({"expires_in": None}, "expires_in"),
        ({"expires_in": float("nan")}, "expires_in"),
        ({"project_id": 163}, "project id 163, but the installation says project id 162"),
        ({"project_id": ...}, "project id None, but the installation says project id 162"),
        ({"project_id": True}, "project id True"),
        ({"integration_id": 43}, "integration id 43, but the installation says integration id 42"),
    ],
)
def test_a_token_answer_that_cannot_be_used_says_why_and_nothing_is_sent(
    script: Script,
    api_for: ApiFactory,
    credentials: Credentials,
    changes: dict[str, object],
    said: str,
) -> None:
    script.answers["/v1/oauth/token"] = [token_answer(script, **changes)]
    with pytest.raises(ContentsquareError, match=said) as raised:
        api_for(script.url).send(credentials, 1, [enrichment()])
    assert not isinstance(raised.value, CredentialsRefusedError | UnavailableError)
    assert str(raised.value).startswith("project 162, integration 42: ")
    assert "token-1" not in str(raised.value)
    assert script.to("/v1/enrichments") == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Sign in to the network</html>",
        b"[]",
        b"null",
        b'"token-1"',
        b'{"access_token": "token-1"',
        b"[" * 60_000,
        b'{"access_token": "' + b"x" * 10_000_000,
        b"\xff\xfe",
    ],
    ids=lambda body: repr(body[:30]),
)
def test_a_token_answer_that_is_no_json_object_is_not_quoted(
    script: Script, api_for: ApiFactory, credentials: Credentials, body: bytes
) -> None:
    script.answers["/v1/oauth/token"] = [answer(200, body)]
    with pytest.raises(ContentsquareError, match="is not a JSON object") as raised:
        api_for(script.url).authenticate(credentials)
    assert "token-1" not in str(raised.value)
    assert len(str(raised.value)) < 300


def test_the_sandboxs_other_project_is_noticed_before_anything_is_sent(
    sandbox: Sandbox, api_for: ApiFactory, credentials: Credentials
) -> None:
    mistaken = Credentials(
        project_id=999,
        integration_id=42,
        client_id=credentials.client_id,
        client_secret=credentials.client_secret,
    )
    with pytest.raises(ContentsquareError, match=r"project id 162.*project id 999"):
        api_for(sandbox.url).send(mistaken, 1, [enrichment()])
    assert [seen.path for seen in sandbox.requests] == ["/v1/oauth/token"]


@pytest.mark.parametrize("suffix", ["/", "///", "/tenant/7", "/tenant/7/"])
def test_the_base_url_is_the_answers_endpoint(
    script: Script, api_for: ApiFactory, credentials: Credentials, suffix: str
) -> None:
    script.answers["/v1/oauth/token"] = [token_answer(script, endpoint=script.url + suffix)]
    path = suffix.rstrip("/") + "/v1/enrichments"
    script.answers[path] = [answer(200)]
    assert api_for(script.url).send(credentials, 1, [enrichment()]).outcome is Outcome.ACCEPTED
    assert script.asked[-1].path == path


@pytest.mark.parametrize(
    "url",
    ["", "api.contentsquare.com", "http://api.contentsquare.com/v1/oauth/token", "file:///etc"],
)
def test_a_secret_is_not_sent_in_the_clear(url: str, api_for: ApiFactory) -> None:
    with pytest.raises(SettingError, match="COLLECTOR_AUTH_URL"):
        api_for(url)
