"""The schema registered with Contentsquare, and the one validator of fields against it.

Source: "Creating an integration" (schema format, data types, limitations).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from collector.domain import limits


class FieldType(StrEnum):
    """The five documented types."""

    STRING = "STRING"
    INT = "INT"
    FLOAT = "FLOAT"
    BOOL = "BOOL"
    DATETIME = "DATETIME"


_DATETIME = re.compile(r"(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})Z")


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """One enrichment field as registered."""

    name: str
    type: FieldType
    optional: bool
    label: str = ""
    description: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Schema:
    """The fields of one integration version, immutable once registered."""

    fields: tuple[Field, ...]

    def problems(self) -> list[str]:
        """Every way in which the schema itself breaks a documented limit."""
        found = []
        for name, times in Counter(field.name for field in self.fields).items():
            if times > 1:
                found.append(f"field {name!r} is declared {times} times")
            size = len(name.encode(errors="surrogatepass"))
            if not 1 <= size <= limits.MAX_FIELD_NAME_BYTES:
                found.append(
                    f"field name {name!r} has {size} bytes; 1 to "
                    f"{limits.MAX_FIELD_NAME_BYTES} are allowed"
                )
        for kind, times in Counter(field.type for field in self.fields).items():
            if times > limits.MAX_FIELDS_PER_TYPE:
                found.append(
                    f"{times} fields of type {kind}; at most "
                    f"{limits.MAX_FIELDS_PER_TYPE} of each type are allowed"
                )
        if not self.fields:
            found.append("it declares no field")
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldProblem:
    """Why one field cannot be sent."""

    field: str
    reason: str

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}"


def check_fields(values: Mapping[str, object], schema: Schema) -> list[FieldProblem]:
    """Every problem of ``values`` against ``schema``; an empty list means they can be sent."""
    known = {field.name: field for field in schema.fields}
    found = [
        FieldProblem(field=name, reason="is not a field of the schema")
        for name in values
        if name not in known
    ]
    for field in schema.fields:
        if field.name in values:
            reason = check_value(values[field.name], field.type)
        else:
            reason = None if field.optional else "is required and has no value"
        if reason:
            found.append(FieldProblem(field=field.name, reason=reason))
    return found


def check_value(value: object, kind: FieldType) -> str | None:
    """Why ``value`` is not of type ``kind``, or None if it is."""
    return _CHECKS[kind](value)


def _string(value: object) -> str | None:
    if not isinstance(value, str):
        return f"{value!r} is not text"
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        return "is not valid Unicode text"
    if size > limits.MAX_STRING_BYTES:
        return f"has {size} bytes; at most {limits.MAX_STRING_BYTES} are allowed"
    return None


def _int(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return f"{value!r} is not an integer"
    if not limits.MIN_INT <= value <= limits.MAX_INT:
        return f"{value} lies outside {limits.MIN_INT} to {limits.MAX_INT}"
    return None


def _float(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"{value!r} is not a number"
    if not -limits.MAX_FLOAT <= value <= limits.MAX_FLOAT:  # NaN is in no range
        return f"{str(value)[:40]} lies outside ±{limits.MAX_FLOAT}"
    return None


def _bool(value: object) -> str | None:
    return None if isinstance(value, bool) else f"{value!r} is neither true nor false"


def _datetime(value: object) -> str | None:
    found = _DATETIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return f"{value!r} is not of the form YYYY-MM-DDThh:mm:ssZ"
    try:
        year, month, day, hour, minute, second = map(int, found.groups())
        datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return f"{value!r} is not a date that exists"
    return None


_CHECKS = {
    FieldType.STRING: _string,
    FieldType.INT: _int,
    FieldType.FLOAT: _float,
    FieldType.BOOL: _bool,
    FieldType.DATETIME: _datetime,
}


def listed(problems: Sequence[FieldProblem]) -> str:
    """The problems as one sentence, for people."""
    return "; ".join(str(problem) for problem in problems)
