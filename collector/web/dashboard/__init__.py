"""The dashboard: pages for the provider's own people, behind a login.

What may be seen by whoever has logged in is a blueprint that went through `guard.protect`.
"""

from __future__ import annotations

from flask import Flask

from collector.config import Settings
from collector.web.dashboard import (
    assets,
    call_list,
    call_page,
    cookie,
    installation_page,
    login,
    overview,
    session_page,
    throttle,
)


def install(app: Flask, settings: Settings) -> None:
    """Give the application the dashboard, its cookie, and the count of tried logins."""
    cookie.install(app, settings)
    throttle.install(app)
    for module in (assets, login, overview, call_list, call_page, session_page, installation_page):
        app.register_blueprint(module.blueprint)
