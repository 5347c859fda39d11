"""What somebody who checks a definition should know about it, although nothing is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from collector.domain.definition import Definition, Matching, Recipe


def facts(definition: Definition, adapted: Sequence[str]) -> Iterator[str]:
    """A line each: where records come from, what is used of them, what is kept of callers.

    ``adapted`` are the presets that the definition reads otherwise than they come.
    """
    if definition.main_preset:
        yield f"Records are read by the preset {definition.main_preset}, as [calls] adapts it."
    others = [name for name in adapted if name != definition.main_preset]
    if others:
        yield f"Presets adapted besides: {', '.join(others)}."
    if definition.call_parts():
        yield f"Fields are made from these parts of a call: {_list(definition.call_parts())}."
    yield f"Rules of matching: {_rules(definition.matching)}."
    for project_id, matching in sorted(definition.projects.items()):
        yield f"Rules of project {project_id}: {_rules(matching)}."
    yield _of_callers(definition, adapted)


def notes(definition: Definition, adapted: Sequence[str]) -> Iterator[str]:
    """What may be a mistake: keys that no rule uses, fields that no record can fill."""
    matchings = (definition.matching, *definition.projects.values())
    used = {rule.kind for matching in matchings for rule in matching.rules}
    for kind in sorted(set(definition.mapping.keys) - used):
        yield f"no rule uses the match key {kind!r}: it finds no session."
    for preset in _in_use(definition, adapted):
        mapping = definition.mapping_of(preset)
        whose = f"the preset {preset}" if preset else "[calls]"
        for field, recipe in _recipes(definition):
            if recipe.call is not None and not mapping.tells(recipe.call):
                made = f"{field} is made from the call's {recipe.call}"
                yield f"{made}, of which {whose} says nothing."


def _in_use(definition: Definition, adapted: Sequence[str]) -> list[str | None]:
    return [
        definition.main_preset,
        *(name for name in adapted if name != definition.main_preset),
    ]


def _recipes(definition: Definition) -> Iterator[tuple[str, Recipe]]:
    """Each recipe with the name of its field, as a sentence has it."""
    for version in definition.versions.values():
        for name, recipe in version.recipes.items():
            yield f"the field {name!r} of version {version.number}", recipe


def _of_callers(definition: Definition, adapted: Sequence[str]) -> str:
    columns = {
        column
        for preset in _in_use(definition, adapted)
        for column in definition.mapping_of(preset).caller
    }
    asking = [
        field
        for field, recipe in _recipes(definition)
        if recipe.call == "caller" or columns.intersection(recipe.source)
    ]
    if asking:
        return f"Callers' numbers are stored in the clear, for {' and '.join(asking)}."
    if columns:
        return "Callers' numbers are stored as a keyed hash only."
    return "Callers' numbers are not stored."


def _rules(matching: Matching) -> str:
    return ", ".join(rule.kind for rule in matching.rules)


def _list(parts: frozenset[str]) -> str:
    return ", ".join(sorted(parts))
