"""Sets up the logs: one form for everything, to standard error, with secrets masked.

What visitors are known by stays out of them: libraries that would log addresses of clients or
SQL with its values are held at warnings, whatever the level.

structlog, a sixth of what a command loads, is loaded with the first line (`lines`): a run that
finds nothing new has none to write. So the ids that lines carry are kept here, not by it.
"""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Event
from types import MappingProxyType
from typing import Any, TextIO

from collector.config import Settings, log_level_number

MASKED = "***"

_QUIET = ("alembic", "sqlalchemy", "urllib3", "werkzeug")

#: Whether structlog is to be set up as soon as it is loaded.
_due = Event()

_NO_IDS: Mapping[str, Any] = MappingProxyType({})
_ids: ContextVar[Mapping[str, Any]] = ContextVar("ids", default=_NO_IDS)


class Logger:
    """A logger of structlog's that is made when it has something to write."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, method: str) -> Any:
        if method == "debug" and not logging.getLogger(self._name).isEnabledFor(logging.DEBUG):
            return _write_nothing
        from collector.logs import lines  # noqa: PLC0415 - as said above

        if _due.is_set():
            lines.set_up()
            _due.clear()
        return getattr(lines.logger(self._name), method)


def _write_nothing(_event: str, **_values: Any) -> None:
    """Stands in for what would be left out, without loading what makes a line of it."""


def ids() -> Mapping[str, Any]:
    """What every line carries that is written here and now."""
    return _ids.get()


@contextmanager
def carrying(**more: Any) -> Iterator[None]:
    """Within the block every line carries these ids too, whoever writes it.

    A thread that is started within it does so if it runs in a copy of the context.
    """
    token = _ids.set({**_ids.get(), **more})
    try:
        yield
    finally:
        _ids.reset(token)


def carry(**only: Any) -> None:
    """From here on every line of this thread carries these ids, and no others."""
    _ids.set(only or _NO_IDS)


def configure(settings: Settings) -> None:
    """Set up structlog and the standard library's logging. Repeating it replaces what was set."""
    handler = _StandardError()
    handler.setFormatter(_LateFormatter(settings.log_format))
    root = logging.getLogger()
    for old in [each for each in root.handlers if isinstance(each, _StandardError)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(log_level_number(settings))
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    _due.set()
    if "structlog" in sys.modules:  # by somebody who writes with it directly
        from collector.logs import lines  # noqa: PLC0415 - as said above

        lines.set_up()
        _due.clear()


class _LateFormatter(logging.Formatter):
    """Loads what makes a line of a record with the first record."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self._form = form
        self._formatter: logging.Formatter | None = None

    def format(self, record: logging.LogRecord) -> str:
        if self._formatter is None:
            from collector.logs import lines  # noqa: PLC0415 - as said above

            self._formatter = lines.formatter(self._form)
        return self._formatter.format(record)


class _StandardError(logging.StreamHandler[TextIO]):
    """Asks for standard error at each line: a progress bar stands in for it while it runs."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


def keep_nothing_unwritten() -> None:
    """Let a line that cannot be written be lost.

    Python keeps it and fails at whoever flushes next: with a full disk behind standard error,
    multiprocessing would start no worker any more, as it flushes before.
    """
    if sys.stderr is not sys.__stderr__ or sys.stderr is None:
        return  # somebody has put his own there, as a test does
    raw = io.FileIO(sys.stderr.fileno(), "w", closefd=False)
    sys.stderr = io.TextIOWrapper(
        raw,  # as Python itself does if it is told not to buffer
        encoding=sys.stderr.encoding,
        errors=sys.stderr.errors,
        write_through=True,
    )
