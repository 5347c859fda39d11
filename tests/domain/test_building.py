"""An enrichment's fields are made from a call by recipes, and checked as the sender checks them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.domain.building import UnbuildableError, build_fields, make_value, truncated
from collector.domain.definition import CallMapping, IntegrationVersion, Recipe
from collector.domain.schema import Field, FieldType, Schema
from tests.domain.samples import NOON, a_call

BOOL, DATETIME, FLOAT = FieldType.BOOL, FieldType.DATETIME, FieldType.FLOAT
INT, STRING = FieldType.INT, FieldType.STRING


PLAIN = CallMapping(id=("id",))
MAPPING = replace(PLAIN, zone=ZoneInfo("Europe/Paris"))


def made(raw: object, kind: FieldType, **steps: Any) -> object:
    """The value of a field that comes from a column holding ``raw``."""
    recipe = Recipe(source=("column",), **steps)
    call = a_call(attributes={"column": raw})
    return make_value(call, recipe, kind, MAPPING)


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        (STRING, " RENNES ", "RENNES"),
        (STRING, 5, "5"),
        (STRING, 4.5, "4.5"),
        (INT, "75", 75),
        (INT, " -75 ", -75),
        (INT, "75.0", 75),
        (INT, 75.0, 75),
        (INT, "7.5e1", 75),
        (INT, "2147483647", 2**31 - 1),
        (FLOAT, "4.5", 4.5),
        (FLOAT, 4, 4.0),
        (FLOAT, "-1.79769e308", -1.79769e308),
        (BOOL, True, True),
        (BOOL, False, False),
        (BOOL, 1, True),
        (BOOL, "0", False),
        (BOOL, " YES ", True),
        (BOOL, "off", False),
        (DATETIME, "2026-03-02T13:00:00", "2026-03-02T12:00:00Z"),
        (DATETIME, "2026-03-02T12:00:00.999Z", "2026-03-02T12:00:00Z"),
    ],
)
def test_what_a_column_holds_becomes_a_value_of_the_field_s_type(
    kind: FieldType, raw: object, value: object
) -> None:
    found = made(raw, kind)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("kind", "raw", "said"),
    [
        (INT, "75.5", "75.5 is not a whole number"),
        (INT, "many", "'many' is not a number"),
        (INT, "1,5", "'1,5' is not a number"),
        (INT, True, "'True' is not a number"),
        (INT, "NaN", "not a number that can be sent"),
        (INT, "1e999999", "not a number that can be sent"),
        (FLOAT, "NaN", "not a number that can be sent"),
        (FLOAT, "sNaN", "not a number that can be sent"),
        (FLOAT, "-Infinity", "not a number that can be sent"),
        (FLOAT, float("nan"), "not a number that can be sent"),
        (FLOAT, float("inf"), "not a number that can be sent"),
        (FLOAT, "1e400", "not a number that can be sent"),
        (FLOAT, "1e999999", "not a number that can be sent"),
        (FLOAT, "1e" + "9" * 50, "is not a number"),
        (FLOAT, 10**400, "not a number that can be sent"),
        (FLOAT, False, "'False' is not a number"),
        (BOOL, "maybe", "'maybe' is neither true nor false"),
        (BOOL, 2, "'2' is neither true nor false"),
        (DATETIME, "noon", "not an ISO 8601 time"),
        (DATETIME, 1772452800, "not an ISO 8601 time"),
    ],
)
def test_what_is_no_value_of_the_field_s_type_is_refused(
    kind: FieldType, raw: object, said: str
) -> None:
    with pytest.raises(ValueError, match=said) as error:
        made(raw, kind)
    assert len(str(error.value)) < 200


@pytest.mark.parametrize("kind", list(FieldType))
@pytest.mark.parametrize("raw", [None, "", "  "])
def test_an_empty_column_has_no_value(kind: FieldType, raw: str | None) -> None:
    assert made(raw, kind) is None


@pytest.mark.parametrize("raw", [None, "", " "])
@pytest.mark.parametrize("default", ["UNKNOWN", ""])
def test_the_default_stands_in_for_an_empty_column(raw: str | None, default: str) -> None:
    assert made(raw, STRING, default=default) == default


@pytest.mark.parametrize(("raw", "value"), [("0", 0), (0, 0), (False, False)])
def test_zero_and_false_are_values_and_no_reason_for_the_default(
    raw: object, value: object
) -> None:
    assert made(raw, BOOL if raw is False else INT, default=True) == value


@pytest.mark.parametrize(
    ("kind", "raw", "factor", "value"),
    [
        (INT, "75", 1000.0, 75_000),
        (INT, "0.1", 1000.0, 100),
        (INT, "1.005", 1000.0, 1005),
        (FLOAT, "3", 0.1, 0.3),
    ],
)
def test_multiplying_is_exact(kind: FieldType, raw: str, factor: float, value: float) -> None:
    assert made(raw, kind, multiply=factor) == value


MAP = {"completed": True, "no-answer": False, "true": True, "0": False}


@pytest.mark.parametrize(
    ("raw", "value"),
    [("completed", True), (" no-answer ", False), (True, True), (0, False)],
)
def test_a_value_map_translates_what_the_column_holds(raw: object, value: bool) -> None:
    assert made(raw, BOOL, map=MAP) is value


@pytest.mark.parametrize("raw", ["busy", "Completed"])
def test_a_value_that_the_map_lacks_is_refused_with_those_it_knows(raw: str) -> None:
    with pytest.raises(ValueError, match=rf"{raw}.*\(0, completed, no-answer, true\)"):
        made(raw, BOOL, map=MAP)


def test_a_value_that_the_map_lacks_becomes_the_default_if_there_is_one() -> None:
    assert made("busy", BOOL, map=MAP, default=False) is False


@pytest.mark.parametrize(
    ("part", "kind", "value"),
    [
        ("id", STRING, "call-1"),
        ("started", DATETIME, "2026-03-02T12:00:00Z"),
        ("ended", DATETIME, "2026-03-02T12:01:15Z"),
        ("duration", INT, 75),
        ("duration", FLOAT, 75.0),
    ],
)
def test_a_field_can_be_made_from_the_call_itself(
    part: str, kind: FieldType, value: object
) -> None:
    assert make_value(a_call(), Recipe(call=part), kind, PLAIN) == value


@pytest.mark.parametrize("part", ["ended", "duration"])
def test_a_call_without_an_end_has_neither_end_nor_duration(part: str) -> None:
    call = a_call(ended_at=None)
    assert make_value(call, Recipe(call=part), FLOAT, PLAIN) is None
    assert make_value(call, Recipe(call=part, default=0.0), FLOAT, PLAIN) == 0.0


def test_a_duration_keeps_its_fractions_where_the_field_can() -> None:
    call = a_call(ended_at=NOON + timedelta(seconds=1.5))
    assert make_value(call, Recipe(call="duration"), FLOAT, PLAIN) == 1.5
    assert make_value(call, Recipe(call="duration", multiply=1000.0), INT, PLAIN) == 1500
    with pytest.raises(ValueError, match=r"1\.5 is not a whole number"):
        make_value(call, Recipe(call="duration"), INT, PLAIN)


@pytest.mark.parametrize(
    ("kind", "constant"), [(STRING, "phone"), (INT, 0), (FLOAT, 0.5), (BOOL, False)]
)
def test_a_constant_is_the_same_for_every_call(kind: FieldType, constant: Any) -> None:
    found = make_value(a_call(), Recipe(constant=constant), kind, PLAIN)
    assert (found, type(found)) == (constant, type(constant))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("x" * 50, "x" * 50),
        ("x" * 51, "x" * 50),
        ("é" * 25, "é" * 25),
        ("é" * 26, "é" * 25),
        ("x" + "é" * 25, "x" + "é" * 24),
        ("€" * 17, "€" * 16),
        ("😀" * 13, "😀" * 12),
        ("xxx" + "😀" * 12, "xxx" + "😀" * 11),
    ],
)
def test_truncating_never_splits_a_character(text: str, kept: str) -> None:
    assert truncated(text) == kept
    assert made(text, STRING, truncate=True) == kept


@given(text=st.text(max_size=80))
@settings(deadline=None, max_examples=200)
def test_truncated_text_is_the_longest_beginning_of_at_most_50_bytes(text: str) -> None:
    kept = truncated(text)
    assert text.startswith(kept)
    assert len(kept.encode()) <= 50
    assert kept == text or len(text[: len(kept) + 1].encode()) > 50


def version(**fields: tuple[FieldType, bool, Recipe | None]) -> IntegrationVersion:
    """An integration version: per field its type, whether it is optional, and its recipe."""
    return IntegrationVersion(
        number=1,
        schema=Schema(
            fields=tuple(
                Field(name=name, type=kind, optional=optional)
                for name, (kind, optional, _) in fields.items()
            )
        ),
        recipes={name: recipe for name, (_, _, recipe) in fields.items() if recipe},
    )


def test_optional_fields_without_a_value_or_a_recipe_are_left_out() -> None:
    fields = version(
        name=(STRING, False, Recipe(source=("name",))),
        rating=(FLOAT, True, Recipe(source=("rating",))),
        colour=(STRING, True, None),
    )
    call = a_call(attributes={"name": "RENNES", "rating": ""})
    assert build_fields(call, fields, PLAIN) == {"name": "RENNES"}


def test_every_field_that_cannot_be_built_is_named_once() -> None:
    fields = version(
        name=(STRING, False, Recipe(source=("name",))),
        rating=(FLOAT, False, Recipe(source=("rating",))),
        seconds=(INT, True, Recipe(source=("seconds",), multiply=1000.0)),
        centre=(STRING, False, Recipe(source=("centre",))),
        answered=(BOOL, False, Recipe(source=("answered",))),
    )
    call = a_call(
        attributes={"name": "é" * 26, "rating": "high", "seconds": "2147484", "answered": "1"}
    )
    with pytest.raises(UnbuildableError) as error:
        build_fields(call, fields, PLAIN)
    assert str(error.value) == (
        "rating: 'high' is not a number; "
        "name: has 52 bytes; at most 50 are allowed; "
        "seconds: 2147484000 lies outside -2147483648 to 2147483647; "
        "centre: is required and has no value"
    )
    assert [problem.field for problem in error.value.problems] == [
        "rating",
        "name",
        "seconds",
        "centre",
    ]


@pytest.mark.parametrize(
    ("raw", "steps"), [("", {"default": "é" * 30}), ("x", {"map": {"x": "é" * 30}})]
)
def test_truncation_is_for_defaults_and_mapped_values_too(raw: str, steps: dict[str, Any]) -> None:
    assert made(raw, STRING, truncate=True, **steps) == "é" * 25


def test_an_empty_constant_is_sent_as_it_is() -> None:
    assert make_value(a_call(), Recipe(constant=""), STRING, PLAIN) == ""
