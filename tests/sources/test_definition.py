"""The integration definition: the shipped example reads, and what is left out has a default."""

from __future__ import annotations

from datetime import UTC, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from collector import resources
from collector.domain.definition import CallMapping, Matching, Recipe, Rule
from collector.domain.schema import Field, FieldType
from collector.sources import definition
from tests.sources.drafts import CALLS, HEAD, KEYS, TOML, draft


def test_the_shipped_example_reads() -> None:
    found = definition.read(resources.path("examples") / "phone-calls" / "integration.toml")
    assert found.name == "Phone calls"
    assert found.mapping == CallMapping(
        id=("call_id",),
        started=("started",),
        duration=("duration_s",),
        duration_unit=timedelta(seconds=1),
        updated=("updated",),
        keys={
            "session_key": ("session_key",),
            "visitor_id": ("visitor_id",),
            "reference": ("reference",),
            "tracking_number": ("dialled_number",),
        },
        zone=ZoneInfo("Europe/Paris"),
    )
    assert found.matching == Matching()
    assert found.columns() == {"status", "duration_s", "rating", "call_center"}
    (version,) = found.versions.values()
    assert version.number == 1
    assert [(field.name, field.type, field.optional) for field in version.schema.fields] == [
        ("answered", FieldType.BOOL, True),
        ("call_duration", FieldType.INT, False),
        ("call_client_rating", FieldType.FLOAT, True),
        ("call_center_name", FieldType.STRING, False),
        ("call_datetime", FieldType.DATETIME, False),
    ]
    assert version.recipes["call_duration"] == Recipe(source=("duration_s",), multiply=1000.0)
    assert version.recipes["call_datetime"] == Recipe(call="started")


def test_the_rules_that_the_example_shows_in_its_comments_are_the_defaults(
    tmp_path: Path,
) -> None:
    example = resources.path("examples") / "phone-calls" / "integration.toml"
    lines = example.read_text(encoding="utf-8").splitlines()
    shown = lines[lines.index("# [matching]") :]
    path = draft(tmp_path, TOML + "\n".join(line.removeprefix("# ") for line in shown))
    assert definition.read(path).matching == Matching()


def test_a_short_definition_has_the_documented_defaults(tmp_path: Path) -> None:
    found = definition.read(draft(tmp_path))
    assert found.mapping == CallMapping(
        id=("id",), started=("at",), keys={"visitor_id": ("visitor",)}, zone=UTC
    )
    assert found.matching == Matching()
    assert found.versions[1].schema.fields == (
        Field(name="length", type=FieldType.INT, optional=False),
        Field(name="note", type=FieldType.STRING, optional=True),
    )


@pytest.mark.parametrize(
    ("unit", "length"),
    [
        ("ms", timedelta(milliseconds=1)),
        ("s", timedelta(seconds=1)),
        ("min", timedelta(minutes=1)),
    ],
)
def test_a_duration_s_unit(tmp_path: Path, unit: str, length: timedelta) -> None:
    toml = TOML.replace("[calls]", f'[calls]\nduration = "took"\nduration_unit = "{unit}"')
    assert definition.read(draft(tmp_path, toml)).mapping.duration_unit == length


def test_rules_can_be_chosen_ordered_and_given_windows(tmp_path: Path) -> None:
    rules = (
        '[matching]\nskew = "0s"\nhorizon = "2h"\n'
        '[[matching.rules]]\nkey = "tracking_number"\n'
        '[[matching.rules]]\nkey = "loyalty_card"\nshared = true\n'
        '[[matching.rules]]\nkey = "visitor_id"\nwindow = "1d"\nshared = true\n'
    )
    assert definition.read(draft(tmp_path, TOML + rules)).matching == Matching(
        rules=(
            Rule(kind="tracking_number", window=timedelta(minutes=5), shared=True),
            Rule(kind="loyalty_card", window=timedelta(days=7), shared=True),
            Rule(kind="visitor_id", window=timedelta(days=1), shared=True),
        ),
        skew=timedelta(0),
        horizon=timedelta(hours=2),
    )


def test_several_versions_stand_side_by_side(tmp_path: Path) -> None:
    second = TOML.removeprefix(HEAD + CALLS + KEYS).replace("versions.1", "versions.12")
    found = definition.read(draft(tmp_path, TOML + second))
    assert sorted(found.versions) == [1, 12]
    assert found.versions[12].number == 12
