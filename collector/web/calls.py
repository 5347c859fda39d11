"""``POST /v1/calls``: call records as the definition describes them, from whoever has a token."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, jsonify, request

from collector.domain.installation import Installation
from collector.domain.tokens import CALLS, Token
from collector.errors import RequestRefusedError
from collector.storage import installations, tokens
from collector.storage.database import Database
from collector.web import bearers, bodies, limiting, receiving, state

blueprint = Blueprint("calls", __name__)
limiting.by_failures(blueprint, state.current)

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="collector"'}


@blueprint.post("/v1/calls")
def receive() -> Response:
    """Store call records: 200 with what became of them, 422 when none could be read."""
    shared = state.current()
    installation = _authorised(shared.database)
    bodies.require_media_type((bodies.JSON,))
    records = _records(bodies.parse(bodies.read(receiving.MAX_BODY_BYTES)))
    reader = receiving.reader(shared, receiving.definition(shared), None, installation)
    now = datetime.now(UTC)
    readings = reader.read_all(enumerate(records), now)
    told = receiving.take_in(shared, installation.project_id, reader.source, readings, now)
    response = jsonify(told)
    if records and len(readings.refusals) == len(records):
        response.status_code = 422
    return response


def _authorised(database: Database) -> Installation:
    """The installation that the request's bearer token may write to."""
    given = request.authorization
    sent = given.token if given is not None and given.type == "bearer" else None
    if not sent:
        raise RequestRefusedError(
            401, "token_missing", "Send the header Authorization: Bearer TOKEN.", _CHALLENGE
        )
    now = datetime.now(UTC)
    with database.read() as connection:
        token = tokens.find(connection, sent)
        if token is None or not bearers.is_for(token, CALLS, token.project_id, now):
            raise bearers.refusal(token, CALLS, None, _wrong(token))
        installation = installations.find(connection, token.project_id)
    if installation is None:
        raise receiving.no_installation(token.project_id)
    bearers.note(database, token, now)
    return installation


def _wrong(token: Token | None) -> dict[str, str]:
    """The challenge with its error, as RFC 6750 names them."""
    is_other = token is not None and token.scope != CALLS
    error = "insufficient_scope" if is_other else "invalid_token"
    return {"WWW-Authenticate": f'Bearer realm="collector", error="{error}"'}


def _records(body: object) -> list[Any]:
    records = receiving.limited(body)
    if not isinstance(body, dict | list):
        raise RequestRefusedError(
            400, "malformed_body", "The body is neither a call record nor an array of them."
        )
    return records
