"""Recipes that cannot serve their schema are told before a call ever meets them."""

from __future__ import annotations

from typing import Any

import pytest

from collector.domain.definition import CallMapping, Definition, IntegrationVersion, Recipe
from collector.domain.recipes import recipe_problems
from collector.domain.schema import Field, FieldType, Schema

BOOL, DATETIME, FLOAT = FieldType.BOOL, FieldType.DATETIME, FieldType.FLOAT
INT, STRING = FieldType.INT, FieldType.STRING


def problems(kind: FieldType, **recipe: Any) -> list[str]:
    schema = Schema(fields=(Field(name="f", type=kind, optional=False),))
    return recipe_problems(schema, {"f": Recipe(**recipe)})


@pytest.mark.parametrize(
    ("kind", "recipe"),
    [
        (INT, {"source": "a", "multiply": 1000.0}),
        (FLOAT, {"source": "a", "multiply": 0.5}),
        (INT, {"call": "duration", "multiply": 1000.0}),
        (STRING, {"source": "a", "truncate": True}),
        (STRING, {"constant": "x" * 50}),
        (STRING, {"source": "a", "default": "é" * 25}),
        (INT, {"constant": 2**31 - 1}),
        (FLOAT, {"constant": 1}),
        (BOOL, {"source": "a", "map": {"yes": True, "no": False}}),
        (DATETIME, {"source": "a", "default": "2026-03-02T12:00:00Z"}),
        (BOOL, {"call": "answered"}),
        (FLOAT, {"call": "value", "multiply": 100.0}),
        (STRING, {"call": "dialled"}),
        (STRING, {"call": "caller"}),
        (STRING, {"call": "started"}),
        (DATETIME, {"call": "ended"}),
        (INT, {"call": "answered", "map": {"true": 1, "false": 0}}),
    ],
)
def test_a_recipe_that_serves_its_field_has_no_problem(
    kind: FieldType, recipe: dict[str, Any]
) -> None:
    assert problems(kind, **recipe) == []


@pytest.mark.parametrize(
    ("kind", "recipe", "said"),
    [
        (STRING, {"source": "a", "multiply": 2.0}, "multiply works on numbers"),
        (BOOL, {"source": "a", "multiply": 2.0}, "multiply works on numbers"),
        (DATETIME, {"source": "a", "multiply": 2.0}, "multiply works on numbers"),
        (INT, {"source": "a", "map": {"x": 1}, "multiply": 2.0}, "multiply works on numbers"),
        (INT, {"source": "a", "truncate": True}, "truncate works on STRING, not INT"),
        (STRING, {"constant": "x" * 51}, "constant: has 51 bytes"),
        (STRING, {"constant": 5}, "constant: 5 is not text"),
        (INT, {"constant": 2**31}, "constant: 2147483648 lies outside"),
        (INT, {"constant": True}, "constant: True is not an integer"),
        (FLOAT, {"constant": float("nan")}, "constant: nan lies outside"),
        (DATETIME, {"constant": "2026-03-02"}, "constant: '2026-03-02' is not of the form"),
        (BOOL, {"source": "a", "default": "no"}, "default: 'no' is neither true nor false"),
        (FLOAT, {"source": "a", "default": float("inf")}, "default: inf lies outside"),
        (BOOL, {"source": "a", "map": {"yes": "true"}}, "map of 'yes': 'true' is neither"),
        (INT, {"call": "answered"}, "the call's answered fits BOOL or STRING, not INT"),
        (BOOL, {"call": "value"}, "the call's value fits INT or FLOAT or STRING, not BOOL"),
        (FLOAT, {"call": "started"}, "the call's started fits DATETIME or STRING, not FLOAT"),
        (DATETIME, {"call": "duration"}, "not DATETIME"),
        (INT, {"call": "dialled"}, "the call's dialled fits STRING, not INT"),
    ],
)
def test_a_recipe_that_cannot_serve_its_field_is_told(
    kind: FieldType, recipe: dict[str, Any], said: str
) -> None:
    (found,) = problems(kind, **recipe)
    assert found.startswith("field 'f': ")
    assert said in found


def test_every_problem_is_told_at_once() -> None:
    schema = Schema(
        fields=(
            Field(name="a", type=INT, optional=False),
            Field(name="b", type=STRING, optional=False),
            Field(name="c", type=STRING, optional=True),
        )
    )
    recipes = {
        "b": Recipe(source=("b",), multiply=2.0, default=5),
        "d": Recipe(source=("d",)),
    }
    assert recipe_problems(schema, recipes) == [
        "field 'd' is not in the schema",
        "field 'a' is required and has no recipe",
        "field 'b': multiply works on numbers that come from the record",
        "field 'b': default: 5 is not text",
    ]


def test_the_columns_of_a_definition_are_those_that_any_version_makes_a_field_from() -> None:
    schema = Schema(fields=())
    one = {"a": Recipe(source=("status",)), "b": Recipe(call="started")}
    two = {"a": Recipe(source=("state",)), "c": Recipe(constant="phone")}
    definition = Definition(
        name="Phone calls",
        mapping=CallMapping(id=("call_id",), started=("started",)),
        versions={
            1: IntegrationVersion(number=1, schema=schema, recipes=one),
            2: IntegrationVersion(number=2, schema=schema, recipes=two),
        },
    )
    assert definition.columns() == {"status", "state"}


@pytest.mark.parametrize("step", [{"multiply": 2.0}, {"map": {"x": 1}}])
def test_a_constant_takes_no_step(step: dict[str, Any]) -> None:
    assert "a constant is sent as it is" in problems(INT, constant=3, **step)[0]
