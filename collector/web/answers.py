"""The one form of every answer that is not a success, and the headers of all answers."""

from __future__ import annotations

from collections.abc import Mapping

import structlog
from flask import Flask, Response, g, jsonify, request
from werkzeug.exceptions import HTTPException

from collector.errors import (
    DatabaseUnavailableError,
    NotMigratedError,
    RequestRefusedError,
)

#: Carries the error's code, for those who look at headers only (a browser's network panel).
CODE_HEADER = "X-Collector-Error"

#: Carries what was left out of a beacon that was stored.
IGNORED_HEADER = "X-Collector-Ignored"

#: What every answer carries that does not say otherwise.
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

#: Seconds after which a client may try again when the database does not answer.
RETRY_AFTER_SECONDS = 5

#: What is said of a request that no address here is for, by code; other codes of HTTP speak for
#: themselves.
NOT_FOR_HERE = {
    "not_found": "There is nothing at this address. Those that there are stand in docs/http.md.",
    "method_not_allowed": "This address is not asked by this method; the header Allow names those "
    "that it is.",
}

_log = structlog.get_logger(__name__)


def install(app: Flask) -> None:
    """Register the error handlers and the headers that every answer carries."""
    app.register_error_handler(RequestRefusedError, _refused)
    app.register_error_handler(DatabaseUnavailableError, _unavailable)
    app.register_error_handler(NotMigratedError, _unavailable)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)
    app.after_request(_headers)


def failure(
    status: int, code: str, message: str, headers: Mapping[str, str] | None = None
) -> Response:
    """An error as JSON: ``{"error": {"code": …, "message": …}}``, with the code in a header."""
    g.failure = (code, message)
    response = jsonify({"error": {"code": code, "message": message}})
    response.status_code = status
    response.headers[CODE_HEADER] = code
    response.headers.update(dict(headers or {}))
    return response


def failed() -> tuple[str, str] | None:
    """The code and message with which this request failed, once that is known."""
    found: tuple[str, str] | None = g.get("failure")
    return found


def _refused(error: RequestRefusedError) -> Response:
    _log.debug("refused", endpoint=request.endpoint, code=error.code)
    return failure(error.status, error.code, str(error), error.headers)


def _unavailable(error: DatabaseUnavailableError | NotMigratedError) -> Response:
    # The error names the database; that is for the operator, not for whoever asks.
    _log.error("database_unavailable", endpoint=request.endpoint, error=str(error))
    return failure(
        503,
        "database_unavailable",
        "Nothing can be stored at the moment. Send it again later.",
        {"Retry-After": str(RETRY_AFTER_SECONDS)},
    )


def _http(error: HTTPException) -> Response:
    kept = {name: value for name, value in error.get_headers() if name == "Allow"}
    code = error.name.lower().replace(" ", "_")
    message = NOT_FOR_HERE.get(code) or error.description or error.name
    return failure(error.code or 500, code, message, kept)


def _unexpected(error: Exception) -> Response:
    _log.error("internal_error", endpoint=request.endpoint, exc_info=error)
    return failure(500, "internal_error", "Something went wrong here; it has been logged.")


def _headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response
