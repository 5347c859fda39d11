"""What both addresses for call records share: the limits, the definition, and taking records in.

Good records are stored in one transaction with the reasons of the bad ones, which never stop
the good ones. The same records again change nothing, so a sender may always repeat.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

import structlog
from flask import request

from collector.domain.definition import Definition
from collector.domain.installation import Installation
from collector.domain.reading import CallReader, Readings, Refusal
from collector.errors import DefinitionError, NotFoundError, RequestRefusedError
from collector.storage import intake
from collector.storage.calls import Stored
from collector.web.state import State

MAX_BODY_BYTES = 4 * 1024 * 1024
MAX_RECORDS = 1000

#: Seconds after which a sender may try again when the operator has something to mend.
RETRY_AFTER_SECONDS = 60

_log = structlog.get_logger(__name__)


def limited(body: object) -> list[Any]:
    """The records of a JSON value: its elements, or itself.

    Raises:
        RequestRefusedError: 413 ``too_many_records``.
    """
    records = body if isinstance(body, list) else [body]
    if len(records) > MAX_RECORDS:
        raise RequestRefusedError(
            413,
            "too_many_records",
            f"The array has {len(records)} records; send at most {MAX_RECORDS} at a time.",
        )
    return records


def definition(shared: State) -> Definition:
    """The integration definition.

    Raises:
        RequestRefusedError: 503 ``definition_unavailable``.
    """
    try:
        return shared.definition()
    except DefinitionError as error:
        # What is wrong with the file is for the operator, not for the call platform.
        _log.error("definition_unavailable", error=str(error))
        raise RequestRefusedError(
            503,
            "definition_unavailable",
            "Calls cannot be read at the moment. Send them again later.",
            {"Retry-After": str(RETRY_AFTER_SECONDS)},
        ) from error


def reader(
    shared: State, definition: Definition, preset: str | None, installation: Installation
) -> CallReader:
    """Reads records of a preset, or of the definition's own form, for one installation."""
    return CallReader.of(
        definition, preset, region=installation.region, caller_hash=shared.caller_hash
    )


def take_in(
    shared: State, project_id: int, source: str, readings: Readings, now: datetime
) -> dict[str, Any]:
    """Store what was read, and tell what became of it; the logs are told no more than counts.

    Raises:
        RequestRefusedError: 404 ``unknown_project``, if it was removed meanwhile.
    """
    outcomes: Counter[Stored] = Counter()
    if readings.calls or readings.refusals:
        try:
            outcomes.update(_store(shared, project_id, source, readings, now))
        except NotFoundError:
            raise no_installation(project_id) from None
    counts = {outcome.value: outcomes[outcome] for outcome in Stored}
    counts["passed_over"] = readings.passed_over
    refused = [_told(refusal) for refusal in readings.refusals]
    _log.info(
        "calls_received", project_id=project_id, source=source, **counts, refused=len(refused)
    )
    return {**counts, "refused": refused}


def no_installation(project_id: object) -> RequestRefusedError:
    """404: there is no such installation, or no longer."""
    return RequestRefusedError(
        404, "unknown_project", f"Project {project_id} has no installation here."
    )


def _store(
    shared: State, project_id: int, source: str, readings: Readings, now: datetime
) -> list[Stored]:
    with shared.database.write() as connection:
        return intake.take_in(
            connection,
            project_id,
            readings,
            source=source,
            origin=request.path,
            now=now,
            secrets=shared.secrets,
            kept_for=shared.refused_for,
        )


def _told(refusal: Refusal) -> dict[str, Any]:
    """A refusal as its sender is told of it; ``index`` counts from 0."""
    return {
        "index": refusal.number,
        "call_id": refusal.call_id,
        "code": refusal.code,
        "message": refusal.message,
    }
