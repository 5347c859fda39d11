"""An invented call record that fits a definition, to show what a payload will look like."""

from __future__ import annotations

from collector.domain import identifiers
from collector.domain.definition import Definition, IntegrationVersion
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
        if recipe is not None and recipe.source is not None:
            record[recipe.source] = next(iter(recipe.map or ()), _VALUES[field.type])
    for kind, column in mapping.keys.items():
        record.setdefault(column, _KEYS.get(kind, f"example-{kind}"))
    whole = {
        mapping.id: "call-1",
        mapping.started: _TIME,
        mapping.ended: "2026-01-31T14:06:15Z",
        mapping.duration: "75",
        mapping.updated: _TIME,
    }
    return record | {column: value for column, value in whole.items() if column is not None}
