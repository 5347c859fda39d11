"""``GET /sessions/…``: what was seen of one session, and the calls that were joined to it."""

from __future__ import annotations

from flask import render_template
from flask.typing import ResponseReturnValue

from collector.domain import limits
from collector.domain.identifiers import parse_session_key
from collector.storage import sessions as seen
from collector.storage.reports import sessions
from collector.web.dashboard import presenting
from collector.web.dashboard.presenting import MissingError

blueprint = presenting.blueprint("session_page")

NUMBERS = range(limits.MIN_ENRICHMENT_NUMBER, limits.MAX_ENRICHMENT_NUMBER + 1)


@blueprint.get("/sessions/<int:project_id>/<anything:session_key>")
def show(project_id: int, session_key: str) -> ResponseReturnValue:
    """The page. The values of its keys are of a person, and stand on no other one of a session."""
    try:
        session = parse_session_key(session_key)
    except ValueError as error:
        raise MissingError("unknown_session", f"{error}.") from None
    with presenting.reading() as connection:
        installed = presenting.installation(connection, project_id)
        found = sessions.find(connection, (project_id,), session)
        if not found:
            raise MissingError(
                "unknown_session",
                f"Project {project_id} has no session {session.session_key}: no beacon of it came.",
            )
        keys = seen.keys_of(connection, project_id, session)
        joined = sessions.calls_of(connection, project_id, session)
        numbered = sessions.enrichments_of(connection, project_id, session)
    values = {
        "projects": (project_id,),
        "project": project_id,
        "user": session.user_id,
        "number": session.session_number,
        "most": sessions.MOST_CALLS,
    }
    return render_template(
        "dashboard/session.html",
        installed=installed,
        session=found[0],
        keys=keys,
        calls=joined,
        enrichments={one.enrichment_number: one for one in numbered},
        numbers=NUMBERS,
        queries=[
            each.shown(values) for each in (sessions.SESSION, sessions.CALLS, sessions.ENRICHMENTS)
        ],
    )
