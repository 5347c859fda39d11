"""Builds an enrichment's fields from a call, by the recipes of an integration version."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal

from collector.domain import values
from collector.domain.call import Call, Scalar
from collector.domain.definition import CallMapping, IntegrationVersion, Recipe
from collector.domain.enrichment import FieldValue
from collector.domain.identifiers import TRACKING_NUMBER
from collector.domain.reading import CALLER, ZONE
from collector.domain.records import as_text, says_something
from collector.domain.schema import FieldProblem, FieldType, check_fields
from collector.domain.times import format_datetime, parse_time, zone_named
from collector.domain.truncation import truncated

_PARTS: Mapping[str, Callable[[Call], Scalar]] = {
    "id": lambda call: call.call_id,
    "started": lambda call: format_datetime(call.started_at),
    "ended": lambda call: format_datetime(call.ended_at) if call.ended_at else None,
    "duration": lambda call: (
        (call.ended_at - call.started_at).total_seconds() if call.ended_at else None
    ),
    "answered": lambda call: call.answered,
    "value": lambda call: call.value,
    "dialled": lambda call: call.keys.get(TRACKING_NUMBER),
    "caller": lambda call: call.attributes.get(CALLER),
}

#: What ``call = "…"`` in a recipe can name.
CALL_PARTS = tuple(_PARTS)

#: How the parts of a call are written, however its record was.
_READ_ALREADY = CallMapping(id=())


class UnbuildableError(ValueError):
    """The fields cannot be built; ``problems`` says which ones and why, all of them."""

    def __init__(self, problems: list[FieldProblem]) -> None:
        self.problems = problems
        super().__init__("; ".join(str(problem) for problem in problems))


def build_fields(
    call: Call, version: IntegrationVersion, mapping: CallMapping
) -> dict[str, FieldValue]:
    """The fields of ``call`` under ``version``, checked as the sender checks them.

    ``mapping`` says how times and numbers in the call's columns are written. Absent optional
    fields are left out.

    Raises:
        UnbuildableError: names every field that has no sendable value.
    """
    made: dict[str, FieldValue] = {}
    problems: list[FieldProblem] = []
    for field in version.schema.fields:
        recipe = version.recipes.get(field.name)
        if recipe is None:
            continue
        try:
            value = make_value(call, recipe, field.type, mapping)
        except ValueError as error:
            problems.append(FieldProblem(field=field.name, reason=str(error)))
            continue
        if value is not None:
            made[field.name] = value
    told = {problem.field for problem in problems}
    problems += [
        problem for problem in check_fields(made, version.schema) if problem.field not in told
    ]
    if problems:
        raise UnbuildableError(problems)
    return made


def make_value(
    call: Call, recipe: Recipe, kind: FieldType, mapping: CallMapping
) -> FieldValue | None:
    """One field's value, or None where the call has none and the recipe no default.

    Raises:
        ValueError: the call has a value, but not one of this type.
    """
    if recipe.constant is not None:
        value: FieldValue | None = recipe.constant
    else:
        raw = _raw(call, recipe)
        if not says_something(raw):
            value = recipe.default
        elif recipe.map is not None:
            value = _mapped(raw, recipe)
        else:
            written = _as_written(mapping, call) if recipe.source else _READ_ALREADY
            value = _converted(raw, kind, written, recipe.multiply)
    return truncated(value) if recipe.truncate and isinstance(value, str) else value


def _as_written(mapping: CallMapping, call: Call) -> CallMapping:
    """The mapping with the time zone that the call's own record named."""
    named = call.attributes.get(ZONE)
    return replace(mapping, zone=zone_named(named)) if isinstance(named, str) else mapping


def _raw(call: Call, recipe: Recipe) -> Scalar:
    if recipe.source:
        for column in recipe.source:
            value = call.attributes.get(column)
            if says_something(value):
                return value
        return None
    return _PARTS[recipe.call](call) if recipe.call else None


def _mapped(raw: Scalar, recipe: Recipe) -> FieldValue:
    table: Mapping[str, FieldValue] = recipe.map or {}
    text = as_text(raw).strip()
    if text in table:
        return table[text]
    if recipe.default is not None:
        return recipe.default
    raise ValueError(f"{text[:40]!r} is not among the mapped values ({', '.join(sorted(table))})")


def _converted(
    raw: Scalar, kind: FieldType, mapping: CallMapping, multiply: float | None
) -> FieldValue | None:
    match kind:
        case FieldType.STRING:
            return as_text(raw).strip()
        case FieldType.BOOL:
            return values.parse_bool(as_text(raw))
        case FieldType.DATETIME:
            return format_datetime(parse_time(as_text(raw), mapping.zone, mapping.time_formats))
        case FieldType.INT:
            number = _decimal(raw, mapping, multiply)
            if number != number.to_integral_value():
                raise ValueError(f"{number.normalize()} is not a whole number")
            return int(number)
        case FieldType.FLOAT:
            return float(_decimal(raw, mapping, multiply))


def _decimal(raw: Scalar, mapping: CallMapping, multiply: float | None) -> Decimal:
    # Decimal keeps 0.1 * 1000 at exactly 100, which binary floats would not.
    # Only text can have a decimal comma; a number's own form has a point.
    sign = mapping.decimal if isinstance(raw, str) else "."
    number = values.parse_number(as_text(raw), sign)
    return number if multiply is None else number * Decimal(str(multiply))
