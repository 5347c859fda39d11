"""Speaking to the sandbox with nothing but the standard library, to the byte."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.sandbox_fixtures import PHONE_CALL_FIELDS, PHONE_CALL_INSTALLATION

TOKEN_REQUEST: Mapping[str, Any] = {
    "client_id": PHONE_CALL_INSTALLATION.client_id,
    "client_secret": PHONE_CALL_INSTALLATION.client_secret,
    "grant_type": "client_credentials",
    "scope": "enrichment",
    "integration_id": 42,
}


@dataclass(frozen=True, kw_only=True)
class Said:
    status: int
    body: bytes
    headers: Mapping[str, str]

    def json(self) -> Any:
        return json.loads(self.body)


def call(
    url: str, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
) -> Said:
    """One request on a connection of its own; a body that is not bytes is sent as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
    try:
        connection.request(method, path, content if body is not None else None, dict(headers or {}))
        with connection.getresponse() as response:
            return Said(
                status=response.status, body=response.read(), headers=dict(response.getheaders())
            )
    finally:
        connection.close()


def token_for(url: str, request: Mapping[str, Any] = TOKEN_REQUEST) -> str:
    said = call(url, "POST", "/v1/oauth/token", request)
    assert said.status == 200, said
    return str(said.json()["access_token"])


def send(url: str, token: str, batch: object) -> Said:
    return call(url, "POST", "/v1/enrichments", batch, {"Authorization": f"Bearer {token}"})


def one(**changes: Any) -> dict[str, Any]:
    """A correct enrichment, with changes; a value of ``...`` takes the key out."""
    document = {
        "userId": "aaa-aaa-aaa",
        "sessionNumber": 5,
        "enrichmentNumber": 1,
        "enrichment": dict(PHONE_CALL_FIELDS),
    } | changes
    return {name: value for name, value in document.items() if value is not ...}


def fields(**changes: Any) -> dict[str, Any]:
    """Correct fields, with changes; a value of ``...`` takes the field out."""
    document = dict(PHONE_CALL_FIELDS) | changes
    return {name: value for name, value in document.items() if value is not ...}


def batch(*enrichments: object, **changes: Any) -> dict[str, Any]:
    """A correct batch, with changes; a value of ``...`` takes the key out."""
    document = {
        "integrationVersion": 1,
        "projectId": 162,
        "enrichments": list(enrichments) or [one()],
    } | changes
    return {name: value for name, value in document.items() if value is not ...}
