"""A short integration definition with its schema, whose parts the tests replace."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from collector.errors import DefinitionError
from collector.sources import definition

HEAD = 'name = "Phone calls"\n'
CALLS = '[calls]\nid = "id"\nstarted = "at"\n'
KEYS = '[calls.keys]\nvisitor_id = "visitor"\n'
VERSION = '[versions.1]\nschema = "schema.json"\n[versions.1.fields]\n'
FIELDS = 'length = { source = "seconds" }\n'
TOML = HEAD + CALLS + KEYS + VERSION + FIELDS

LENGTH = {"name": "length", "type": "INT", "optional": False}
NOTE = {"name": "note", "type": "STRING", "optional": True}
SCHEMA = {"fields": [LENGTH, NOTE]}


def draft(folder: Path, toml: str | bytes = TOML, schema: object = SCHEMA) -> Path:
    """Write the definition and its schema; ``schema`` is bytes, or anything JSON can hold."""
    (folder / "schema.json").write_bytes(
        schema if isinstance(schema, bytes) else json.dumps(schema).encode()
    )
    path = folder / "integration.toml"
    path.write_bytes(toml if isinstance(toml, bytes) else toml.encode())
    return path


def problems(path: Path) -> list[str]:
    """Every problem that reading the definition tells."""
    with pytest.raises(DefinitionError) as error:
        definition.read(path)
    assert error.value.path == str(path)
    assert str(error.value) == f"{path}: " + "; ".join(error.value.problems)
    assert error.value.exit_code == 2
    return list(error.value.problems)
