"""``GET /openapi.json`` for programs, and ``GET /docs/api`` for people: both public."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request, send_from_directory

from collector.web import state
from collector.web.openapi import document as documents
from collector.web.openapi import pages

blueprint = Blueprint("openapi", __name__, template_folder="templates")
blueprint.add_app_template_filter(pages.coded, "coded")

_STATIC = Path(__file__).parent / "static"

#: Short, since a new version of the software may tell otherwise.
REVALIDATED = "public, max-age=300, must-revalidate"

#: The page needs its style sheet, and nothing else from anywhere.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": REVALIDATED,
}


@blueprint.get("/openapi.json")
def document() -> Response:
    """The document, with this server's address."""
    response = jsonify(_document())
    # Browsers of other origins may read it: it is public, and tools run on pages of their own.
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.headers["Cache-Control"] = REVALIDATED
    response.add_etag()
    response.make_conditional(request)
    return response


@blueprint.get("/docs/api")
def page() -> Response:
    """The same as a page."""
    told = _document()
    page = render_template("openapi/api.html", document=told, sections=pages.sections(told))
    return Response(page, headers=HEADERS, content_type="text/html; charset=utf-8")


@blueprint.get("/docs/api.css")
def style() -> Response:
    """The page's style sheet."""
    response = send_from_directory(_STATIC, "api.css", mimetype="text/css")
    response.headers["Cache-Control"] = REVALIDATED
    return response


def _document() -> dict[str, Any]:
    url = state.current().public_url or "/"
    return {**documents.document(), "servers": [{"url": url}]}
