"""``/v1/calls/PRESET/PROJECT``: call platforms post what they know of a call, in their own form.

A platform repeats what was not answered well, for days, or stops sending at all. So whatever
comes from somebody who may send is taken, and answered as taken: a record that cannot be read is
kept with its reason, for the operator rather than for the platform.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import MethodNotAllowed

from collector.domain.definition import Definition, Preset
from collector.domain.reading import CallReader, Readings
from collector.errors import RecordError, RequestRefusedError
from collector.web import authorising, bodies, limiting, receiving, state

blueprint = Blueprint("webhooks", __name__)
limiting.by_failures(blueprint, state.current)

#: Platforms that take the body of an answer for instructions, and want none.
WITHOUT_BODY = frozenset({"twilio"})

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def path_of(preset: str, project_id: int) -> str:
    """Where a platform posts the calls of a project."""
    return f"/v1/calls/{preset}/{project_id}"


# Each method comes here, so that the answer names those that this preset has, and no other.
@blueprint.route(
    "/v1/calls/<preset>/<project_id>", methods=_METHODS, provide_automatic_options=False
)
def receive(preset: str, project_id: str) -> Response:
    """Take in what a platform tells: 200 with what became of it, or 204."""
    shared = state.current()
    definition = receiving.definition(shared)
    platform = _platform(definition, preset)
    _require_method(platform)
    body = b"" if request.method == "GET" else bodies.read(receiving.MAX_BODY_BYTES)
    installation = authorising.authorise(shared, platform, project_id, body)
    reader = receiving.reader(shared, definition, platform.name, installation)
    now = datetime.now(UTC)
    readings = _read(reader, body, now)
    told = receiving.take_in(shared, installation.project_id, reader.source, readings, now)
    return Response(status=204) if platform.name in WITHOUT_BODY else jsonify(told)


def _platform(definition: Definition, name: str) -> Preset:
    found = definition.presets.get(name)
    if found is None:
        raise RequestRefusedError(
            404,
            "unknown_preset",
            f"There is no preset {name[:60]!r} here, only {', '.join(sorted(definition.presets))}.",
        )
    return found


def _require_method(platform: Preset) -> None:
    allowed = ["GET", "POST"] if platform.query else ["POST"]
    if request.method not in allowed:
        raise MethodNotAllowed(valid_methods=allowed)


def _read(reader: CallReader, body: bytes, now: datetime) -> Readings:
    if request.method == "GET":
        return reader.read_all([(0, _record(bodies.parse_form(request.query_string)))], now)
    bodies.require_media_type((bodies.JSON, bodies.FORM))
    if request.mimetype == bodies.FORM:
        return reader.read_all([(0, _record(bodies.parse_form(body)))], now)
    try:
        records = bodies.parse(body)
    except RequestRefusedError as error:
        # Composed by a template, a body may well be no JSON; it is kept like any bad record.
        came = body.decode(errors="backslashreplace")
        return Readings(refusals=[reader.refusal(0, came, RecordError("not_json", str(error)))])
    return reader.read_all(enumerate(receiving.limited(records)), now)


def _record(fields: Iterable[tuple[str, str]]) -> dict[str, object]:
    """A form as a record. A field with several values is a list, which no column can be read from.

    None of them could be preferred: signatures do not cover their order.
    """
    values: dict[str, dict[str, None]] = {}
    for name, value in fields:
        values.setdefault(name, {})[value] = None
    return {
        name: next(iter(found)) if len(found) == 1 else list(found)
        for name, found in values.items()
    }
