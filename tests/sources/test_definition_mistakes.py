"""Every mistake in a definition or its schemas is told with its place, all of a kind at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sources.drafts import (
    CALLS,
    FIELDS,
    HEAD,
    KEYS,
    LENGTH,
    TOML,
    VERSION,
    draft,
    problems,
)


def with_calls(line: str) -> str:
    return TOML.replace(CALLS, CALLS + line + "\n")


def with_field(line: str) -> str:
    return TOML.replace(FIELDS, FIELDS + line + "\n")


def with_matching(lines: str) -> str:
    return TOML + "[matching]\n" + lines


@pytest.mark.parametrize(
    ("toml", "place", "said"),
    [
        (TOML.removeprefix(HEAD), "name", "Missing data"),
        ('name = ""\n' + TOML.removeprefix(HEAD), "name", "Length"),
        ("name = 5\n" + TOML.removeprefix(HEAD), "name", "Not a valid string"),
        (f'name = "{"x" * 201}"\n' + TOML.removeprefix(HEAD), "name", "Length"),
        ("colour = 1\n" + TOML, "colour", "Unknown field"),
        (HEAD + VERSION + FIELDS, "calls", "Missing data"),
        (TOML.replace('id = "id"\n', ""), "calls.id", "Missing data"),
        (TOML.replace('id = "id"', 'id = " "'), "calls.id", "must name a column"),
        (with_calls("colour = 1"), "calls.colour", "Unknown field"),
        (with_calls('duration_unit = "h"'), "calls.duration_unit", "ms, s, min"),
        (with_calls('ended = ""'), "calls.ended", "must name a column"),
        (TOML.replace('"visitor"', "7"), "calls.keys.visitor_id", "must name a column"),
        (TOML.replace('"visitor"', '""'), "calls.keys.visitor_id", "must name a column"),
        (HEAD + CALLS + KEYS, "versions", "Missing data"),
        (HEAD + CALLS + KEYS + "[versions]\n", "versions", "has no version"),
        (TOML.replace('schema = "schema.json"\n', ""), "versions.1.schema", "Missing data"),
        (TOML.replace("[versions.1.fields]\n" + FIELDS, ""), "versions.1.fields", "Missing data"),
        (with_field('note = "text"'), "versions.1.fields.note", "Invalid input type"),
        (with_field("note = {}"), "versions.1.fields.note", "exactly one of source"),
        (
            with_field('note = { source = "a", constant = "b" }'),
            "versions.1.fields.note",
            "exactly one of source",
        ),
        (
            with_field('note = { source = "a", colour = 1 }'),
            "versions.1.fields.note.colour",
            "Unknown field",
        ),
        (
            with_field('note = { call = "agent" }'),
            "versions.1.fields.note.call",
            "id, started, ended, duration",
        ),
        (with_field('note = { source = " " }'), "versions.1.fields.note.source", "name a column"),
        (
            with_field('note = { source = "a", map = {} }'),
            "versions.1.fields.note.map",
            "Shorter than minimum length",
        ),
        (
            with_field('note = { source = "a", multiply = "much" }'),
            "versions.1.fields.note.multiply",
            "Not a valid number",
        ),
        (
            with_field('note = { source = "a", multiply = nan }'),
            "versions.1.fields.note.multiply",
            "not permitted",
        ),
        (
            with_field('note = { source = "a", truncate = "yes" }'),
            "versions.1.fields.note.truncate",
            "Not a valid boolean",
        ),
        (with_matching("skew = 60\n"), "matching.skew", "Not a valid string"),
        (with_matching("rules = []\n"), "matching.rules", "Shorter than minimum length"),
        (with_matching("colour = 1\n"), "matching.colour", "Unknown field"),
        (with_matching("[[matching.rules]]\n"), "matching.rules.0.key", "Missing data"),
        (
            with_matching('[[matching.rules]]\nkey = "a"\nshared = "yes"\n'),
            "matching.rules.0.shared",
            "Not a valid boolean",
        ),
    ],
)
def test_a_mistake_in_the_form_is_told_with_its_place(
    tmp_path: Path, toml: str, place: str, said: str
) -> None:
    (problem,) = problems(draft(tmp_path, toml))
    assert problem.startswith(f"{place}: ")
    assert said in problem


def test_all_mistakes_of_form_are_told_at_once(tmp_path: Path) -> None:
    toml = with_field("note = {}").removeprefix(HEAD).replace('id = "id"\n', "") + "[colour]\n"
    assert sorted(problem.partition(":")[0] for problem in problems(draft(tmp_path, toml))) == [
        "calls.id",
        "colour",
        "name",
        "versions.1.fields.note",
    ]


@pytest.mark.parametrize(
    ("toml", "found"),
    [
        (
            TOML.replace('started = "at"\n', ""),
            "[calls] does not say when a call started: name 'started', or 'ended' and 'duration'",
        ),
        (
            with_calls('timezone = "Europe/Lutetia"'),
            "[calls] timezone 'Europe/Lutetia' is unknown; write one such as Europe/Paris",
        ),
        (
            with_calls('timezone = "Europe"'),
            "[calls] timezone 'Europe' is unknown; write one such as Europe/Paris",
        ),
        (
            with_calls('timezone = "../../etc/passwd"'),
            "[calls] timezone '../../etc/passwd' is unknown; write one such as Europe/Paris",
        ),
        (
            TOML.replace("visitor_id", '"Visitor-Id"'),
            "[calls.keys] 'Visitor-Id' is no kind of match key: lower case letters, digits and _",
        ),
        (
            TOML.replace(KEYS, ""),
            "[calls.keys] is empty: without a match key no call can meet a session",
        ),
        (
            with_matching('[[matching.rules]]\nkey = "Visitor"\n'),
            "[[matching.rules]] 'Visitor' is no kind of match key",
        ),
        (
            with_matching('[[matching.rules]]\nkey = "a"\n[[matching.rules]]\nkey = "a"\n'),
            "[matching] has two rules for one key",
        ),
        (
            with_matching('skew = "1 minute"\n'),
            "[matching] skew: '1 minute' is not a duration such as 90s, 30m, 24h or 7d",
        ),
        (
            with_matching('horizon = "3651d"\n'),
            "[matching] horizon: '3651d' is longer than ten years",
        ),
        (
            with_matching('[[matching.rules]]\nkey = "a"\nwindow = "-1d"\n'),
            "[matching] window: '-1d' is not a duration such as 90s, 30m, 24h or 7d",
        ),
        (
            with_field('colour = { source = "a" }'),
            "[versions.1] field 'colour' is not in the schema",
        ),
        (
            TOML.replace(FIELDS, ""),
            "[versions.1] field 'length' is required and has no recipe",
        ),
        (
            with_field('note = { source = "a", multiply = 2 }'),
            "[versions.1] field 'note': multiply works on numbers that come from the record",
        ),
        (
            with_field("note = { constant = 2026-01-31 }"),
            "[versions.1] field 'note': constant: datetime.date(2026, 1, 31) is not text",
        ),
        (
            with_field(f'note = {{ source = "a", default = "{"é" * 26}" }}'),
            "[versions.1] field 'note': default: has 52 bytes; at most 50 are allowed",
        ),
    ],
)
def test_a_mistake_in_the_meaning_is_told_with_its_place(
    tmp_path: Path, toml: str, found: str
) -> None:
    assert problems(draft(tmp_path, toml)) == [found]


@pytest.mark.parametrize("number", ["one", "0", "-1", "01", "1234567890"])
def test_a_version_is_named_by_its_number(tmp_path: Path, number: str) -> None:
    (problem,) = problems(draft(tmp_path, TOML.replace("versions.1", f"versions.{number}")))
    assert problem.startswith(f"versions.{number}")
    assert "is not a version number" in problem


def test_all_mistakes_of_meaning_are_told_at_once_with_those_of_the_schema(
    tmp_path: Path,
) -> None:
    toml = (
        with_calls('timezone = "Nowhere"').replace('started = "at"\n', "").replace(KEYS, "")
        + 'colour = { source = "a" }\n[matching]\nskew = "soon"\n'
    )
    found = problems(draft(tmp_path, toml, {"fields": [LENGTH, LENGTH]}))
    assert [problem.partition("] ")[0] for problem in found] == [
        "[calls",
        "[calls",
        "[calls.keys",
        "[matching",
        "[versions.1",
        "[versions.1",
    ]
    assert found[-2:] == [
        "[versions.1] schema: field 'length' is declared 2 times",
        "[versions.1] field 'colour' is not in the schema",
    ]


def test_a_missing_file_is_told_with_how_to_begin(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path / "integration.toml")
    assert problem.startswith("there is no such file")
    assert "COLLECTOR_INTEGRATION" in problem


def test_a_folder_is_no_definition(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path)
    assert problem.startswith("cannot be read: ")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"name = ", "is not valid TOML"),
        (b"name = 'a'\nname = 'b'\n", "is not valid TOML"),
        (b"\x00", "is not valid TOML"),
        ("name = 'téléphone'".encode("latin-1"), "is not UTF-8 text"),
    ],
)
def test_what_is_no_toml_or_no_utf_8_is_told(tmp_path: Path, content: bytes, said: str) -> None:
    (problem,) = problems(draft(tmp_path, content))
    assert problem.startswith(said)


@pytest.mark.parametrize("toml", ["a = " + "[" * 5000 + "]" * 5000, "a = " + "9" * 5000])
def test_a_file_that_the_parser_gives_up_on_is_no_crash(tmp_path: Path, toml: str) -> None:
    (problem,) = problems(draft(tmp_path, toml))
    assert problem.startswith("is not valid TOML")


def test_a_field_that_is_called_value_keeps_its_place(tmp_path: Path) -> None:
    (problem,) = problems(draft(tmp_path, TOML + "value = { colour = 1 }\n"))
    assert problem.startswith("versions.1.fields.value.colour")


@pytest.mark.parametrize("flag", ["1", '"true"'])
def test_a_flag_is_true_or_false_and_nothing_else(tmp_path: Path, flag: str) -> None:
    toml = TOML + f'note = {{ source = "x", truncate = {flag} }}\n'
    assert "versions.1.fields.note.truncate: Not a valid boolean" in problems(draft(tmp_path, toml))
