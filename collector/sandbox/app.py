"""The sandbox's HTTP interface: the two endpoints, the means to steer it, and its page."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from flask import Flask, Response, render_template, request
from werkzeug.exceptions import HTTPException

from collector.errors import UsageError
from collector.sandbox.endpoints import Answered, parse
from collector.sandbox.exchange import Exchange
from collector.sandbox.faults import Fault
from collector.sandbox.page import page_context, state_document
from collector.sandbox.records import SessionKey
from collector.sandbox.schema import is_integer
from collector.sandbox.state import State

#: In the WSGI environment: call it to drop the connection instead of answering.
HANG_UP = "sandbox.hang_up"
#: In the WSGI environment: the number of the TCP connection.
CONNECTION = "sandbox.connection"

#: The page shows what clients sent: nothing of it may run or load.
_SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none';"
        " form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def create_app(state: State, exchange: Exchange) -> Flask:
    """The WSGI application around one state."""
    app = Flask(__name__, static_url_path="/sandbox/static")
    # Fields are shown as they were sent, not as escapes.
    app.jinja_env.policies["json.dumps_kwargs"] = {"ensure_ascii": False}
    _add_endpoints(app, exchange)
    _add_steering(app, state)

    @app.get("/")
    def page() -> str:
        return render_template("state.html", **page_context(state))

    @app.after_request
    def secure(response: Response) -> Response:
        response.headers.update(_SECURITY_HEADERS)
        return response

    @app.errorhandler(HTTPException)
    def explain(error: HTTPException) -> Response:
        return _json({"message": error.description or error.name}, error.code or 500)

    return app


def _add_endpoints(app: Flask, exchange: Exchange) -> None:
    @app.post("/v1/oauth/token")
    def token() -> Response:
        content, connection = request.get_data(), request.environ[CONNECTION]
        return _answer(exchange.token(content, connection=connection))

    @app.post("/v1/enrichments")
    def enrichments() -> Response:
        authorization = request.headers.get("Authorization", "")
        content, connection = request.get_data(), request.environ[CONNECTION]
        return _answer(exchange.enrichments(authorization, content, connection=connection))


def _add_steering(app: Flask, state: State) -> None:
    @app.put("/sandbox/sessions")
    def learn_sessions() -> Response:
        state.learn_sessions(dict(_session(one) for one in _array()))
        return Response(status=204)

    @app.put("/sandbox/faults")
    def replace_faults() -> Response:
        state.replace_faults([Fault.from_json(one) for one in _array()])
        return Response(status=204)

    @app.get("/sandbox/state")
    def show() -> Response:
        return _json(state_document(state), 200)

    @app.delete("/sandbox/state")
    def empty() -> Response:
        state.empty()
        return Response(status=204)

    @app.errorhandler(UsageError)
    def refuse(error: UsageError) -> Response:
        return _json({"message": str(error)}, 400)


def _answer(answered: Answered) -> Response:
    if answered.status is None:
        request.environ[HANG_UP]()
        return Response(status=500)
    if answered.body is None:
        response = Response(status=answered.status)
        del response.headers["Content-Type"]
    else:
        response = _json(answered.body, answered.status)
    if answered.retry_after is not None:
        response.headers["Retry-After"] = answered.retry_after
    return response


def _json(document: dict[str, Any], status: int) -> Response:
    # Written out here and not by Flask: the documents' order and spacing are kept.
    content = json.dumps(document, ensure_ascii=False, default=str)
    # Strings that came as half a surrogate pair go back as they came.
    return Response(
        content.encode("utf-8", "backslashreplace"), status=status, mimetype="application/json"
    )


def _array() -> list[Any]:
    document = parse(request.get_data())
    if not isinstance(document, list):
        raise UsageError("the body must be a JSON array")
    return document


def _session(document: object) -> tuple[SessionKey, datetime]:
    wanted = "a session is {projectId, userId, sessionNumber, startedAt: ISO 8601 with its offset}"
    if not isinstance(document, dict):
        raise UsageError(wanted)
    project_id, user_id = document.get("projectId"), document.get("userId")
    number, started_at = document.get("sessionNumber"), document.get("startedAt")
    if (
        not isinstance(project_id, int)
        or not isinstance(user_id, str)
        or not isinstance(number, int)
        or not is_integer(project_id)
        or not is_integer(number)
    ):
        raise UsageError(wanted)
    try:
        started = datetime.fromisoformat(str(started_at))
    except ValueError as error:
        raise UsageError(wanted) from error
    if started.tzinfo is None:
        raise UsageError(wanted)
    return SessionKey(project_id, user_id, number), started
