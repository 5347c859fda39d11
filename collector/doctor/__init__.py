"""Looks at everything that the software stands on, and says what is wrong and what to do.

It needs nothing to start: on a fresh machine it teaches the next step. Each check is by itself, so
that one which fails hides no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from collector import config
from collector.config import Settings
from collector.doctor import here, outside, stored
from collector.doctor.findings import Finding, State, isolated
from collector.errors import CollectorError

__all__ = ["Doctor", "Finding", "State"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Doctor:
    """Who looks. ``offline``: at nothing that another machine would have to answer."""

    clock: Callable[[], datetime]
    offline: bool = False

    def examine(self) -> Iterator[Finding]:
        """Everything, in the order in which it is set up."""
        yield from isolated("settings", here.settings)
        try:
            settings = config.load()
        except CollectorError:
            settings = None  # it was told, and nobody knows where what it names is
        if settings is not None:
            yield from self._by_settings(settings)
        yield from isolated("snippet", here.snippet_files)
        yield from isolated("extras", here.extras)
        yield from isolated("disk", here.temporary_folder)

    def _by_settings(self, settings: Settings) -> Iterator[Finding]:
        yield from isolated("key", partial(here.key, settings))
        yield from isolated("definition", partial(here.definition_file, settings))
        yield from stored.examine(settings, self.clock)
        if not self.offline:
            yield from isolated("clock", partial(outside.api_clock, settings, self.clock))
            yield from isolated("limits", partial(outside.limits, settings))
            yield from isolated("server", partial(outside.server, settings))
