"""The document of the HTTP interface is valid, whole, and true of the server that serves it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from werkzeug.test import TestResponse

from collector.web.answers import NOT_FOR_HERE
from collector.web.openapi import refusals
from tests.web.conftest import BEACON, Open, before_sql
from tests.web.hooking import DEFINITION, FORM, bearer

ROOT = Path(__file__).parents[2]

pytestmark = before_sql

#: Blueprints that the document leaves out, each with the reason.
LEFT_OUT = {
    "overview": "a page for people behind a login, no interface for programs",
    "call_list": "the same",
    "call_page": "the same",
    "session_page": "the same",
    "installation_page": "the same",
    "login": "the same",
    "assets": "what those load",
    "metrics": "Prometheus's own form, for the operator alone",
}

#: Addresses that serve a part of a page.
PARTS_OF_PAGES = {"/docs/api.css"}

#: One address takes all methods so that it can say which of them a preset has.
OF_PRESETS = "/v1/calls/{preset}/{project}"


@pytest.fixture
def document(client: FlaskClient) -> dict[str, Any]:
    response = client.get("/openapi.json")
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    found: dict[str, Any] = response.get_json()
    return found


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method, path): told
        for path, methods in document["paths"].items()
        for method, told in methods.items()
    }


def require_conformity(document: dict[str, Any], value: object, schema: dict[str, Any]) -> None:
    Draft202012Validator({**schema, "components": document["components"]}).validate(value)


def test_the_document_is_valid_openapi(document: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(document).validate()
    assert document["servers"] == [{"url": "/"}]


def test_the_document_names_the_address_under_which_the_server_is_known(
    open_app: Open, database_url: str
) -> None:
    app = open_app(database_url, public_url="https://collector.example.com")
    told = app.test_client().get("/openapi.json").get_json()
    assert told["servers"] == [{"url": "https://collector.example.com"}]


def test_a_document_that_was_seen_is_not_sent_again(client: FlaskClient) -> None:
    etag = client.get("/openapi.json").headers["ETag"]
    again = client.get("/openapi.json", headers={"If-None-Match": etag})
    assert (again.status_code, again.data) == (304, b"")


def test_every_public_route_is_in_the_document_and_no_other(
    app: Flask, document: dict[str, Any]
) -> None:
    routes: set[tuple[str, str]] = set()
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule).replace("project_id", "project")
        if rule.endpoint.partition(".")[0] in LEFT_OUT or path in PARTS_OF_PAGES:
            continue
        asked = (rule.methods or set()) - {"HEAD"}
        if getattr(rule, "provide_automatic_options", False):
            asked -= {"OPTIONS"}
        if path == OF_PRESETS:
            asked = {"GET", "POST"}
        routes |= {(method.lower(), path) for method in asked}
    assert routes == operations(document).keys()


def documented() -> set[tuple[str, str, str]]:
    """Heading, status and code of each row of the tables of docs/http.md."""
    text = (ROOT / "docs" / "http.md").read_text(encoding="utf-8")
    found: set[tuple[str, str, str]] = set()
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        heading = section.partition("\n")[0]
        for status, codes in re.findall(r"^\| (\d{3}) \| (`.*?`) \|", section, re.MULTILINE):
            found |= {(heading, status, code) for code in re.findall(r"`([a-z_]+)`", codes)}
    return found


@pytest.mark.usefixtures("dialect")
@pytest.mark.parametrize(
    ("heading", "told"),
    [
        ("`POST /v1/sessions`: a session was seen", refusals.SESSIONS),
        ("`POST /v1/calls`: call records", refusals.CALLS),
        ("`POST /v1/calls/PRESET/PROJECT`: webhooks of call platforms", refusals.WEBHOOKS),
    ],
)
def test_the_page_of_the_http_interface_and_the_document_list_the_same_refusals(
    heading: str, told: refusals.Refusals
) -> None:
    here = {(heading, str(status), code) for status, codes in told.items() for code in codes}
    assert {row for row in documented() if row[0] == heading} == here


@pytest.mark.usefixtures("dialect")
def test_every_code_of_the_document_is_one_that_the_server_has() -> None:
    web = "".join(path.read_text() for path in (ROOT / "collector" / "web").glob("*.py"))
    codes = set(re.findall(r'(?:RequestRefusedError|failure)\(\s*\d{3},\s*"([a-z_]+)"', web))
    assert set(refusals.codes()) <= codes | set(NOT_FOR_HERE)


def test_the_examples_are_valid_by_the_schemas_that_they_stand_beside(
    document: dict[str, Any],
) -> None:
    tried = 0
    for told in operations(document).values():
        bodies = [told.get("requestBody", {}), *told["responses"].values()]
        for content in [one for body in bodies for one in body.get("content", {}).values()]:
            for example in content.get("examples", {}).values():
                require_conformity(document, example["value"], content["schema"])
                tried += 1
    assert tried > 8


@pytest.mark.parametrize(
    "wrong",
    [
        {"projectId": 162, "userId": "u"},
        {"projectId": 0, "userId": "u", "sessionNumber": 4},
        {"projectId": 162, "userId": "a b", "sessionNumber": 4},
        {"projectId": "0", "userId": "u", "sessionNumber": 4},
        {"projectId": 162, "sessionKey": "no-number"},
        {"projectId": 162, "sessionKey": "u.0"},
    ],
)
def test_what_the_server_refuses_is_invalid_by_the_document_too(
    client: FlaskClient, document: dict[str, Any], wrong: dict[str, Any]
) -> None:
    body = operations(document)["post", "/v1/sessions"]["requestBody"]["content"]
    schema = {**body["text/plain"]["schema"], "components": document["components"]}
    assert not Draft202012Validator(schema).is_valid(wrong)
    assert client.post("/v1/sessions", json=wrong).status_code == 400


def test_the_server_takes_what_the_examples_say_and_answers_as_the_document_says(
    open_app: Open, database_url: str, token: str, client: FlaskClient, document: dict[str, Any]
) -> None:
    platforms = open_app(database_url, integration=str(DEFINITION)).test_client()
    for (method, path), told in operations(document).items():
        for media_type, content in told.get("requestBody", {}).get("content", {}).items():
            for name, example in content["examples"].items():
                response = (platforms if path == OF_PRESETS else client).open(
                    path.format(preset=name, project=162),
                    method=method,
                    headers=bearer(token) if told["security"] else {},
                    content_type=media_type,
                    **_sent(media_type, example["value"]),
                )
                assert response.status_code in {200, 204}, response.get_data(as_text=True)
                require_told(document, told, response)
                assert response.status_code == 204 or response.get_json()["refused"] == []
                assert "X-Collector-Ignored" not in response.headers


def _sent(media_type: str, value: Any) -> dict[str, Any]:
    return {"data": value if media_type == FORM else json.dumps(value)}


def require_told(document: dict[str, Any], told: dict[str, Any], response: TestResponse) -> None:
    """The answer is one of those that the operation has, and its body fits the schema."""
    answer = told["responses"][str(response.status_code)]
    content = answer.get("content", {})
    if not content:
        assert response.data == b""
        return
    if schema := content[response.mimetype].get("schema"):
        value = response.get_json() if response.is_json else response.get_data(as_text=True)
        require_conformity(document, value, schema)
    for name in {"X-Collector-Error", "Retry-After", "WWW-Authenticate"} & set(
        answer.get("headers", ())
    ):
        assert name in response.headers


@pytest.mark.parametrize(
    ("method", "path", "address", "options", "status"),
    [
        ("post", "/v1/sessions", "/v1/sessions", {"data": "{"}, 415),
        ("post", "/v1/sessions", "/v1/sessions", {"json": []}, 400),
        ("post", "/v1/sessions", "/v1/sessions", {"json": {**BEACON, "projectId": 1}}, 404),
        ("options", "/v1/sessions", "/v1/sessions", {}, 204),
        ("get", "/v1/sessions", "/v1/sessions", {}, 200),
        ("post", "/v1/calls", "/v1/calls", {"json": {}}, 401),
        ("post", OF_PRESETS, "/v1/calls/twilio/162", {"json": {}}, 401),
        ("post", OF_PRESETS, "/v1/calls/none/162", {"json": {}}, 404),
        ("get", OF_PRESETS, "/v1/calls/twilio/162", {}, 405),
        ("get", "/v1/snippet.js", "/v1/snippet.js", {}, 200),
        ("get", "/v1/snippet.{build}.js", "/v1/snippet.0123456789abcdef.js", {}, 404),
        ("get", "/healthz", "/healthz", {}, 200),
        ("get", "/readyz", "/readyz", {}, 200),
        ("get", "/openapi.json", "/openapi.json", {}, 200),
        ("get", "/docs/api", "/docs/api", {}, 200),
    ],
)
def test_real_answers_are_as_the_document_says(
    client: FlaskClient,
    document: dict[str, Any],
    method: str,
    path: str,
    address: str,
    options: dict[str, Any],
    status: int,
) -> None:
    response = client.open(address, method=method.upper(), **options)
    assert response.status_code == status
    require_told(document, operations(document)[method, path], response)


def test_a_batch_of_which_every_record_was_refused_is_answered_as_the_document_says(
    client: FlaskClient, document: dict[str, Any], token: str
) -> None:
    response = client.post("/v1/calls", json=[{}], headers=bearer(token))
    assert response.status_code == 422
    require_told(document, operations(document)["post", "/v1/calls"], response)


def test_the_page_shows_every_operation_and_code_without_a_script(
    client: FlaskClient, document: dict[str, Any]
) -> None:
    response = client.get("/docs/api")
    page = response.get_data(as_text=True)
    for method, path in operations(document):
        assert f"<code>{method.upper()} {path}</code>" in page
    for told in (refusals.SESSIONS, refusals.CALLS, refusals.WEBHOOKS, refusals.READY):
        for codes in told.values():
            assert all(f"<code>{code}</code>" in page for code in codes)
    assert "<script" not in page
    assert " style=" not in page
    policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'self';")


def test_the_pages_style_sheet_is_served(client: FlaskClient) -> None:
    page = client.get("/docs/api").get_data(as_text=True)
    (sheet,) = re.findall(r'<link rel="stylesheet" href="([^"]+)">', page)
    response = client.get(sheet)
    assert (response.status_code, response.mimetype) == (200, "text/css")
    assert b"prefers-color-scheme: dark" in response.data
    response.close()
