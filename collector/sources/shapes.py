"""The shapes of the definition file and of a registered schema, as marshmallow schemas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates_schema

from collector.domain.building import CALL_PARTS
from collector.domain.schema import FieldType


class _Columns(fields.Field[tuple[str, ...]]):
    """One column's name, or several of which the first that holds something counts."""

    def _deserialize(self, value: Any, *_arguments: Any, **_options: Any) -> tuple[str, ...]:
        names = value if isinstance(value, list) else [value]
        if not names or not all(isinstance(name, str) and name.strip() for name in names):
            raise ValidationError("must name a column, or a list of columns")
        return tuple(names)


class _Flag(fields.Boolean):
    """True or false, and nothing that counts as one of them."""

    def _deserialize(self, value: Any, *_arguments: Any, **_options: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class FieldShape(Schema):
    """One field of a registered schema (Schema format)."""

    name = fields.String(required=True)
    type = fields.String(required=True, validate=validate.OneOf([kind.value for kind in FieldType]))
    optional = _Flag(required=True)
    label = fields.String()
    description = fields.String()


class SchemaShape(Schema):
    """A schema as it was registered with Contentsquare."""

    fields_ = fields.List(
        fields.Nested(FieldShape), required=True, data_key="fields", attribute="fields"
    )


class RecipeShape(Schema):
    """How one field is made."""

    source = _Columns()
    call = fields.String(validate=validate.OneOf(CALL_PARTS))
    constant = fields.Raw()
    map = fields.Dict(keys=fields.String(), values=fields.Raw(), validate=validate.Length(min=1))
    multiply = fields.Float()
    truncate = _Flag()
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

    id = _Columns(required=True)
    started = _Columns()
    ended = _Columns()
    duration = _Columns()
    duration_unit = fields.String(load_default="s", validate=validate.OneOf(["ms", "s", "min"]))
    updated = _Columns()
    caller = _Columns()
    value = _Columns()
    timezone = fields.String(load_default="UTC")
    keys = fields.Dict(keys=fields.String(), values=_Columns())


class RuleShape(Schema):
    """One matching rule."""

    key = fields.String(required=True)
    window = fields.String()
    shared = _Flag()


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
            validate=validate.Regexp(r"[1-9][0-9]{0,8}\Z", error="is not a version number")
        ),
        values=fields.Nested(VersionShape),
        required=True,
        validate=validate.Length(min=1, error="has no version"),
    )


#: Tables whose names are the provider's own.
_TABLES = ("versions", "fields", "keys", "map")


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
