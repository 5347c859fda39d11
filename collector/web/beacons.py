"""``POST /v1/sessions``: the path that every page view of every customer takes.

It reads from top to bottom, and each guard tells the page's developer why it said no. Nothing
but the beacon's own fields is kept: no IP address, no user agent, no address of the page.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, request
from marshmallow import ValidationError

from collector.domain.beacon import Beacon
from collector.domain.identifiers import MAX_KEYS, SessionId, normalise_key
from collector.domain.installation import Installation, normalise_origin
from collector.errors import RequestRefusedError
from collector.storage import installations, sessions
from collector.web import bodies, state
from collector.web.answers import CODE_HEADER
from collector.web.schemas import BeaconSchema, first_problem

blueprint = Blueprint("beacons", __name__)

PATH = "/v1/sessions"

MAX_BODY_BYTES = 8 * 1024

#: A page may send text/plain without a CORS preflight, which is why the snippet does.
MEDIA_TYPES = ("text/plain", "application/json")

PREFLIGHT_SECONDS = 86400

_schema = BeaconSchema()


@blueprint.post(PATH, provide_automatic_options=False)
def record() -> Response:
    """Store a beacon, or say why not. 204 says that it is on disk."""
    bodies.require_media_type(MEDIA_TYPES)
    told = _checked(bodies.parse(bodies.read(MAX_BODY_BYTES)))
    database = state.current().database
    with database.read() as connection:
        installation = installations.find(connection, told["project_id"])
    if installation is None:
        raise RequestRefusedError(
            404, "unknown_project", f"Project {told['project_id']} has no installation here."
        )
    _require_allowed_origin(request.headers.get("Origin"), installation)
    # A paused installation is stored like any other: pausing is about sending.
    sessions.record(database, _beacon(told, installation), datetime.now(UTC))
    return Response(status=204)


@blueprint.route(PATH, methods=["OPTIONS"], provide_automatic_options=False)
def preflight() -> Response:
    """What a browser asks before it sends JSON; the origin itself is judged with the beacon."""
    return Response(
        status=204,
        headers={
            "Allow": "POST, OPTIONS",
            "Access-Control-Allow-Methods": "POST",
            "Access-Control-Allow-Headers": "Content-Type",
            "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
        },
    )


@blueprint.after_app_request
def let_the_page_read(response: Response) -> Response:
    """Without CORS headers on errors too, a page's developer would see a failure and no reason.

    The answers hold nothing that another origin must not know, and no cookie is ever used.
    """
    if request.path == PATH or request.path.startswith(f"{PATH}/"):
        response.vary.add("Origin")
        origin = request.headers.get("Origin", "")
        if origin and origin.isascii() and origin.isprintable():
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = f"{CODE_HEADER}, Retry-After"
    return response


def _checked(body: object) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise RequestRefusedError(400, "malformed_body", "The body is not a JSON object.")
    keys = body.get("keys")
    if isinstance(keys, dict) and len(keys) > MAX_KEYS:
        raise RequestRefusedError(
            400, "too_many_keys", f"keys has {len(keys)} entries; at most {MAX_KEYS} are stored."
        )
    try:
        told: dict[str, Any] = _schema.load(body)
    except ValidationError as error:
        raise RequestRefusedError(400, "invalid_beacon", f"{first_problem(error)}.") from error
    return told


def _require_allowed_origin(origin: str | None, installation: Installation) -> None:
    # Browsers always name the origin of such a request: without one it comes from a server.
    if origin is None:
        return
    try:
        allowed = normalise_origin(origin) in installation.origins
    except ValueError:
        allowed = False  # such as "null", which says that the page has no origin of its own
    if not allowed:
        raise RequestRefusedError(
            403,
            "origin_not_allowed",
            f"This page's origin is not among those of project {installation.project_id}. "
            "Whoever runs the collector can add it to the installation.",
        )


def _beacon(told: dict[str, Any], installation: Installation) -> Beacon:
    return Beacon(
        project_id=installation.project_id,
        session=SessionId(user_id=told["user_id"], session_number=told["session_number"]),
        keys={
            kind: normalise_key(kind, value, installation.region)
            for kind, value in told["keys"].items()
        },
    )
