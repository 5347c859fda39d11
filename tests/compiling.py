"""One memory of compiled statements for all databases that a process of the tests opens.

SQLAlchemy keeps it by engine, so that each test would compile every statement anew: a fifth of
what tests with a database cost.
"""

from __future__ import annotations

import functools
from typing import Any

import sqlalchemy as sa

from collector.storage.database import Database


class _Shared(dict[Any, Any]):
    """The same for all engines of a dialect, which are the first part of SQLAlchemy's keys."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get((key[0].name, *key[1:]), default)

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__((key[0].name, *key[1:]), value)


def share() -> None:
    """Let every database that is opened from now on use it."""
    shared = _Shared()
    open_alone = Database.__init__

    @functools.wraps(open_alone)
    def open_sharing(self: Database, *arguments: Any, **options: Any) -> None:
        open_alone(self, *arguments, **options)
        engine: sa.Engine = self.engine
        engine.update_execution_options(compiled_cache=shared)

    Database.__init__ = open_sharing  # type: ignore[method-assign]
