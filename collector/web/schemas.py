"""What the bodies of requests look like, and how their errors are told in one sentence."""

from __future__ import annotations

import unicodedata
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, post_load, validate

from collector.domain.identifiers import (
    MAX_KEY_LENGTH,
    MAX_KEYS,
    MAX_PROJECT_ID,
    MAX_SESSION_NUMBER,
    is_kind,
    is_user_id,
)

#: As much of what was sent as a message repeats.
MAX_ECHO = 60


def _integer(name: str, highest: int) -> fields.Integer:
    wrong = f"must be an integer from 1 to {highest}"
    return fields.Integer(
        data_key=name,
        required=True,
        strict=True,
        validate=validate.Range(1, highest, error=wrong),
        error_messages={"required": "is missing", "null": wrong, "invalid": wrong},
    )


def _check_user_id(value: str) -> None:
    if not is_user_id(value):
        raise ValidationError("must be 1 to 100 letters, digits and . _ -, as the tag gives it")


def _check_kind(value: str) -> None:
    if not is_kind(value):
        raise ValidationError("must be named by at most 30 of a-z, 0-9 and _")


def _check_text(value: str) -> None:
    # NUL and half characters (lone surrogates) cannot be stored; the other control characters
    # stand in no identifier.
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in value):
        raise ValidationError("must not contain control characters")


class KeyValue(fields.String):
    """The value of a match key, without the blanks around it."""

    default_error_messages = {"invalid": "must be a string", "null": "must be a string"}  # noqa: RUF012 - marshmallow's own protocol

    def _deserialize(self, *arguments: Any, **options: Any) -> str:
        return super()._deserialize(*arguments, **options).strip()


class BeaconSchema(Schema):
    """The body of ``POST /v1/sessions``. Unknown fields are left alone: newer snippets may add."""

    class Meta:
        unknown = EXCLUDE

    project_id = _integer("projectId", MAX_PROJECT_ID)
    user_id = fields.String(
        data_key="userId",
        required=True,
        validate=_check_user_id,
        error_messages={
            "required": "is missing",
            "null": "must be a string",
            "invalid": "must be a string",
        },
    )
    session_number = _integer("sessionNumber", MAX_SESSION_NUMBER)
    keys = fields.Dict(
        keys=fields.String(validate=_check_kind),
        values=KeyValue(
            validate=[
                validate.Length(
                    max=MAX_KEY_LENGTH, error=f"must have at most {MAX_KEY_LENGTH} characters"
                ),
                _check_text,
            ]
        ),
        load_default=dict,
        error_messages={"null": "must be an object", "invalid": "must be an object"},
        metadata={"maxProperties": MAX_KEYS},
    )

    @post_load
    def _drop_blanks(self, beacon: dict[str, Any], **_options: Any) -> dict[str, Any]:
        # A page that knows no visitor id yet may send "": that is no key at all.
        return {**beacon, "keys": {kind: value for kind, value in beacon["keys"].items() if value}}


def first_problem(error: ValidationError) -> str:
    """The first problem as one sentence that names the field: ``userId is missing``."""
    names: list[str] = []
    found: Any = error.messages_dict
    while isinstance(found, dict):
        name, found = next(iter(found.items()))
        names.append(str(name))
    # Below the second name marshmallow only says whether a key's name or its value is wrong.
    return f"{'.'.join(names[:2])[:MAX_ECHO]} {found[0]}"
