"""Turns the document into what its page shows, so that the template has nothing to work out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

_Object = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Field:
    """One line of a table: a field of a body, or a parameter."""

    name: str
    kind: str
    required: bool
    about: Markup


@dataclass(frozen=True, kw_only=True)
class Body:
    """What is sent or answered as one media type."""

    media_types: str
    shapes: list[list[Field]]
    examples: list[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One status."""

    status: str
    lines: list[Markup]
    bodies: list[Body]


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One method of one address."""

    id: str
    method: str
    path: str
    summary: Markup
    about: Markup
    security: str
    parameters: list[Field]
    body_about: Markup
    bodies: list[Body]
    answers: list[Answer]


def sections(document: _Object) -> dict[str, list[Operation]]:
    """The operations by their tag, both in the document's order."""
    found: dict[str, list[Operation]] = {}
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            operation = _operation(document, method, path, told)
            found.setdefault(told["tags"][0], []).append(operation)
    return found


def coded(text: str) -> Markup:
    """A description's text; what stands between backticks is code."""
    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else escape(part)
        for place, part in enumerate(parts)
    )


def _operation(document: _Object, method: str, path: str, told: _Object) -> Operation:
    request = told.get("requestBody", {})
    return Operation(
        id=told["operationId"],
        method=method.upper(),
        path=path,
        summary=coded(told["summary"]),
        about=coded(told.get("description", "")),
        security=" or ".join(name for one in told["security"] for name in one) or "anybody",
        parameters=[_parameter(one) for one in told.get("parameters", ())],
        body_about=coded(request.get("description", "")),
        bodies=_bodies(document, request.get("content", {})),
        answers=[
            Answer(
                status=status,
                lines=[coded(line.removeprefix("- ")) for line in one["description"].split("\n")],
                bodies=[] if status >= "400" else _bodies(document, one.get("content", {})),
            )
            for status, one in sorted(told["responses"].items())
        ],
    )


def _bodies(document: _Object, content: _Object) -> list[Body]:
    """Media types of one and the same content are shown together."""
    together: dict[str, tuple[list[str], _Object]] = {}
    for media_type, one in content.items():
        together.setdefault(json.dumps(one), ([], one))[0].append(media_type)
    return [
        Body(
            media_types=" or ".join(names),
            shapes=[_fields(shape) for shape in _shapes(document, one.get("schema", {}))],
            examples=[
                (shown["summary"], json.dumps(shown["value"], indent=2, ensure_ascii=False))
                for shown in one.get("examples", {}).values()
            ],
        )
        for names, one in together.values()
    ]


def _shapes(document: _Object, schema: _Object) -> Iterator[_Object]:
    """The objects that a body may be."""
    if "$ref" in schema:
        yield document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for one in schema.get("anyOf", ()):
        yield from _shapes(document, one)


def _fields(schema: _Object) -> list[Field]:
    required = schema.get("required", ())
    return [
        Field(
            name=name,
            kind=_kind(one),
            required=name in required,
            about=coded(one.get("description", "")),
        )
        for name, one in schema["properties"].items()
    ]


def _parameter(told: _Object) -> Field:
    return Field(
        name=told["name"],
        kind=_kind(told["schema"]),
        required=told["required"],
        about=coded(told["description"]),
    )


def _kind(schema: _Object) -> str:
    """The type with its bounds, as ``integer, 1 to 2147483647``."""
    kinds = schema.get("type", "any")
    kind = kinds if isinstance(kinds, str) else " or ".join(kinds)
    if "maximum" in schema:
        return f"{kind}, {schema['minimum']} to {schema['maximum']}"
    if "maxProperties" in schema:
        return f"{kind}, at most {schema['maxProperties']}"
    return kind
