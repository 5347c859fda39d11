"""Headers by which a browser that is shown an answer makes nothing of it but what it is.

They are what an answer has that does not say otherwise: the dashboard's pages may load what is
theirs (`collector.web.dashboard.security`), and the scripts may be loaded by any page. An
acknowledged beacon has no content that could be shown, and is sent a million times.
"""

from __future__ import annotations

from flask import Flask, Response

from collector.config import Settings

#: Nothing may run, be loaded, be sent or frame it.
POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

OF_CONTENT = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}

OF_PAGES = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "X-Frame-Options": "DENY",
}

#: For a year, and of this host alone: of others we know nothing.
ONLY_TLS = {"Strict-Transport-Security": "max-age=31536000"}


def of_content(settings: Settings) -> dict[str, str]:
    """The headers of an answer with content that is no page."""
    is_https = settings.public_url.lower().startswith("https://")
    return {**OF_CONTENT, **(ONLY_TLS if is_https else {})}


def install(app: Flask, settings: Settings) -> None:
    """Give every answer with content its headers."""
    of_all = of_content(settings)

    @app.after_request
    def secure(response: Response) -> Response:
        if response.status_code != 204:
            is_page = response.mimetype == "text/html"
            for name, value in ({**of_all, **OF_PAGES} if is_page else of_all).items():
                response.headers.setdefault(name, value)
        return response
