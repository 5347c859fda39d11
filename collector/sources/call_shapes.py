"""The shape of ``[calls]``: the definition's own mapping, or a preset that it adapts."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from collector.domain.records import as_text
from collector.sources import presets


class ColumnsField(fields.Field[tuple[str, ...]]):
    """One column's name, or several of which the first that holds something counts.

    Where a preset is adapted, none at all takes the preset's away.
    """

    def _deserialize(self, value: Any, *_arguments: Any, **_options: Any) -> tuple[str, ...]:
        if value in ("", []) and isinstance(self.root, AdaptedShape):
            return ()
        names = value if isinstance(value, list) else [value]
        if not names or not all(isinstance(name, str) and name.strip() for name in names):
            raise ValidationError("must name a column, or a list of columns")
        return tuple(names)


class FlagField(fields.Boolean):
    """True or false, and nothing that counts as one of them."""

    def _deserialize(self, value: Any, *_arguments: Any, **_options: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class _Words(fields.Field[frozenset[str]]):
    """What a column may say: a text, number or truth value, or a list of them; in lower case."""

    def _deserialize(self, value: Any, *_arguments: Any, **_options: Any) -> frozenset[str]:
        said = value if isinstance(value, list) else [value]
        if not said or not all(isinstance(one, str | int | float) for one in said):
            raise ValidationError("must be what the column says, or a list of it")
        return frozenset(as_text(one).strip().lower() for one in said)


class ConditionShape(Schema):
    """What a record has to say in a column."""

    columns = ColumnsField(required=True, data_key="column")
    values = _Words(data_key="is")
    excluded = _Words(data_key="not")
    above = fields.Decimal()

    @validates_schema
    def _one_test(self, data: Mapping[str, Any], **_: Any) -> None:
        if len(data.keys() & {"values", "excluded", "above"}) != 1:
            raise ValidationError("must test the column by exactly one of is, not and above")


class WebhookShape(Schema):
    """How a platform signs what it posts."""

    signature = fields.String(required=True, validate=validate.OneOf(["hmac", "twilio", "none"]))
    header = fields.String(
        validate=validate.Regexp(r"[A-Za-z0-9-]+\Z", error="is no header's name")
    )
    algorithm = fields.String(validate=validate.OneOf(["sha1", "sha256", "sha512"]))
    encoding = fields.String(validate=validate.OneOf(["base64", "hex"]))
    prefix = fields.String()
    query = FlagField()

    @validates_schema
    def _has_a_header(self, data: Mapping[str, Any], **_: Any) -> None:
        if data.get("signature") == "hmac" and "header" not in data:
            raise ValidationError("must name the header that holds the signature")


class FileShape(Schema):
    """How files are written, where it cannot be told from them."""

    encoding = fields.String()
    delimiter = fields.String()
    quote = fields.String()


class SqlShape(Schema):
    """The provider's own database of calls."""

    query = fields.String(required=True)
    url = fields.String(validate=validate.Length(min=1))
    since_format = fields.String(validate=validate.Length(min=1))
    page = fields.Integer(strict=True, validate=validate.Range(min=1, max=100_000))
    overlap = fields.String()


class MappingShape(Schema):
    """Which columns of a record hold what a call needs."""

    id = ColumnsField()
    started = ColumnsField()
    ended = ColumnsField()
    duration = ColumnsField()
    duration_unit = fields.String(validate=validate.OneOf(["ms", "s", "min"]))
    updated = ColumnsField()
    caller = ColumnsField()
    value = ColumnsField()
    timezone = fields.String()
    timezone_column = ColumnsField()
    decimal = fields.String(validate=validate.OneOf([".", ","]))
    time_formats = fields.List(fields.String())
    keys = fields.Dict(keys=fields.String(), values=ColumnsField())
    answered = fields.List(fields.Nested(ConditionShape))
    only_ = fields.List(fields.Nested(ConditionShape), data_key="only", attribute="only")
    webhook = fields.Nested(WebhookShape)


class AdaptedShape(MappingShape):
    """What a definition says otherwise than a preset. An empty column takes the preset's away."""

    @validates_schema
    def _still_has_an_id(self, data: Mapping[str, Any], **_: Any) -> None:
        if data.get("id") == ():
            raise ValidationError({"id": ["must name a column, or a list of columns"]})


class CallsShape(MappingShape):
    """The definition's own mapping, with its other sources of records."""

    id = ColumnsField(required=True)
    file = fields.Nested(FileShape)
    sql = fields.Nested(SqlShape)


class AdaptedCallsShape(AdaptedShape):
    """The same, beginning from a preset."""

    preset = fields.String(required=True, validate=validate.OneOf(presets.NAMES))
    file = fields.Nested(FileShape)
    sql = fields.Nested(SqlShape)


class _Table(fields.Field[dict[str, Any]]):
    """A table whose shape is chosen by what it says. Its own root, as ``ColumnsField`` needs it."""

    def _deserialize(self, value: Any, *_arguments: Any, **_options: Any) -> dict[str, Any]:
        return dict(self._shape_of(value)().load(value))

    @abstractmethod
    def _shape_of(self, value: object) -> type[Schema]: ...


class AdaptationField(_Table):
    """``[presets.NAME]``."""

    def _shape_of(self, _: object) -> type[Schema]:
        return AdaptedShape


class CallsField(_Table):
    """``[calls]``."""

    def _shape_of(self, value: object) -> type[Schema]:
        adapts = isinstance(value, Mapping) and "preset" in value
        return AdaptedCallsShape if adapts else CallsShape
