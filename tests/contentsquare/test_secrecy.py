"""No secret and no token where people, logs or other servers could see them."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path

import pytest

from collector.contentsquare import Credentials, Outcome
from collector.errors import CollectorError, ContentsquareError
from collector.sandbox import Fault, Sandbox
from tests.contentsquare.batches import enrichment
from tests.contentsquare.conftest import ApiFactory
from tests.contentsquare.scripted import Script, answer, token_answer


def test_neither_credentials_nor_a_grant_show_their_secret(
    sandbox: Sandbox, api_for: ApiFactory, credentials: Credentials
) -> None:
    grant = api_for(sandbox.url).authenticate(credentials)
    for shown in (repr(credentials), str(credentials), repr(grant), str(grant)):
        assert credentials.client_secret not in shown
        assert grant.access_token not in shown
    assert "162" in repr(grant)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind="revoked", on="token"),
        Fault(kind="server_error", on="token"),
        Fault(kind="drop_before", on="token"),
        Fault(kind="revoked"),
        Fault(kind="expired"),
        Fault(kind="server_error"),
        Fault(kind="drop_after"),
        Fault(kind="server_error", status=403),
    ],
    ids=lambda fault: f"{fault.kind} on {fault.on}",
)
def test_whatever_goes_wrong_nothing_is_said_or_logged(
    sandbox: Sandbox,
    api_for: ApiFactory,
    credentials: Credentials,
    caplog: pytest.LogCaptureFixture,
    fault: Fault,
) -> None:
    caplog.set_level(logging.DEBUG)
    api = api_for(sandbox.url)
    token = api.authenticate(credentials).access_token
    sandbox.add(fault)
    try:
        shown = repr(api.send(credentials, 1, [enrichment()]))
        shown += repr(api.authenticate(credentials))
    except CollectorError as error:
        shown = "".join(traceback.format_exception(error)) + repr(error)
    for text in (shown, caplog.text):
        assert credentials.client_secret not in text
        assert token not in text


def test_a_token_that_is_echoed_is_blotted_out(
    script: Script, api_for: ApiFactory, credentials: Credentials
) -> None:
    script.answers["/v1/enrichments"] = [answer(403, b"bad header: Bearer token-1")]
    with pytest.raises(ContentsquareError, match=r"bad header: Bearer \*\*\*"):
        api_for(script.url).send(credentials, 1, [enrichment()])
    script.answers["/v1/enrichments"] = [answer(400, {"message": "token-1"})]
    assert api_for(script.url).send(credentials, 1, [enrichment()]).message == "HTTP 400: ***"


def test_a_netrc_of_the_machine_does_not_replace_the_token(
    script: Script,
    api_for: ApiFactory,
    credentials: Credentials,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password something\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    api_for(script.url).send(credentials, 1, [enrichment()])
    asked_token, asked_enrichments = script.asked
    assert "Authorization" not in asked_token.headers
    assert asked_enrichments.headers["Authorization"] == "Bearer token-1"


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_plain_http_on_this_machine_goes_through_no_proxy(
    script: Script,
    sandbox: Sandbox,
    api_for: ApiFactory,
    credentials: Credentials,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, script.url)
    got = api_for(sandbox.url).send(credentials, 1, [enrichment()])
    assert got.outcome is Outcome.ACCEPTED
    assert script.asked == []


def test_https_goes_through_the_environments_proxy_which_sees_no_token(
    script: Script,
    api_for: ApiFactory,
    credentials: Credentials,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", script.url)
    script.answers["/v1/oauth/token"] = [
        token_answer(script, endpoint="https://enrichments.example.com")
    ]
    got = api_for(script.url, attempts=1).send(credentials, 1, [enrichment()])
    assert (got.outcome, got.status) == (Outcome.LATER, None)
    proxied = script.asked[-1]
    assert proxied.line.startswith("CONNECT enrichments.example.com:443 ")
    assert "Authorization" not in proxied.headers
