"""The shapes of the definition file and of a registered schema, as marshmallow schemas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates_schema

from collector.domain.building import CALL_PARTS
from collector.domain.schema import FieldType


class _Column(fields.String):
    """A column's name: any text that is not blank."""

    def __init__(self, **options: Any) -> None:
        super().__init__(validate=validate.Regexp(r".*\S", error="must name a column"), **options)


class FieldShape(Schema):
    """One field of a registered schema (Schema format)."""

    name = fields.String(required=True)
    type = fields.String(required=True, validate=validate.OneOf([kind.value for kind in FieldType]))
    optional = fields.Boolean(required=True, truthy={True}, falsy={False})
    label = fields.String()
    description = fields.String()


class SchemaShape(Schema):
    """A schema as it was registered with Contentsquare."""

    fields_ = fields.List(
        fields.Nested(FieldShape), required=True, data_key="fields", attribute="fields"
    )


class RecipeShape(Schema):
    """How one field is made."""

    source = _Column()
    call = fields.String(validate=validate.OneOf(CALL_PARTS))
    constant = fields.Raw()
    map = fields.Dict(keys=fields.String(), values=fields.Raw(), validate=validate.Length(min=1))
    multiply = fields.Float()
    truncate = fields.Boolean(truthy={True}, falsy={False})
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


class CallsShape(Schema):
    """Which columns of a record hold what a call needs."""

    id = _Column(required=True)
    started = _Column(required=True)
    ended = _Column()
    duration = _Column()
    duration_unit = fields.String(load_default="s", validate=validate.OneOf(["ms", "s", "min"]))
    updated = _Column()
    timezone = fields.String(load_default="UTC")
    keys = fields.Dict(keys=fields.String(), values=_Column())


class RuleShape(Schema):
    """One matching rule."""

    key = fields.String(required=True)
    window = fields.String()
    shared = fields.Boolean(truthy={True}, falsy={False})


class MatchingShape(Schema):
    """The matching rules in their order, and the tolerances."""

    rules = fields.List(fields.Nested(RuleShape), validate=validate.Length(min=1))
    skew = fields.String()
    horizon = fields.String()


class DefinitionShape(Schema):
    """The whole file."""

    class Meta:
        unknown = RAISE

    name = fields.String(required=True, validate=validate.Length(min=1, max=200))
    calls = fields.Nested(CallsShape, required=True)
    matching = fields.Nested(MatchingShape)
    versions = fields.Dict(
        keys=fields.String(
            validate=validate.Regexp(r"[1-9]\d{0,8}$", error="is not a version number")
        ),
        values=fields.Nested(VersionShape),
        required=True,
        validate=validate.Length(min=1, error="has no version"),
    )


def flattened(messages: Mapping[str, Any]) -> list[str]:
    """Marshmallow's nested messages as one line each, with the place in the document."""
    return [f"{place}: {message}" if place else message for place, message in _walk(messages, "")]


def _walk(messages: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(messages, Mapping):
        for name, inner in messages.items():
            # Marshmallow files under "value" and "_schema" what concerns the whole entry.
            step = "" if name in {"_schema", "value"} else str(name)
            yield from _walk(inner, f"{place}.{step}".strip(".") if step else place)
    elif isinstance(messages, list):
        for message in messages:
            yield from _walk(message, place)
    else:
        yield place, str(messages).rstrip(".")
