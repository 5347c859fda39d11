"""How long what is stored is kept, by the settings, once it is known that this is long enough."""

from __future__ import annotations

from datetime import timedelta

from collector.config import Settings
from collector.domain.definition import Definition
from collector.domain.retention import Retention, least_for_calls, least_for_sessions
from collector.errors import SettingError


def retention_of(settings: Settings, definition: Definition) -> Retention:
    """The ages that the settings say.

    Raises:
        SettingError: the definition's rules still look at what would be removed.
    """
    rules = (definition.matching, *definition.projects.values())
    for variable, days, least in (
        ("COLLECTOR_SESSIONS_DAYS", settings.sessions_days, least_for_sessions(rules)),
        ("COLLECTOR_CALLS_DAYS", settings.calls_days, least_for_calls(rules)),
    ):
        if days < least:
            raise SettingError(
                f"{variable} is {days}; by the rules and windows of the integration definition, "
                f"what is younger than {least} days can still matter. Set it to {least} or more."
            )
    return Retention(
        sessions=timedelta(days=settings.sessions_days),
        calls=timedelta(days=settings.calls_days),
        refused=settings.refused_for,
        runs=timedelta(days=settings.runs_days),
        counts=timedelta(days=settings.counts_days),
    )
