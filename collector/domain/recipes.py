"""Checks recipes against the schema they serve, before a call ever meets them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from collector.domain.definition import Recipe
from collector.domain.enrichment import FieldValue
from collector.domain.schema import Field, FieldType, Schema, check_value
from collector.domain.truncation import truncated

_NUMBERS = (FieldType.INT, FieldType.FLOAT)
_MOMENT = (FieldType.DATETIME, FieldType.STRING)
_NUMBER = (*_NUMBERS, FieldType.STRING)

#: Which fields the parts of a call fit as they are.
_FITTING = {
    "id": (FieldType.STRING, FieldType.INT),
    "started": _MOMENT,
    "ended": _MOMENT,
    "duration": _NUMBER,
    "answered": (FieldType.BOOL, FieldType.STRING),
    "value": _NUMBER,
    "dialled": (FieldType.STRING,),
    "caller": (FieldType.STRING,),
}


def recipe_problems(schema: Schema, recipes: Mapping[str, Recipe]) -> list[str]:
    """Every way in which ``recipes`` cannot serve ``schema``."""
    known = {field.name for field in schema.fields}
    problems = [f"field {name!r} is not in the schema" for name in recipes if name not in known]
    for field in schema.fields:
        recipe = recipes.get(field.name)
        if recipe is None:
            if not field.optional:
                problems.append(f"field {field.name!r} is required and has no recipe")
        else:
            problems += [f"field {field.name!r}: {reason}" for reason in _of_one(field, recipe)]
    return problems


def _of_one(field: Field, recipe: Recipe) -> Iterator[str]:
    if recipe.constant is not None and (recipe.map or recipe.multiply is not None):
        yield "a constant is sent as it is; it takes neither map nor multiply"
    elif recipe.multiply is not None and (field.type not in _NUMBERS or recipe.map is not None):
        yield "multiply works on numbers that come from the record"
    if recipe.call is not None and recipe.map is None and field.type not in _FITTING[recipe.call]:
        fitting = " or ".join(_FITTING[recipe.call])
        yield f"the call's {recipe.call} fits {fitting}, not {field.type}"
    if recipe.truncate and field.type is not FieldType.STRING:
        yield f"truncate works on STRING, not {field.type}"
    for what, value in _written_values(recipe):
        reason = check_value(_as_sent(value, recipe), field.type)
        if reason:
            yield f"{what}: {reason}"


def _written_values(recipe: Recipe) -> Iterator[tuple[str, FieldValue]]:
    """The values that stand in the definition itself and must be sendable as they are."""
    if recipe.constant is not None:
        yield "constant", recipe.constant
    if recipe.default is not None:
        yield "default", recipe.default
    for text, value in (recipe.map or {}).items():
        yield f"map of {text!r}", value


def _as_sent(value: FieldValue, recipe: Recipe) -> FieldValue:
    return truncated(value) if recipe.truncate and isinstance(value, str) else value
