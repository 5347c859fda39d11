"""Every mistake in a registered schema is told with its version, its file and its place."""

from __future__ import annotations

import codecs
import json
from pathlib import Path

import pytest

from collector.domain.schema import FieldType
from collector.sources import definition
from tests.sources.drafts import LENGTH, SCHEMA, TOML, draft, problems


def field(name: str, kind: str = "STRING") -> dict[str, object]:
    return {"name": name, "type": kind, "optional": True}


@pytest.mark.parametrize(
    ("schema", "found"),
    [
        (
            {"fields": [LENGTH, *(field(f"f{number}") for number in range(11))]},
            "schema: 11 fields of type STRING; at most 10 of each type are allowed",
        ),
        (
            {"fields": [LENGTH, field("x" * 31)]},
            f"schema: field name '{'x' * 31}' has 31 bytes; 1 to 30 are allowed",
        ),
        ([], "schema file schema.json: Invalid input type"),
        ({}, "schema file schema.json: fields: Missing data for required field"),
        ({"fields": {}}, "schema file schema.json: fields: Not a valid list"),
        ({"fields": ["a"]}, "schema file schema.json: fields.0: Invalid input type"),
        (
            {"fields": [LENGTH], "version": 1},
            "schema file schema.json: version: Unknown field",
        ),
        (
            {"fields": [LENGTH, {"type": "INT", "optional": True}]},
            "schema file schema.json: fields.1.name: Missing data for required field",
        ),
        (
            {"fields": [{**LENGTH, "type": "INTEGER"}]},
            f"schema file schema.json: fields.0.type: Must be one of: {', '.join(FieldType)}",
        ),
        (
            {"fields": [{"name": "length", "type": "INT"}]},
            "schema file schema.json: fields.0.optional: Missing data for required field",
        ),
        (
            {"fields": [{**LENGTH, "optional": "no"}]},
            "schema file schema.json: fields.0.optional: Not a valid boolean",
        ),
        (
            {"fields": [{**LENGTH, "colour": "red"}]},
            "schema file schema.json: fields.0.colour: Unknown field",
        ),
    ],
)
def test_a_mistake_in_the_schema_is_told_with_its_version_and_place(
    tmp_path: Path, schema: object, found: str
) -> None:
    assert problems(draft(tmp_path, schema=schema)) == [f"[versions.1] {found}"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"null", "Invalid input type"),
    ],
)
def test_a_schema_file_that_is_no_json_object_is_told(
    tmp_path: Path, content: bytes, said: str
) -> None:
    (problem,) = problems(draft(tmp_path, schema=content))
    assert problem.startswith("[versions.1] schema file ")
    assert "schema.json" in problem
    assert said in problem


@pytest.mark.parametrize("name", ["missing.json", "."])
def test_a_schema_file_that_cannot_be_read_is_told_with_its_path(tmp_path: Path, name: str) -> None:
    path = draft(tmp_path, TOML.replace("schema.json", name))
    (problem,) = problems(path)
    assert problem.startswith(f"[versions.1] schema file {tmp_path / name} cannot be read: ")


def test_all_mistakes_of_the_schemas_form_are_told_at_once(tmp_path: Path) -> None:
    schema = {"fields": [{**LENGTH, "type": "TEXT"}, {"name": 5, "type": "INT"}]}
    assert [line.split(": ")[1] for line in problems(draft(tmp_path, schema=schema))] == [
        "fields.0.type",
        "fields.1.name",
        "fields.1.optional",
    ]


def test_a_field_name_that_is_no_text_is_told(tmp_path: Path) -> None:
    schema = b'{"fields": [{"name": "\\ud800", "type": "INT", "optional": true}]}'
    assert problems(draft(tmp_path, schema=schema))


def test_a_byte_order_mark_before_a_schema_is_no_mistake(tmp_path: Path) -> None:
    content = codecs.BOM_UTF8 + json.dumps(SCHEMA).encode()
    found = definition.read(draft(tmp_path, schema=content))
    assert [field.name for field in found.versions[1].schema.fields] == ["length", "note"]
