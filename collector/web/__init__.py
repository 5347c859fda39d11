"""The HTTP interface: beacons from pages, calls from call platforms, the snippet, the dashboard.

Flask ends at the views. They check what came in, hand it to storage and know no rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from collector.config import Settings


def create_app(settings: Settings | None = None) -> Flask:
    """The WSGI application, for any WSGI server: ``collector.web:create_app()``.

    Args:
        settings: None reads them from the environment and sets up the logs, as a server that
            calls this as a factory needs; whoever passes them has set up the logs already.

    Raises:
        SettingError: a setting is missing or malformed.
        NotMigratedError: the database has no schema for this version. One that does not
            answer is no reason to stay away: until it does, beacons are answered 503.
    """
    # The process that only starts workers, and waits for them, does without all of it.
    from collector.web import application  # noqa: PLC0415

    return application.create_app(settings)
