"""Makes lines of what is logged, by structlog, for people or machines."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

from collector.domain.masking import without_numbers
from collector.domain.printable import printable
from collector.logs import MASKED, ids

#: Names of values that are never written out, at any depth.
_SECRETS = frozenset(
    {
        *("client_secret", "access_token", "authorization", "token", "secret_key", "password"),
        *("metrics_token", "cookie"),
    }
)

#: What others have said, who may quote a record, and with it a caller's number.
_QUOTING = ("error", "message", "detail", "exception")


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


def add_ids(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """A structlog processor: the ids of the run or the request that writes the line."""
    return {**ids(), **event}


def hide_numbers(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """A structlog processor: what could be a phone number is hidden where texts are quoted."""
    for name in _QUOTING:
        if isinstance(text := event.get(name), str):
            event[name] = without_numbers(text)
    return event


def on_one_line(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """A structlog processor: no text begins a line that looks like another event's.

    Tracebacks have lines; each stands further in than where an event begins.
    """
    for name, value in event.items():
        if name == "exception" and isinstance(value, str):
            event[name] = "  " + printable(value, lines=True).replace("\n", "\n  ")
        elif isinstance(value, str):
            event[name] = printable(value)
    return event


_SHARED: tuple[Processor, ...] = (
    add_ids,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


def logger(name: str) -> Any:
    """structlog's logger of this name."""
    return structlog.get_logger(name)


def set_up() -> None:
    """Have structlog hand its events to the standard library's logging, secrets masked."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            mask_secrets,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def formatter(form: str) -> logging.Formatter:
    """Makes lines of records, those of libraries too, as ``COLLECTOR_LOG_FORMAT`` says."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*_SHARED, structlog.stdlib.ExtraAdder(), mask_secrets],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(form)],
    )


def _renderers(form: str) -> list[Processor]:
    # Tracebacks stay plain: a richer one shows the values of local variables.
    first: list[Processor] = [structlog.processors.format_exc_info, hide_numbers]
    if form == "json":
        return [*first, structlog.processors.JSONRenderer()]
    return [
        *first,
        on_one_line,
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        ),
    ]
