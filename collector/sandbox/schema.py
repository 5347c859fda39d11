"""The documented rules of schemas and payloads, written a second time on purpose.

Sources: Creating an integration (schema format, data types, limitations) and Sending enrichment
data batches (body, limitations). Every check answers with the reason it refuses, for the page,
or ``None``; the API itself never tells.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from collector.errors import UsageError

_DATETIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_ENRICHMENT_KEYS = {"userId", "sessionNumber", "enrichmentNumber", "enrichment"}
_BATCH_KEYS = {"integrationVersion", "projectId", "enrichments"}


def is_integer(value: object) -> bool:
    """A JSON integer: ``true`` is none, nor is ``2.0``."""
    return isinstance(value, int) and not isinstance(value, bool)


def _is_text(value: object) -> bool:
    """A string that UTF-8 can hold: half of a surrogate pair is not text."""
    return isinstance(value, str) and not any("\ud800" <= char <= "\udfff" for char in value)


def _is_string(value: Any) -> bool:
    return _is_text(value) and len(value.encode()) <= 50


def _is_int32(value: Any) -> bool:
    return is_integer(value) and -2147483648 <= value <= 2147483647


def _is_float(value: Any) -> bool:
    number = is_integer(value) or isinstance(value, float)
    return number and -1.79769e308 <= value <= 1.79769e308


def _is_bool(value: object) -> bool:
    return isinstance(value, bool)


def _is_datetime(value: object) -> bool:
    if not isinstance(value, str) or not _DATETIME.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


_TYPES: dict[str, Callable[[Any], bool]] = {
    "STRING": _is_string,
    "INT": _is_int32,
    "FLOAT": _is_float,
    "BOOL": _is_bool,
    "DATETIME": _is_datetime,
}


def check_schema(document: Mapping[str, Any], where: str) -> None:
    """Refuse what Contentsquare would not register. Raises `UsageError`, naming ``where``."""
    listed = document.get("fields") if isinstance(document, Mapping) else None
    if not isinstance(listed, list) or not listed:
        raise UsageError(f'{where}: a schema is an object with a non-empty array "fields"')
    names: set[str] = set()
    types: list[str] = []
    for field in listed:
        if not isinstance(field, Mapping):
            raise UsageError(f"{where}: each of the fields is an object")
        name, kind = field.get("name"), field.get("type")
        if not isinstance(name, str) or not 1 <= len(name.encode()) <= 30:
            raise UsageError(f"{where}: field name {name!r} is not a string of 1 to 30 bytes")
        if name in names:
            raise UsageError(f"{where}: field {name} is there twice")
        if kind not in _TYPES:
            raise UsageError(f"{where}: field {name} has type {kind!r}, not {', '.join(_TYPES)}")
        if not isinstance(field.get("optional"), bool):
            raise UsageError(f"{where}: field {name} must say optional: true or false")
        names.add(name)
        types.append(kind)
    for kind in _TYPES:
        if types.count(kind) > 10:
            raise UsageError(f"{where}: there are more than 10 fields of type {kind}")


def refuse_batch_shape(document: object, project_id: int) -> str | None:
    """Why the batch cannot be one for this token, before its version is looked at."""
    if not isinstance(document, dict):
        return "the body is not a JSON object"
    if unknown := sorted(set(document) - _BATCH_KEYS):
        return f"unknown key {unknown[0]!r}"
    for name in ("integrationVersion", "projectId"):
        if not is_integer(document.get(name)):
            return f"{name} is missing or no integer"
    if document["projectId"] != project_id:
        return f"projectId is {document['projectId']}, but the token is for project {project_id}"
    enrichments = document.get("enrichments")
    if not isinstance(enrichments, list) or not 1 <= len(enrichments) <= 200:
        return "enrichments is no array of 1 to 200"
    return None


def refuse_enrichment(document: object, schema: Mapping[str, Any]) -> str | None:
    """Why one enrichment of a batch does not match the schema of the batch's version."""
    if not isinstance(document, dict):
        return "it is not a JSON object"
    if unknown := document.keys() - _ENRICHMENT_KEYS:
        return f"unknown key {min(unknown)!r}"
    user_id, number = document.get("userId"), document.get("enrichmentNumber", 1)
    if not user_id or not _is_text(user_id):
        return "userId is missing or no string"
    if not is_integer(document.get("sessionNumber")) or document["sessionNumber"] < 1:
        return "sessionNumber is missing or no positive integer"
    if not is_integer(number) or not 1 <= number <= 3:
        return "enrichmentNumber is not 1 to 3"
    return _refuse_fields(document.get("enrichment"), schema)


def _refuse_fields(values: object, schema: Mapping[str, Any]) -> str | None:
    if not isinstance(values, dict):
        return "enrichment is missing or no JSON object"
    known = 0
    for field in schema["fields"]:
        name = field["name"]
        if name not in values:
            if not field["optional"]:
                return f"field {name} is missing"
            continue
        known += 1
        if not _TYPES[field["type"]](values[name]):
            return f"field {name} is no {field['type']}"
    if known < len(values):
        unknown = values.keys() - {field["name"] for field in schema["fields"]}
        return f"the schema has no field {min(unknown)!r}"
    return None
