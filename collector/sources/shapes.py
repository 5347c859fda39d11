"""The shapes of the definition file and of a registered schema, as marshmallow schemas.

That of ``[calls]`` is in call_shapes.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates_schema

from collector.domain.building import CALL_PARTS
from collector.domain.identifiers import MAX_PROJECT_ID
from collector.domain.schema import FieldType
from collector.sources import presets
from collector.sources.call_shapes import AdaptationField, CallsField, ColumnsField, FlagField


class FieldShape(Schema):
    """One field of a registered schema (Schema format)."""

    name = fields.String(required=True)
    type = fields.String(required=True, validate=validate.OneOf([kind.value for kind in FieldType]))
    optional = FlagField(required=True)
    label = fields.String()
    description = fields.String()


class SchemaShape(Schema):
    """A schema as it was registered with Contentsquare."""

    fields_ = fields.List(
        fields.Nested(FieldShape), required=True, data_key="fields", attribute="fields"
    )


class RecipeShape(Schema):
    """How one field is made."""

    source = ColumnsField()
    call = fields.String(validate=validate.OneOf(CALL_PARTS))
    constant = fields.Raw()
    map = fields.Dict(keys=fields.String(), values=fields.Raw(), validate=validate.Length(min=1))
    multiply = fields.Float()
    truncate = FlagField()
    default = fields.Raw()

    @validates_schema
    def _one_origin(self, data: Mapping[str, Any], **_: Any) -> None:
        given = [name for name in ("source", "call", "constant") if name in data]
        if len(given) != 1:
            raise ValidationError(
                "must say where the value comes from, by exactly one of source, call and constant"
            )


class VersionShape(Schema):
    """One integration version."""

    schema = fields.String(required=True)
    fields_ = fields.Dict(
        keys=fields.String(),
        values=fields.Nested(RecipeShape),
        required=True,
        data_key="fields",
        attribute="fields",
    )


class RuleShape(Schema):
    """One matching rule."""

    key = fields.String(required=True)
    window = fields.String()
    shared = FlagField()


class MatchingShape(Schema):
    """The matching rules in their order, and the tolerances."""

    rules = fields.List(fields.Nested(RuleShape), validate=validate.Length(min=1))
    skew = fields.String()
    horizon = fields.String()


class ProjectShape(Schema):
    """What is another way in one project."""

    matching = fields.Nested(MatchingShape, required=True)


def _is_project_id(text: str) -> None:
    if not re.fullmatch(r"[1-9][0-9]{0,15}", text) or int(text) > MAX_PROJECT_ID:
        raise ValidationError("is not a project id")


class DefinitionShape(Schema):
    """The whole file."""

    class Meta:
        unknown = RAISE

    name = fields.String(required=True, validate=validate.Length(min=1, max=200))
    calls = CallsField(required=True)
    presets = fields.Dict(
        keys=fields.String(validate=validate.OneOf(presets.NAMES)), values=AdaptationField()
    )
    matching = fields.Nested(MatchingShape)
    projects = fields.Dict(
        keys=fields.String(validate=_is_project_id), values=fields.Nested(ProjectShape)
    )
    versions = fields.Dict(
        keys=fields.String(
            validate=validate.Regexp(r"[1-9][0-9]{0,8}\Z", error="is not a version number")
        ),
        values=fields.Nested(VersionShape),
        required=True,
        validate=validate.Length(min=1, error="has no version"),
    )


#: Tables whose names are the provider's own.
_TABLES = ("versions", "fields", "keys", "map", "presets", "projects")


def flattened(messages: Mapping[str, Any]) -> list[str]:
    """Marshmallow's nested messages as one line each, with the place in the document."""
    return [
        f"{'.'.join(place)}: {message}" if place else message
        for place, message in _walk(messages, ())
    ]


def _walk(messages: Any, place: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(messages, Mapping):
        for name, inner in messages.items():
            if name == "_schema":
                yield from _walk(inner, place)
            elif _is_entry(place, name) and isinstance(inner, Mapping):
                # Below an entry of a table stands whether its name or its value is wrong.
                for about_entry in inner.values():
                    yield from _walk(about_entry, (*place, str(name)))
            else:
                yield from _walk(inner, (*place, str(name)))
    elif isinstance(messages, list):
        for message in messages:
            yield from _walk(message, place)
    else:
        yield place, str(messages).rstrip(".")


def _is_entry(place: tuple[str, ...], name: object) -> bool:
    """Whether ``name`` is an entry of a table, and not one of a list of the same name."""
    return bool(place) and place[-1] in _TABLES and isinstance(name, str)
