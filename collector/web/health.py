"""``GET /healthz`` and ``GET /readyz``: for what restarts the process, and what sends traffic."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from collector.errors import NotMigratedError, RequestRefusedError
from collector.storage import revisions
from collector.web import state
from collector.web.answers import RETRY_AFTER_SECONDS

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """The process lives. It asks no database: restarting would not mend one."""
    return jsonify({"status": "ok"})


@blueprint.get("/readyz")
def readyz() -> Response:
    """Beacons can be stored: the database answers and has a schema for this version."""
    try:
        revisions.require_usable(state.current().database)
    except NotMigratedError as error:
        raise RequestRefusedError(
            503,
            "not_migrated",
            "The database has no schema that this version can work with.",
            {"Retry-After": str(RETRY_AFTER_SECONDS)},
        ) from error
    return jsonify({"status": "ok"})
