"""The scripts that customers' pages load: the snippet, any build of it, and what debugs it.

Pages of every customer load them, some with ``crossorigin`` or under an embedder policy, so each
answer may be read by any origin.
"""

from __future__ import annotations

from flask import Blueprint, Response, request

from collector import snippet
from collector.errors import RequestRefusedError
from collector.snippet import Script
from collector.web import beacons

blueprint = Blueprint("snippet", __name__)

#: Short, so that a mended snippet spreads within minutes.
REVALIDATED = "public, max-age=300, must-revalidate"

#: For a year, which is the most that caches heed: what has the hash in its address never changes.
IMMUTABLE = "public, max-age=31536000, immutable"


@blueprint.get("/v1/snippet.js")
def current() -> Response:
    """The current build; 304 while the browser's copy is still the same."""
    return _answer(snippet.current(), REVALIDATED)


@blueprint.get("/v1/snippet.<build>.js")
def pinned(build: str) -> Response:
    """One build for ever, for pages that name its integrity."""
    script = snippet.published().get(build)
    if script is None:
        raise RequestRefusedError(
            404,
            "unknown_build",
            f"There is no build {build[:60]!r} of the snippet here. Put the tag into the page "
            "that `collector snippet` prints now, or use /v1/snippet.js, always the current one.",
        )
    return _answer(script, IMMUTABLE)


@blueprint.get(beacons.PATH, provide_automatic_options=False)
def debugging() -> Response:
    """The module that the snippet loads when a page is debugged.

    At the address of the beacons, which the snippet has at hand wherever it came from.
    """
    return _answer(snippet.debugging(), REVALIDATED)


@blueprint.after_request
def let_any_page_load(response: Response) -> Response:
    """Refusals too: a page's developer could not read why otherwise."""
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


def _answer(script: Script, cache_control: str) -> Response:
    # No coding at all is right for whoever excludes all that there are.
    coding = request.accept_encodings.best_match(script.encoded) or "identity"
    response = Response(script.encoded[coding], content_type="text/javascript; charset=utf-8")
    if coding != "identity":
        response.headers["Content-Encoding"] = coding
    response.headers["Cache-Control"] = cache_control
    response.vary.add("Accept-Encoding")
    # A strong tag stands for bytes, and each coding has bytes of its own.
    response.set_etag(f"{script.hash}-{coding}")
    response.make_conditional(request)
    return response
