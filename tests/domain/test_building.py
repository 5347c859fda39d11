"""An enrichment's fields are made from a call by recipes, and checked as the sender checks them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.domain.building import UnbuildableError, build_fields, make_value
from collector.domain.definition import CallMapping, IntegrationVersion, Recipe
from collector.domain.reading import CALLER, ZONE
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
        (DATETIME, 1772452800, "2026-03-02T12:00:00Z"),
        (DATETIME, 1.7724528e9, "2026-03-02T12:00:00Z"),
        (DATETIME, "Mon, 02 Mar 2026 12:00:00 +0000", "2026-03-02T12:00:00Z"),
        (STRING, 4.0, "4"),
        (STRING, True, "true"),
        (INT, "1,234", 1234),
        (FLOAT, "12,50 €", 12.5),
        (FLOAT, "$1,234.50", 1234.5),
        (BOOL, "Oui", True),
        (BOOL, "não", False),
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
        (INT, "1,5", "1.5 is not a whole number"),
        (INT, "1,23,4.5", "'1,23,4.5' is not a number"),
        (INT, True, "'true' is not a number"),
        (INT, "NaN", "is not a number"),
        (INT, "1e999999", "not a number that can be sent"),
        (FLOAT, "NaN", "is not a number"),
        (FLOAT, "sNaN", "is not a number"),
        (FLOAT, "-Infinity", "is not a number"),
        (FLOAT, float("nan"), "is not a number"),
        (FLOAT, float("inf"), "is not a number"),
        (FLOAT, "1e400", "not a number that can be sent"),
        (FLOAT, "1e999999", "not a number that can be sent"),
        (FLOAT, "1e" + "9" * 50, "is not a number"),
        (FLOAT, 10**400, "not a number that can be sent"),
        (FLOAT, False, "'false' is not a number"),
        (BOOL, "maybe", "'maybe' is neither true nor false"),
        (BOOL, 2, "'2' is neither true nor false"),
        (DATETIME, "noon", "is not a time"),
        (DATETIME, 75, "is not a time"),
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


TYPES = {BOOL: bool, DATETIME: str, FLOAT: float, INT: int, STRING: str}
TOLD = a_call(
    keys={"tracking_number": "+33199001234"},
    attributes={CALLER: "+33199005678"},
    answered=True,
    value=1250.0,
)


@pytest.mark.parametrize(
    ("part", "kind", "value"),
    [
        ("dialled", STRING, "+33199001234"),
        ("caller", STRING, "+33199005678"),
        ("value", FLOAT, 1250.0),
        ("value", INT, 1250),
        ("value", STRING, "1250"),
        ("answered", BOOL, True),
        ("answered", STRING, "true"),
        ("duration", STRING, "75"),
        ("started", STRING, "2026-03-02T12:00:00Z"),
    ],
)
def test_every_part_of_a_call_fits_the_fields_it_is_for(
    part: str, kind: FieldType, value: object
) -> None:
    found = make_value(TOLD, Recipe(call=part), kind, PLAIN)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("part", ["dialled", "caller", "value", "answered"])
def test_a_part_that_the_record_did_not_tell_has_no_value(part: str) -> None:
    assert make_value(a_call(), Recipe(call=part), STRING, PLAIN) is None


@pytest.mark.parametrize(("answered", "said"), [(True, "answered"), (False, "missed")])
def test_answered_can_be_told_in_other_words(answered: bool, said: str) -> None:
    recipe = Recipe(call="answered", map={"true": "answered", "false": "missed"})
    assert make_value(replace(TOLD, answered=answered), recipe, STRING, PLAIN) == said


def test_a_value_with_cents_is_no_whole_number() -> None:
    with pytest.raises(ValueError, match=r"12\.5 is not a whole number"):
        make_value(replace(TOLD, value=12.5), Recipe(call="value"), INT, PLAIN)


@pytest.mark.parametrize(
    ("raw", "decimal", "value"),
    [("1,234", ".", 1234.0), ("1,234", ",", 1.234), (1.234, ",", 1.234), (1e22, ",", 1e22)],
)
def test_only_text_has_the_decimal_sign_of_its_source(
    raw: object, decimal: str, value: float
) -> None:
    call = a_call(attributes={"column": raw})
    mapping = replace(MAPPING, decimal=decimal)
    assert make_value(call, Recipe(source=("column",)), FLOAT, mapping) == value


def test_a_time_is_read_in_the_zone_that_its_own_record_names() -> None:
    call = a_call(attributes={"column": "2026-03-02T07:00:00", ZONE: "America/New_York"})
    found = make_value(call, Recipe(source=("column",)), DATETIME, MAPPING)
    assert found == "2026-03-02T12:00:00Z"


def test_what_the_call_itself_tells_is_not_read_as_its_record_was() -> None:
    odd = replace(MAPPING, time_formats=("%Y-%d-%mT%H:%M:%SZ",))
    call = a_call(started_at=NOON)
    assert make_value(call, Recipe(call="started"), DATETIME, odd) == "2026-03-02T12:00:00Z"


def test_text_over_50_bytes_is_cut_only_where_the_recipe_says_so() -> None:
    text = "x" * 48 + "e\u0301"
    assert made(text, STRING) == text
    assert made(text, STRING, truncate=True) == "x" * 48


@given(raw=st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20))
@settings(deadline=None, max_examples=100)
def test_any_value_of_a_column_becomes_a_field_or_is_refused(raw: object) -> None:
    for kind in FieldType:
        with suppress(ValueError):
            found = made(raw, kind)
            assert found is None or isinstance(found, TYPES[kind])
