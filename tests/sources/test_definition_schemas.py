"""Every mistake in a registered schema is told with its version, its file and its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sources.drafts import LENGTH, TOML, draft, problems


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
