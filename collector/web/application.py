"""The application: everything that is answered, put together."""

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
    security,
    snippet,
    state,
    webhooks,
)
from collector.web.openapi import views as openapi

_log = structlog.get_logger(__name__)


def create_app(settings: Settings | None = None) -> Flask:
    """`collector.web.create_app`, whose words count."""
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
    security.install(app, settings)
    for module in (beacons, calls, webhooks, snippet, health, openapi, metrics):
        app.register_blueprint(module.blueprint)
    dashboard.install(app, settings)
    return app


def _require_migrated(settings: Settings) -> None:
    # Closed again at once: a connection must not be shared with processes forked later.
    with Database(settings.database_url, pool_size=1) as database:
        try:
            revisions.require_usable(database)
        except DatabaseUnavailableError as error:
            _log.warning("database_unavailable_at_start", error=str(error))
