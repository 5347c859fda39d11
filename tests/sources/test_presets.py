"""The presets read, can be adapted part by part, and stand in the documents as they are."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from collector.domain.definition import Condition, Definition, Signature
from collector.sources import definition, presets
from collector.sources.call_shapes import CallsShape
from collector.sources.mappings import adapted, adapted_presets, as_table, standard
from tests.sources.drafts import FIELDS, HEAD, TOML, VERSION, draft

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "platforms.md").read_text(encoding="utf-8")


def of(folder: Path, calls: str) -> Definition:
    return definition.read(draft(folder, HEAD + calls + VERSION + FIELDS))


@pytest.mark.parametrize("name", presets.NAMES)
def test_a_preset_reads_without_a_problem(name: str) -> None:
    problems: list[str] = []
    preset = adapted(name, {}, name, problems)
    assert problems == []
    assert preset.name == name
    assert preset.mapping.caller
    assert preset.mapping.answered
    assert preset.mapping.only
    assert set(preset.mapping.keys) == {"visitor_id", "tracking_number"}
    assert presets.about(name).lower().startswith(f"{name}: ")


def test_every_definition_knows_every_preset(tmp_path: Path) -> None:
    found = definition.read(draft(tmp_path))
    assert tuple(found.presets) == presets.NAMES
    assert found.main_preset is None
    assert adapted_presets(found) == []


@pytest.mark.parametrize("name", presets.NAMES)
def test_a_provider_on_a_platform_writes_no_mapping(tmp_path: Path, name: str) -> None:
    found = of(tmp_path, f'[calls]\npreset = "{name}"\n')
    assert found.main_preset == name
    assert found.mapping is found.presets[name].mapping
    assert found.presets[name] == standard(name)
    assert found.source_of(None) == name


@pytest.mark.parametrize("name", presets.NAMES)
def test_a_preset_s_file_can_stand_in_a_definition(tmp_path: Path, name: str) -> None:
    written = presets.text(name).partition("[calls.webhook]")[0]
    assert of(tmp_path, written + "\n").mapping == standard(name).mapping


@pytest.mark.parametrize("name", presets.NAMES)
def test_a_preset_s_table_tells_all_of_it(name: str) -> None:
    told: dict[str, Any] = {**as_table(standard(name))}
    told = {key: list(said) if isinstance(said, tuple) else said for key, said in told.items()}
    told["keys"] = {kind: list(columns) for kind, columns in told["keys"].items()}
    for part in ("only", "answered"):
        told[part] = [{**one, "column": list(one["column"])} for one in told[part]]
    loaded: dict[str, Any] = CallsShape().load(told)
    assert adapted(name, loaded, name, []) == standard(name)


def test_what_a_definition_says_stands_in_the_place_of_what_its_preset_says(
    tmp_path: Path,
) -> None:
    found = of(
        tmp_path,
        '[calls]\npreset = "callrail"\nid = "id"\nvalue = ""\nupdated = ["changed", "made"]\n'
        'timezone = "Europe/Paris"\nanswered = []\n'
        '[calls.keys]\nvisitor_id = ""\nreference = "custom.basket"\n'
        '[[calls.only]]\ncolumn = "company_id"\nis = [7, "8", true]\n'
        '[calls.webhook]\nsignature = "hmac"\nheader = "X-Sign"\nalgorithm = "sha256"\n'
        'encoding = "hex"\nprefix = "v1="\n',
    )
    was, now = standard("callrail").mapping, found.mapping
    assert now.id == ("id",)
    assert now.started == was.started
    assert now.value == ()
    assert now.updated == ("changed", "made")
    assert str(now.zone) == "Europe/Paris"
    assert now.keys == {
        "tracking_number": was.keys["tracking_number"],
        "reference": ("custom.basket",),
    }
    assert now.answered == ()
    assert now.only == (Condition(columns=("company_id",), values=frozenset({"7", "8", "true"})),)
    assert found.presets["callrail"].signature == Signature(
        scheme="hmac", header="X-Sign", algorithm="sha256", encoding="hex", prefix="v1="
    )
    assert adapted_presets(found) == ["callrail"]


def test_a_preset_besides_the_definition_s_own_mapping_is_adapted(tmp_path: Path) -> None:
    more = (
        '[presets.twilio]\ncaller = []\n[presets.twilio.keys]\nvisitor_id = "who"\n'
        '[presets.callrail.webhook]\nsignature = "none"\n'
        '[[presets.infinity.answered]]\ncolumn = "callDuration"\nabove = 2.5\n'
    )
    found = definition.read(draft(tmp_path, TOML + more))
    was = standard("twilio").mapping
    assert found.presets["twilio"].mapping == replace(
        was, caller=(), keys={**was.keys, "visitor_id": ("who",)}
    )
    assert found.presets["callrail"] == replace(standard("callrail"), signature=None)
    assert found.presets["infinity"].mapping.answered == (
        Condition(columns=("callDuration",), above=Decimal("2.5")),
    )
    assert adapted_presets(found) == ["twilio", "callrail", "infinity"]
    assert found.mapping.id == ("id",)
    assert found.mapping_of("twilio") is found.presets["twilio"].mapping


def test_an_empty_table_adapts_nothing(tmp_path: Path) -> None:
    found = definition.read(draft(tmp_path, TOML + "[presets.twilio]\n"))
    assert adapted_presets(found) == []


def test_the_presets_sign_as_their_platforms_do() -> None:
    assert {name: standard(name).signature for name in presets.NAMES} == {
        "twilio": Signature(scheme="twilio", header="X-Twilio-Signature"),
        "callrail": Signature(scheme="hmac", header="Signature"),
        "invoca": None,
        "infinity": None,
    }


# docs/platforms.md


def documented(name: str) -> dict[str, str]:
    """The table of columns in a platform's chapter: each part and what is said of it."""
    heading = {"twilio": "Twilio", "callrail": "CallRail", "invoca": "Invoca"}.get(name, "Infinity")
    chapter = re.split(r"^## ", DOCUMENT.partition(f"\n## {heading}\n")[2], flags=re.MULTILINE)[0]
    rows = re.findall(r"^\| `([a-z_.]+)` \| (.+) \|$", chapter, flags=re.MULTILINE)
    assert len(dict(rows)) == len(rows) > 0
    return dict(rows)


