"""What changes between two integration versions, field by field."""

from __future__ import annotations

from collections.abc import Iterator

from collector.domain.definition import IntegrationVersion, Recipe
from collector.domain.schema import Field


def differences(old: IntegrationVersion, new: IntegrationVersion) -> list[str]:
    """One line for each change; an empty list means that both send the same."""
    before = {field.name: field for field in old.schema.fields}
    after = {field.name: field for field in new.schema.fields}
    lines = [f"- {name} ({before[name].type})" for name in before if name not in after]
    for name, field in after.items():
        if name not in before:
            lines.append(f"+ {name} ({field.type}, {_need(field)})")
        else:
            changes = list(_changes(before[name], field))
            changes += _recipe_changes(old.recipes.get(name), new.recipes.get(name))
            lines += [f"~ {name}: {change}" for change in changes]
    return lines


def _need(field: Field) -> str:
    return "optional" if field.optional else "required"


def _changes(before: Field, after: Field) -> Iterator[str]:
    if before.type is not after.type:
        yield f"type {before.type} becomes {after.type}"
    if before.optional is not after.optional:
        yield f"{_need(before)} becomes {_need(after)}"
    for part in ("label", "description"):
        if getattr(before, part) != getattr(after, part):
            yield f"{part} {getattr(before, part)!r} becomes {getattr(after, part)!r}"


def _recipe_changes(before: Recipe | None, after: Recipe | None) -> Iterator[str]:
    if before != after:
        yield f"made from {told(before)} becomes made from {told(after)}"


def told(recipe: Recipe | None) -> str:
    """How a field is made, in a few words."""
    if recipe is None:
        return "nothing"
    if recipe.source:
        words = "column " + " or ".join(repr(column) for column in recipe.source)
    else:
        words = f"the call's {recipe.call}" if recipe.call else repr(recipe.constant)
    if recipe.map is not None:
        words += f", mapped: {', '.join(sorted(recipe.map))}"
    if recipe.multiply is not None:
        words += f" times {recipe.multiply:g}"
    if recipe.truncate:
        words += ", truncated"
    if recipe.default is not None:
        words += f", else {recipe.default!r}"
    return words
