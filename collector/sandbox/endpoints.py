"""The two endpoints, as their documents describe them.

Each is a plain function from a request's content to an `Answered`: faults and HTTP are around
it, in `exchange`. Bodies of errors are the documents' own, to the byte where they give any.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from collector.sandbox.records import SandboxInstallation
from collector.sandbox.schema import is_integer, refuse_batch_shape, refuse_enrichment
from collector.sandbox.state import State
from collector.sandbox.tokens import Refusal

UNAUTHORIZED = {"message": "Unauthorized"}
EXPIRED = {
    "success": False,
    "errorMessage": "Auth token is expired.",
    "errorCode": "JWT_EXPIRED",
}
MISMATCH = {"message": "enrichments don't match expected payload"}
BAD_VERSION = {"message": "bad integration version"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """An answer and, for the page, the reason.

    A body of ``None`` is an empty one; a status of ``None`` means that the connection is dropped.
    """

    status: int | None
    body: dict[str, Any] | None
    note: str
    enrichments: int | None = None
    retry_after: str | None = None


def parse(content: bytes) -> Any:
    """A body's JSON, or ``None`` for what is none: no endpoint takes ``null`` either."""
    try:
        return json.loads(content, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def give_token(state: State, base_url: str, content: bytes, early: timedelta | None) -> Answered:
    """Authentication, "Authentication endpoint"; ``early`` is when tokens really die."""
    document = parse(content)
    if reason := _refuse_token_request(document):
        return _refused(400, reason)
    known = _of_client(state.installations, document["client_id"], document["client_secret"])
    if not known:
        return _refused(401, "unknown client_id or wrong client_secret")
    for installation in known:
        if installation.integration_id == document["integration_id"]:
            return _token_answer(state, base_url, installation, early)
    return _refused(400, "integration_id is not one of this client's")


def _refuse_token_request(document: Any) -> str | None:
    if not isinstance(document, dict):
        return "the body must be a JSON object"
    for name in ("client_id", "client_secret", "grant_type", "scope"):
        if not isinstance(document.get(name), str):
            return f"{name} is required and must be a string"
    if not is_integer(document.get("integration_id")):
        return "integration_id is required and must be an integer"
    if document["grant_type"] != "client_credentials":
        return 'grant_type must be "client_credentials"'
    if document["scope"] != "enrichment":
        return 'scope must be "enrichment" and nothing else'
    return None


def _of_client(
    installations: Sequence[SandboxInstallation], client_id: str, client_secret: str
) -> list[SandboxInstallation]:
    return [
        one
        for one in installations
        if one.client_id == client_id
        and hmac.compare_digest(
            one.client_secret.encode("utf-8", "surrogatepass"),
            client_secret.encode("utf-8", "surrogatepass"),
        )
    ]


def _token_answer(
    state: State, base_url: str, installation: SandboxInstallation, early: timedelta | None
) -> Answered:
    body = {
        "access_token": state.tokens.give(installation, really=early),
        "token_type": "bearer",
        "expires_in": state.tokens.lifetime,
        "scope": "enrichment",
        "integration_id": installation.integration_id,
        "project_id": installation.project_id,
        "endpoint": base_url,
    }
    note = f"token for project {installation.project_id}"
    return Answered(status=200, body=body, note=note)


def take_enrichments(state: State, authorization: str, content: bytes) -> Answered:
    """Sending enrichment data batches. One bad enrichment refuses its whole batch."""
    installation = state.tokens.check(authorization)
    if installation is Refusal.EXPIRED:
        return Answered(status=401, body=EXPIRED, note="the token has expired")
    if isinstance(installation, Refusal):
        return Answered(status=401, body=UNAUTHORIZED, note="no valid token")
    document = parse(content)
    if reason := refuse_batch_shape(document, installation.project_id):
        return Answered(status=400, body=MISMATCH, note=reason)
    enrichments, version = document["enrichments"], document["integrationVersion"]
    schema = installation.schemas.get(version)
    if schema is None:
        note = f"version {version} is not registered"
        return Answered(status=400, body=BAD_VERSION, note=note, enrichments=len(enrichments))
    for position, enrichment in enumerate(enrichments, start=1):
        if reason := refuse_enrichment(enrichment, schema):
            note = f"enrichment {position}: {reason}"
            return Answered(status=400, body=MISMATCH, note=note, enrichments=len(enrichments))
    dropped = state.store(installation, version, enrichments)
    note = "accepted" if not dropped else f"accepted, {dropped} silently dropped"
    return Answered(status=200, body=None, note=note, enrichments=len(enrichments))


def _refused(status: int, message: str) -> Answered:
    return Answered(status=status, body={"message": message}, note=message)
