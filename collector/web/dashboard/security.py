"""Headers of the dashboard's answers: nothing but its own may run, be loaded, or frame it.

What every page has besides is in `collector.web.security`.
"""

from __future__ import annotations

from flask import Response

# Not `no-referrer`: browsers would then send `Origin: null` with the dashboard's own forms.
_OF_ALL = {"Referrer-Policy": "same-origin"}

HEADERS = {
    **_OF_ALL,
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
}


def of_pages(response: Response) -> Response:
    """Of what is shown to somebody: besides, it is kept nowhere."""
    response.headers.update(HEADERS)
    return response


def of_assets(response: Response) -> Response:
    """Of what pages load: it may be kept, and is asked about each time."""
    response.headers.update(_OF_ALL)
    return response
