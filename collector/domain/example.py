"""An invented call record that fits a definition, to show what a payload will look like."""

from __future__ import annotations

from datetime import timedelta

from collector.domain import identifiers
from collector.domain.conditions import all_hold
from collector.domain.definition import CallMapping, Condition, Definition, IntegrationVersion
from collector.domain.schema import FieldType

_TIME = "2026-01-31T14:05:00Z"
_KEYS = {
    identifiers.SESSION_KEY: "ae267-6g87D-88Nn6od.4",
    identifiers.TRACKING_NUMBER: "+33199000001",  # from a range reserved for fiction
}
_VALUES = {
    FieldType.STRING: "example",
    FieldType.INT: "42",
    FieldType.BOOL: "true",
    FieldType.DATETIME: _TIME,
}


def example_record(
    definition: Definition, version: IntegrationVersion, preset: str | None = None
) -> dict[str, object]:
    """One record with a value in every column that the preset, or the definition itself, names."""
    mapping = definition.mapping_of(preset)
    record: dict[str, object] = {}
    for field in version.schema.fields:
        recipe = version.recipes.get(field.name)
        if recipe is not None and recipe.source:
            record[recipe.source[0]] = next(iter(recipe.map or ()), _sample(field.type, mapping))
    for kind, columns in mapping.keys.items():
        record.setdefault(columns[0], _KEYS.get(kind, f"example-{kind}"))
    whole = (
        (mapping.id, "call-1"),
        (mapping.updated, _TIME),
        (mapping.ended, "2026-01-31T14:06:15Z"),
        (mapping.duration, str(int(timedelta(seconds=75) / mapping.duration_unit) or 1)),
        (mapping.started, _TIME),
        (mapping.value, f"12{mapping.decimal}5"),
        (mapping.caller, "+33199000002"),
    )
    record |= {columns[0]: value for columns, value in whole if columns}
    for condition in (*mapping.only, *mapping.answered):
        if not all_hold(record, [condition]):
            record[condition.columns[0]] = _said(condition)
    return record


def _sample(kind: FieldType, mapping: CallMapping) -> str:
    return f"4{mapping.decimal}5" if kind is FieldType.FLOAT else _VALUES[kind]


def _said(condition: Condition) -> str:
    """What meets the condition; nothing at all does, where only certain values do not."""
    if condition.above is not None:
        return str(condition.above + 1)
    return min(condition.values, default="")
