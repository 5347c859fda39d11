"""``GET /calls/…``: why one call stands where it stands."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from flask import Response, render_template, request
from flask.typing import ResponseReturnValue

from collector.errors import DefinitionError, NotFoundError, RequestRefusedError
from collector.insight import advice
from collector.insight.explain import explain
from collector.storage.database import Connection
from collector.storage.reports import calls
from collector.storage.reports.calls import Told
from collector.web import state
from collector.web.answers import RETRY_AFTER_SECONDS
from collector.web.dashboard import pages, presenting
from collector.web.dashboard.presenting import MissingError

blueprint = presenting.blueprint("call_page")


@blueprint.get("/calls/<int:project_id>")
def by_query(project_id: int) -> ResponseReturnValue:
    """The call whose id stands in the query, where browsers would not leave it in the path."""
    return show(project_id, request.args.get("call_id", ""))


@blueprint.get("/calls/<int:project_id>/<anything:call_id>")
def show(project_id: int, call_id: str) -> ResponseReturnValue:
    """The page, or the explanation as ``collector explain --json`` prints it."""
    now = datetime.now(UTC)
    with presenting.reading() as connection:
        installed = presenting.installation(connection, project_id)
        told = _find(connection, project_id, call_id)
        built = calls.enrichment_of(connection, project_id, call_id)
        left_behind = calls.left_behind(connection, project_id, call_id)
    explanation, problem = _explanation(project_id, call_id, now)
    if request.args.get("format") == "json" or not pages.is_for_people():
        return _as_json(explanation, problem)
    values = {"project": project_id, "call": call_id}
    return render_template(
        "dashboard/call.html",
        installed=installed,
        call=told,
        enrichment=built,
        payload=None if built is None else _indented(built.payload),
        left_behind=left_behind,
        doubt=None if built is None else advice.doubt(asdict(built)),
        next_step=advice.next_step(
            told.reason, project_id, call_id, pending=presenting.what_keeps(installed, now)
        ),
        explanation=explanation,
        problem=problem,
        differs=None if explanation is None else advice.why_not_as_the_rules_say(explanation),
        command=advice.command(call_id, project_id),
        json_url=f"?{urlencode(request.args.to_dict() | {'format': 'json'})}",
        queries=[each.shown(values) for each in (calls.CALL, calls.ENRICHMENTS, calls.LEFT_BEHIND)],
    )


def _find(connection: Connection, project_id: int, call_id: str) -> Told:
    found = None if "\0" in call_id else calls.find(connection, project_id, call_id)
    if found is None:
        raise MissingError(
            "unknown_call",
            f"Project {project_id} has no call {call_id[:120]!r}. Was it imported, or refused? "
            f"See: collector calls refused --project-id {project_id}",
        )
    return found


def _explanation(
    project_id: int, call_id: str, now: datetime
) -> tuple[dict[str, Any] | None, str | None]:
    """The explanation, or why there is none: it takes the definition, which has the rules."""
    current = state.current()
    try:
        definition = current.definition()
        found = explain(current.database, definition, project_id, call_id, clock=lambda: now)
    except (DefinitionError, NotFoundError) as error:
        return None, str(error)
    return found.as_json(), None


def _indented(payload: dict[str, Any]) -> str:
    return json.dumps(payload, indent=2, ensure_ascii=False)


def _as_json(explanation: dict[str, Any] | None, problem: str | None) -> Response:
    if explanation is None:
        raise RequestRefusedError(
            503,
            "definition_unavailable",
            f"The rules cannot be told: {problem}",
            {"Retry-After": str(RETRY_AFTER_SECONDS)},
        )
    document = json.dumps(explanation, default=lambda value: value.isoformat(), ensure_ascii=False)
    response = Response(document, mimetype="application/json")
    if request.args.get("format") == "json":
        # The id may be no name of a file.
        response.headers["Content-Disposition"] = 'attachment; filename="explanation.json"'
    return response
