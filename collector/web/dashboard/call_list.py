"""``GET /calls``: finds a call or a session, and lists calls, the newest first."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from collector.domain.identifiers import (
    REFERENCE,
    SESSION_KEY,
    TRACKING_NUMBER,
    VISITOR_ID,
    parse_session_key,
)
from collector.domain.verdicts import Reason, Verdict
from collector.storage.database import Connection
from collector.storage.reports import calls, installations, sessions
from collector.storage.reports.calls import Listed
from collector.web.dashboard import linking, listing, presenting
from collector.web.dashboard.listing import Asked

blueprint = presenting.blueprint("call_list")

#: So many calls are on a page.
PAGE = 50

#: Rules that every definition may have; those of the provider's own can be written.
RULES = (SESSION_KEY, VISITOR_ID, REFERENCE, TRACKING_NUMBER)


@blueprint.get("/calls")
def show() -> ResponseReturnValue:
    """What was looked for, if anything was, and the list otherwise."""
    now = datetime.now(UTC)
    with presenting.reading() as connection:
        names = installations.names(connection)
        asked = listing.read(request.args, names, now)
        if asked.text:
            return _searched(connection, asked, names)
        found = calls.newest(
            connection, asked.projects, asked.choice, after=asked.after, most=PAGE + 1
        )
    page = found[:PAGE]
    return _page(
        asked,
        names,
        calls=page,
        newest=_address(asked) if asked.after else None,
        older=_address(asked, after=page[-1]) if len(found) > PAGE else None,
        queries=_queries(asked),
    )


def _searched(connection: Connection, asked: Asked, names: dict[int, str]) -> ResponseReturnValue:
    """The page of the one call or session that has this very name, or all that have it."""
    of_id = calls.with_id(connection, asked.projects, asked.text)
    of_key = _sessions(connection, asked)
    if len(of_id) + len(of_key) == 1:
        return redirect(
            linking.call_url(of_id[0].project_id, of_id[0].call_id)
            if of_id
            else linking.session_url(of_key[0].project_id, of_key[0].session_key),
            303,
        )
    return _page(
        asked,
        names,
        calls=of_id,
        sessions=of_key,
        refused=installations.refused_of(connection, asked.projects, asked.text),
    )


def _sessions(connection: Connection, asked: Asked) -> list[sessions.Seen]:
    try:
        session = parse_session_key(asked.text)
    except ValueError:
        return []
    return sessions.find(connection, asked.projects, session)


def _page(asked: Asked, names: dict[int, str], **told: Any) -> str:
    return render_template(
        "dashboard/calls.html",
        asked=asked,
        names=names,
        verdicts=[(verdict.value, verdict.value) for verdict in Verdict],
        reasons=[(reason, reason) for reason in sorted(Reason)],
        rules=RULES,
        **told,
    )


def _address(asked: Asked, *, after: Listed | None = None) -> str:
    return f"{url_for('.show')}?{urlencode(asked.query(after=after))}"


def _queries(asked: Asked) -> list[str]:
    """The list's query, which is asked of each project by itself, as it is of the first."""
    values = {**asdict(asked.choice), "most": PAGE}
    question = asked.choice.question(end="\nLIMIT :most")
    return [question.shown({**values, "project": project}) for project in asked.projects[:1]]
