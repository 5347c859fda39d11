"""What somebody is told of a definition that is valid, so that no surprise comes with the calls."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.domain.definition import Definition
from collector.domain.review import facts, notes
from collector.sources import definition
from collector.sources.mappings import adapted_presets
from tests.sources.drafts import CALLS, FIELDS, HEAD, KEYS, TOML, VERSION, draft

PRESET = HEAD + '[calls]\npreset = "twilio"\n' + VERSION + FIELDS
HASHED = "Callers' numbers are stored as a keyed hash only."


def read(folder: Path, toml: str) -> Definition:
    return definition.read(draft(folder, toml))


def told(folder: Path, toml: str) -> list[str]:
    found = read(folder, toml)
    return list(facts(found, adapted_presets(found)))


def noted(folder: Path, toml: str) -> list[str]:
    found = read(folder, toml)
    return list(notes(found, adapted_presets(found)))


def test_a_definition_of_its_own_is_told_in_two_lines(tmp_path: Path) -> None:
    assert told(tmp_path, TOML) == [
        "Rules of matching: session_key, visitor_id, reference, tracking_number.",
        "Callers' numbers are not stored.",
    ]


def test_presets_parts_and_projects_are_told(tmp_path: Path) -> None:
    toml = (
        PRESET.replace(FIELDS, 'length = { call = "duration" }\nnote = { call = "dialled" }\n')
        + '[presets.callrail]\nvalue = ""\n[presets.invoca]\n'
        + '[[projects.163.matching.rules]]\nkey = "visitor_id"\n'
    )
    assert told(tmp_path, toml) == [
        "Records are read by the preset twilio, as [calls] adapts it.",
        "Presets adapted besides: callrail.",
        "Fields are made from these parts of a call: dialled, duration.",
        "Rules of matching: session_key, visitor_id, reference, tracking_number.",
        "Rules of project 163: visitor_id.",
        HASHED,
    ]


@pytest.mark.parametrize(
    ("toml", "last"),
    [
        (TOML.replace(CALLS, CALLS + 'caller = "who"\n'), HASHED),
        (PRESET + 'note = { source = "To" }\n', HASHED),
        (TOML + 'note = { source = "From" }\n', "Callers' numbers are not stored."),
        (
            PRESET + 'note = { call = "caller" }\n',
            "Callers' numbers are stored in the clear, for the field 'note' of version 1.",
        ),
        (
            PRESET + 'note = { source = ["name", "From"] }\n',
            "Callers' numbers are stored in the clear, for the field 'note' of version 1.",
        ),
        (
            TOML + 'note = { source = "callernum" }\n[presets.callrail]\nvalue = ""\n',
            "Callers' numbers are stored in the clear, for the field 'note' of version 1.",
        ),
    ],
)
def test_whether_callers_numbers_are_stored_in_the_clear_is_told(
    tmp_path: Path, toml: str, last: str
) -> None:
    assert told(tmp_path, toml)[-1] == last


def test_a_key_that_no_rule_uses_is_noted(tmp_path: Path) -> None:
    toml = TOML.replace(KEYS, KEYS + 'loyalty = "card"\n')
    assert noted(tmp_path, toml) == ["no rule uses the match key 'loyalty': it finds no session."]
    rule = '[[projects.163.matching.rules]]\nkey = "loyalty"\n'
    assert noted(tmp_path, toml + rule) == []


@pytest.mark.parametrize("part", ["ended", "answered", "value", "dialled", "caller"])
def test_a_part_that_no_record_tells_is_noted(tmp_path: Path, part: str) -> None:
    toml = TOML + f'note = {{ call = "{part}" }}\n'
    assert noted(tmp_path, toml) == [
        (
            f"the field 'note' of version 1 is made from the call's {part}, of which [calls] says "
            "nothing."
        )
    ]
    assert noted(tmp_path, PRESET + 'note = { call = "id" }\n') == []


def test_a_part_that_an_adapted_preset_does_not_tell_is_noted(tmp_path: Path) -> None:
    toml = HEAD + '[calls]\npreset = "invoca"\n' + VERSION + 'length = { call = "value" }\n'
    assert noted(tmp_path, toml) == []
    toml += "[presets.callrail]\nvalue = []\n"
    assert noted(tmp_path, toml) == [
        (
            "the field 'length' of version 1 is made from the call's value, of which the preset "
            "callrail says nothing."
        )
    ]
