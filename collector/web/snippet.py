"""``GET /v1/snippet.js``: the one script that customers' pages embed."""

from __future__ import annotations

import hashlib
from functools import cache

from flask import Blueprint, Response, request

from collector import resources

blueprint = Blueprint("snippet", __name__)

#: Seconds for which a browser uses its copy unasked: short, so that a mended snippet spreads.
FRESH_SECONDS = 300


@blueprint.get("/v1/snippet.js")
def snippet() -> Response:
    """The built snippet; 304 while the browser's copy is still the same."""
    source, etag = _built()
    response = Response(source, content_type="text/javascript; charset=utf-8")
    response.set_etag(etag)
    response.headers["Cache-Control"] = f"public, max-age={FRESH_SECONDS}, must-revalidate"
    # Pages of every customer load it, some with crossorigin or an embedder policy.
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.make_conditional(request)
    return response


@cache
def _built() -> tuple[bytes, str]:
    source = (resources.path("static") / "js" / "collector.min.js").read_bytes()
    return source, hashlib.sha256(source).hexdigest()[:32]
