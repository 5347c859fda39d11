"""``GET /``: where all calls stand."""

from __future__ import annotations

from flask import Blueprint, render_template

from collector.storage import funnel
from collector.web import state
from collector.web.dashboard import guard

blueprint = Blueprint("overview", __name__)
guard.protect(blueprint)


@blueprint.get("/")
def show() -> str:
    """The counts that `collector status` prints."""
    with state.current().database.read() as connection:
        counts = funnel.count(connection)
    return render_template("dashboard/overview.html", funnel=counts)
