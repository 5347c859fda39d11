"""The HTTP interface: beacons from pages, calls from call platforms, the snippet, the dashboard.

Flask ends at the views. They check what came in, hand it to storage and know no rule.
"""

from __future__ import annotations

from pathlib import Path

import structlog
from flask import Flask

from collector import config, logs
from collector.config import Settings
from collector.errors import DatabaseUnavailableError, SettingError
from collector.storage import revisions
from collector.storage.database import Database
from collector.web import (
    answers,
    beacons,
    calls,
    dashboard,
    health,
    meter,
    metrics,
    request_ids,
    snippet,
    state,
    webhooks,
)
from collector.web.openapi import views as openapi

__all__ = ["create_app"]

_log = structlog.get_logger(__name__)


def create_app(settings: Settings | None = None) -> Flask:
    """The WSGI application, for any WSGI server: ``collector.web:create_app()``.

    Args:
        settings: None reads them from the environment and sets up the logs, as a server that
            calls this as a factory needs; whoever passes them has set up the logs already.

    Raises:
        SettingError: a setting is missing or malformed.
        NotMigratedError: the database is not at this version's revision. One that does not
            answer is no reason to stay away: until it does, beacons are answered 503.
    """
    if settings is None:
        settings = config.load()
        logs.configure(settings)
    _require_migrated(settings)
    if settings.metrics_folder and not Path(settings.metrics_folder).is_dir():
        raise SettingError(
            f"COLLECTOR_METRICS_FOLDER is {settings.metrics_folder!r}, which is no folder. Make "
            "it, writable for the server, or leave it unset."
        )
    app = Flask(__name__, static_folder=None)
    # A misspelt path is answered as such; a redirect of a beacon would lose it.
    app.url_map.merge_slashes = False
    state.install(app, settings)
    request_ids.install(app)
    meter.install(app, lambda: state.of(app).meter, beacons="beacons.record")
    answers.install(app)
    for module in (beacons, calls, webhooks, snippet, health, openapi, metrics):
        app.register_blueprint(module.blueprint)
    dashboard.install(app, settings)
    return app


def _require_migrated(settings: Settings) -> None:
    # Closed again at once: a connection must not be shared with processes forked later.
    with Database(settings.database_url, pool_size=1) as database:
        try:
            revisions.require_newest(database)
        except DatabaseUnavailableError as error:
            _log.warning("database_unavailable_at_start", error=str(error))
