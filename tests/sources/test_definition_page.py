"""docs/definition.md shows everything that can be said, and all of it is read."""

from __future__ import annotations

import re
from pathlib import Path

from collector.domain.definition import Definition, SqlSource
from collector.sources import definition
from collector.sources.call_shapes import CallsShape, MappingShape
from tests.sources.drafts import draft

PAGE = (Path(__file__).parents[2] / "docs" / "definition.md").read_text(encoding="utf-8")


def shown() -> str:
    (block,) = re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return str(block)


def read(tmp_path: Path) -> Definition:
    return definition.read(draft(tmp_path, shown()))


def test_the_definition_that_the_page_shows_is_a_valid_one(tmp_path: Path) -> None:
    found = read(tmp_path)
    assert found.mapping.started == ("began",)
    assert found.files.encoding == "cp1252"
    assert isinstance(found.sql, SqlSource)
    assert found.presets["callrail"].mapping.keys["visitor_id"] == ("custom.visitor",)
    assert [rule.kind for rule in found.matching_of(162).rules] == ["visitor_id"]
    assert [rule.kind for rule in found.matching_of(163).rules] == ["visitor_id", "tracking_number"]


def test_the_page_names_everything_that_calls_can_say() -> None:
    names = {field.data_key or name for name, field in CallsShape().fields.items()}
    assert set(MappingShape().fields) - {"only_"} <= names
    for name in names - {"webhook"}:  # of presets alone
        assert re.search(rf"^{name} = |calls\.{name}\]", shown(), re.MULTILINE), name
