"""``/dashboard/static/…``: what the pages load. It tells nothing of anybody, and needs no login."""

from __future__ import annotations

from flask import Blueprint

from collector.web.dashboard import security

blueprint = Blueprint(
    "assets",
    __name__,
    static_folder="static",
    static_url_path="/dashboard/static",
    template_folder="templates",
)
blueprint.after_request(security.of_assets)
