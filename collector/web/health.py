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
    """Beacons can be stored: the database answers and is at this version's revision."""
    try:
        revisions.require_newest(state.current().database)
    except NotMigratedError as error:
        raise RequestRefusedError(
            503,
            "not_migrated",
            "The database is not at this version's revision.",
            {"Retry-After": str(RETRY_AFTER_SECONDS)},
        ) from error
    return jsonify({"status": "ok"})
