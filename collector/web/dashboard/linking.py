"""The addresses of calls and sessions. A platform may put any character into a call's id."""

from __future__ import annotations

from urllib.parse import quote

from flask import url_for
from flask.blueprints import BlueprintSetupState
from werkzeug.routing import BaseConverter


class AnyText(BaseConverter):
    """The rest of a path, whatever is in it: slashes, dots, line breaks, at its ends too."""

    regex = r"[\s\S]+"
    part_isolating = False

    def to_url(self, value: str) -> str:
        # No slash stays one, so that nothing on the way takes the dots between two for a step up.
        return quote(value, safe="")


def install(setup: BlueprintSetupState) -> None:
    """Let a blueprint's rules say ``<anything:name>``."""
    setup.app.url_map.converters["anything"] = AnyText


def call_url(project_id: int, call_id: str) -> str:
    """The page of a call."""
    if call_id in {".", ".."}:  # browsers would take it for a step, quoted or not
        return url_for("call_page.by_query", project_id=project_id, call_id=call_id)
    return url_for("call_page.show", project_id=project_id, call_id=call_id)


def session_url(project_id: int, session_key: str) -> str:
    """The page of a session."""
    return url_for("session_page.show", project_id=project_id, session_key=session_key)
