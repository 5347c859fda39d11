"""Sets up the logs: one form for everything, to standard error, with secrets masked.

What visitors are known by stays out of them: libraries that would log addresses of clients or
SQL with its values are held at warnings, whatever the level.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor

from collector.config import Settings, log_level_number

MASKED = "***"

#: Names of values that are never written out, at any depth.
_SECRETS = frozenset(
    {"client_secret", "access_token", "authorization", "token", "secret_key", "password"}
)

_QUIET = ("alembic", "sqlalchemy", "urllib3", "werkzeug")


def configure(settings: Settings) -> None:
    """Set up structlog and the standard library's logging. Repeating it replaces what was set."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        mask_secrets,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = _StandardError()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared[:-1], structlog.stdlib.ExtraAdder(), mask_secrets],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(settings.log_format),
            ],
        )
    )
    root = logging.getLogger()
    for old in [each for each in root.handlers if isinstance(each, _StandardError)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(log_level_number(settings))
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def mask_secrets(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """A structlog processor: the value of every key that holds a secret becomes ``***``."""
    return _masked(event)


def _masked(values: Mapping[str, Any]) -> MutableMapping[str, Any]:
    return {
        key: MASKED
        if str(key).lower().replace("-", "_") in _SECRETS
        else _masked(value)
        if isinstance(value, Mapping)
        else value
        for key, value in values.items()
    }


def _renderers(form: str) -> list[Processor]:
    # Tracebacks stay plain: a richer one shows the values of local variables.
    if form == "json":
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    return [
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    ]


class _StandardError(logging.StreamHandler[TextIO]):
    """Asks for standard error at each line: a progress bar stands in for it while it runs."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)
