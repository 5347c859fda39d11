"""An invented call record that fits a definition, to show what a payload will look like."""

from __future__ import annotations

from collector.domain import identifiers
from collector.domain.definition import Condition, Definition, IntegrationVersion
from collector.domain.schema import FieldType

_TIME = "2026-01-31T14:05:00Z"
_KEYS = {
    identifiers.SESSION_KEY: "ae267-6g87D-88Nn6od.4",
    identifiers.TRACKING_NUMBER: "+33199000001",  # from a range reserved for fiction
}
_VALUES = {
    FieldType.STRING: "example",
    FieldType.INT: "42",
    FieldType.FLOAT: "4.5",
    FieldType.BOOL: "true",
    FieldType.DATETIME: _TIME,
}


def example_record(definition: Definition, version: IntegrationVersion) -> dict[str, object]:
    """One record with a value in every column that the definition names."""
    mapping = definition.mapping
    record: dict[str, object] = {}
    for field in version.schema.fields:
        recipe = version.recipes.get(field.name)
        if recipe is not None and recipe.source:
            record[recipe.source[0]] = next(iter(recipe.map or ()), _VALUES[field.type])
    for kind, columns in mapping.keys.items():
        record.setdefault(columns[0], _KEYS.get(kind, f"example-{kind}"))
    whole = {
        mapping.id: "call-1",
        mapping.started: _TIME,
        mapping.ended: "2026-01-31T14:06:15Z",
        mapping.duration: "75",
        mapping.updated: _TIME,
        mapping.value: "12.5",
        mapping.caller: "+33199000002",
    }
    record |= {columns[0]: value for columns, value in whole.items() if columns}
    return record | dict(_said(condition) for condition in (*mapping.only, *mapping.answered))


def _said(condition: Condition) -> tuple[str, object]:
    """A column and a value that meets the condition."""
    if condition.above is not None:
        return condition.columns[0], str(condition.above + 1)
    return condition.columns[0], min(condition.values, default="")