def written(name: str) -> dict[str, str]:
    """The same table as the preset has it."""
    mapping = standard(name).mapping
    rows = {
        part: _columns(getattr(mapping, part))
        for part in ("id", "started", "ended", "duration", "updated", "caller", "value")
    }
    rows |= {f"keys.{kind}": _columns(columns) for kind, columns in mapping.keys.items()}
    for part in ("only", "answered"):
        rows[part] = "; ".join(map(_condition, getattr(mapping, part)))
    return {part: said for part, said in rows.items() if said}


def _columns(columns: tuple[str, ...]) -> str:
    return ", ".join(f"`{column}`" for column in columns)


def _condition(condition: Condition) -> str:
    if condition.above is not None:
        return f"{_columns(condition.columns)} above {condition.above}"
    word = "is not" if condition.excluded else "is"
    said = sorted(condition.excluded or condition.values)
    return f"{_columns(condition.columns)} {word} {' or '.join(said)}"


@pytest.mark.parametrize("name", presets.NAMES)
def test_the_documents_say_which_columns_a_preset_reads(name: str) -> None:
    assert documented(name) == written(name)


def test_the_table_in_the_documents_leaves_no_part_of_a_mapping_out() -> None:
    shown = {"id", "started", "ended", "duration", "updated", "caller", "value", "keys"}
    shown |= {"only", "answered"}
    others = {"duration_unit", "zone", "zone_column", "time_formats", "decimal"}
    assert {field.name for field in fields(standard("twilio").mapping)} == shown | others
