"""The documented limits of a schema and of its five types, at their very edges."""

from __future__ import annotations

import math

import pytest

from collector.domain.schema import Field, FieldType, Schema, check_fields, check_value, listed

BOOL, DATETIME, FLOAT = FieldType.BOOL, FieldType.DATETIME, FieldType.FLOAT
INT, STRING = FieldType.INT, FieldType.STRING


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (STRING, ""),
        (STRING, "x" * 50),
        (STRING, "é" * 25),
        (STRING, "€" * 16 + "xx"),
        (STRING, "😀" * 12 + "é"),
        (INT, -(2**31)),
        (INT, 0),
        (INT, 2**31 - 1),
        (FLOAT, 1.79769e308),
        (FLOAT, -1.79769e308),
        (FLOAT, 5e-324),
        (FLOAT, -0.0),
        (FLOAT, 3),
        (BOOL, True),
        (BOOL, False),
        (DATETIME, "2026-03-02T12:00:00Z"),
        (DATETIME, "2024-02-29T23:59:59Z"),
    ],
)
def test_a_value_within_the_limits_can_be_sent(kind: FieldType, value: object) -> None:
    assert check_value(value, kind) is None


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (STRING, "x" * 51, "has 51 bytes; at most 50"),
        (STRING, "é" * 25 + "x", "has 51 bytes"),
        (STRING, "é" * 26, "has 52 bytes"),
        (STRING, "😀" * 13, "has 52 bytes"),
        (STRING, "\ud800", "not valid Unicode"),
        (STRING, 5, "not text"),
        (STRING, None, "not text"),
        (STRING, b"x", "not text"),
        (INT, -(2**31) - 1, "lies outside"),
        (INT, 2**31, "lies outside"),
        (INT, True, "not an integer"),
        (INT, 5.0, "not an integer"),
        (INT, "5", "not an integer"),
        (INT, None, "not an integer"),
        (FLOAT, 1.7977e308, "lies outside"),
        (FLOAT, -1.7977e308, "lies outside"),
        (FLOAT, math.inf, "lies outside"),
        (FLOAT, -math.inf, "lies outside"),
        (FLOAT, math.nan, "lies outside"),
        (FLOAT, float("1e400"), "lies outside"),
        (FLOAT, False, "not a number"),
        (FLOAT, "1.5", "not a number"),
        (BOOL, 1, "neither true nor false"),
        (BOOL, "true", "neither true nor false"),
        (BOOL, None, "neither true nor false"),
        (DATETIME, "2026-03-02T12:00:00", "not of the form"),
        (DATETIME, "2026-03-02T12:00Z", "not of the form"),
        (DATETIME, "2026-03-02T12:00:00+00:00", "not of the form"),
        (DATETIME, "2026-03-02T12:00:00.5Z", "not of the form"),
        (DATETIME, "2026-03-02 12:00:00Z", "not of the form"),
        (DATETIME, "2026-03-02T12:00:00Z\n", "not of the form"),
        (DATETIME, "2026-03-02T12:00:00z", "not of the form"),
        (DATETIME, "2026-02-29T12:00:00Z", "not a date that exists"),
        (DATETIME, "2026-13-01T12:00:00Z", "not a date that exists"),
        (DATETIME, "2026-03-02T24:00:00Z", "not a date that exists"),
        (DATETIME, 1772452800, "not of the form"),
    ],
)
def test_a_value_beyond_the_limits_is_refused(kind: FieldType, value: object, said: str) -> None:
    assert said in (check_value(value, kind) or "")


def field(name: str, kind: FieldType = STRING, *, optional: bool = True) -> Field:
    return Field(name=name, type=kind, optional=optional)


def problems(*fields: Field) -> list[str]:
    return Schema(fields=fields).problems()


def test_ten_fields_of_each_type_are_allowed() -> None:
    assert problems(*(field(f"{kind}_{n}", kind) for kind in FieldType for n in range(10))) == []


@pytest.mark.parametrize("kind", list(FieldType))
def test_an_eleventh_field_of_one_type_is_refused(kind: FieldType) -> None:
    others = [field(f"other_{n}", STRING if kind is INT else INT) for n in range(10)]
    assert problems(*others, *(field(f"f{n}", kind) for n in range(11))) == [
        f"11 fields of type {kind}; at most 10 of each type are allowed"
    ]


@pytest.mark.parametrize(
    ("name", "size"),
    [("x", 1), ("x" * 30, 30), ("é" * 15, 30), ("x" * 31, 31), ("é" * 15 + "x", 31), ("", 0)],
)
def test_a_field_name_has_1_to_30_bytes(name: str, size: int) -> None:
    found = problems(field(name))
    assert found == (
        [] if 1 <= size <= 30 else [f"field name {name!r} has {size} bytes; 1 to 30 are allowed"]
    )


def test_a_field_declared_twice_is_named() -> None:
    assert problems(field("a"), field("b"), field("a", INT)) == ["field 'a' is declared 2 times"]


def test_a_schema_without_fields_is_refused() -> None:
    assert problems() == ["it declares no field"]


SCHEMA = Schema(
    fields=(
        field("answered", BOOL, optional=False),
        field("duration", INT, optional=False),
        field("rating", FLOAT),
    )
)


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({"answered": True, "duration": 1, "rating": 4.5}, []),
        ({"answered": True, "duration": 1}, []),
        ({"answered": True}, ["duration: is required and has no value"]),
        (
            {"answered": True, "duration": 1, "rating": None},
            ["rating: None is not a number"],
        ),
        (
            {"answered": 1, "colour": "red", "rating": "high"},
            [
                "colour: is not a field of the schema",
                "answered: 1 is neither true nor false",
                "duration: is required and has no value",
                "rating: 'high' is not a number",
            ],
        ),
    ],
)
def test_every_problem_of_the_fields_is_told(values: dict[str, object], found: list[str]) -> None:
    assert [str(problem) for problem in check_fields(values, SCHEMA)] == found
    assert listed(check_fields(values, SCHEMA)) == "; ".join(found)


@pytest.mark.parametrize("value", [10**400, -(10**400), math.inf, math.nan])
def test_a_number_beyond_all_floats_is_told_shortly(value: float) -> None:
    reason = check_value(value, FLOAT)
    assert reason is not None
    assert len(reason) < 100
