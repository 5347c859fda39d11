"""``POST /v1/calls``: call platforms hand in call records as they happen.

Good records are stored in one transaction; bad ones are told one by one and never stop the
good ones. Sending the same records again changes nothing, so a sender may always repeat.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import structlog
from flask import Blueprint, Response, jsonify, request

from collector.domain.definition import Definition
from collector.domain.installation import Installation
from collector.domain.reading import CallReader, Refusal
from collector.errors import DefinitionError, RequestRefusedError
from collector.storage import installations, intake, tokens
from collector.storage.calls import Stored
from collector.storage.database import Database
from collector.web import bodies, state

blueprint = Blueprint("calls", __name__)

MAX_BODY_BYTES = 4 * 1024 * 1024
MAX_RECORDS = 1000

#: What a token must have been created for (``collector token create --scope calls``).
SCOPE = "calls"

_log = structlog.get_logger(__name__)


@blueprint.post("/v1/calls")
def receive() -> Response:
    """Store call records: 200 with what became of them, 422 when none could be read."""
    shared = state.current()
    installation = _authorised(shared.database)
    bodies.require_media_type(("application/json",))
    records = _records(bodies.parse(bodies.read(MAX_BODY_BYTES)))
    definition = _definition(shared)
    now = datetime.now(UTC)
    reader = CallReader.of(
        definition, None, region=installation.region, caller_hash=shared.caller_hash
    )
    readings = reader.read_all(enumerate(records), now)
    outcomes: Counter[Stored] = Counter()
    if readings.calls or readings.refusals:
        with shared.database.write() as connection:
            outcomes.update(
                intake.take_in(
                    connection,
                    installation.project_id,
                    readings,
                    source=reader.source,
                    origin=request.path,
                    now=now,
                    secrets=shared.secrets,
                )
            )
    counts = {outcome.value: outcomes[outcome] for outcome in Stored}
    counts["passed_over"] = readings.passed_over
    refused = [_told(refusal) for refusal in readings.refusals]
    _log.info("calls_received", project_id=installation.project_id, **counts, refused=len(refused))
    response = jsonify({**counts, "refused": refused})
    if refused and len(refused) == len(records):
        response.status_code = 422
    return response


def _told(refusal: Refusal) -> dict[str, Any]:
    """A refusal as its sender is told of it; ``index`` counts from 0."""
    return {
        "index": refusal.number,
        "call_id": refusal.call_id,
        "code": refusal.code,
        "message": refusal.message,
    }


def _authorised(database: Database) -> Installation:
    """The installation that the request's bearer token may write to."""
    given = request.authorization
    token = given.token if given is not None and given.type == "bearer" else None
    if not token:
        raise RequestRefusedError(
            401,
            "token_missing",
            "Send the header Authorization: Bearer TOKEN.",
            {"WWW-Authenticate": 'Bearer realm="collector"'},
        )
    with database.read() as connection:
        project_id = tokens.project_of(connection, token, SCOPE)
        if project_id is None:
            raise RequestRefusedError(
                401,
                "token_invalid",
                "This token is unknown, revoked, or not for calls.",
                {"WWW-Authenticate": 'Bearer realm="collector", error="invalid_token"'},
            )
        installation = installations.find(connection, project_id)
    if installation is None:
        raise RequestRefusedError(
            404, "unknown_project", f"Project {project_id} has no installation here."
        )
    return installation


def _records(body: object) -> list[Any]:
    records = body if isinstance(body, list) else [body]
    if len(records) > MAX_RECORDS:
        raise RequestRefusedError(
            413,
            "too_many_records",
            f"The array has {len(records)} records; send at most {MAX_RECORDS} at a time.",
        )
    if not isinstance(body, dict | list):
        raise RequestRefusedError(
            400, "malformed_body", "The body is neither a call record nor an array of them."
        )
    return records


def _definition(shared: state.State) -> Definition:
    try:
        return shared.definition()
    except DefinitionError as error:
        # What is wrong with the file is for the operator, not for the call platform.
        _log.error("definition_unavailable", error=str(error))
        raise RequestRefusedError(
            503,
            "definition_unavailable",
            "Calls cannot be read at the moment. Send them again later.",
            {"Retry-After": "60"},
        ) from error
