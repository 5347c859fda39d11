"""Headers of the dashboard's answers: nothing but its own may run, be loaded, or frame it."""

from __future__ import annotations

from flask import Response

_OF_ALL = {
    # Not `no-referrer`: browsers would then send `Origin: null` with the dashboard's own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

HEADERS = {
    **_OF_ALL,
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
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
