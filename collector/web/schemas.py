"""What the bodies of requests look like, and how their errors are told in one sentence.

What stands in ``metadata`` checks nothing: it is what `collector.web.openapi` tells besides.
"""

from __future__ import annotations

from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, pre_load, validate

from collector.domain.identifiers import (
    KIND_PATTERN,
    MAX_KEY_LENGTH,
    MAX_KEYS,
    MAX_PROJECT_ID,
    MAX_SESSION_NUMBER,
    USER_ID_PATTERN,
    SessionId,
    is_user_id,
)


class ProjectId(fields.Integer):
    """An integer, or its digits as text: the snippet passes on what Contentsquare's tag says."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **options: Any) -> int:
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
            value = int(value)
        return super()._deserialize(value, attr, data, **options)


def _integer(
    name: str, highest: int, kind: type[fields.Integer], about: dict[str, Any]
) -> fields.Integer:
    wrong = f"must be an integer from 1 to {highest}"
    return kind(
        data_key=name,
        metadata=about,
        required=True,
        strict=True,
        validate=validate.Range(1, highest, error=wrong),
        error_messages={"required": "is missing", "null": wrong, "invalid": wrong},
    )


def _check_user_id(value: str) -> None:
    if not is_user_id(value):
        raise ValidationError("must be 1 to 100 letters, digits and . _ -, as the tag gives it")


_PROJECT_ID = {
    "type": ["integer", "string"],
    "pattern": "^[1-9][0-9]{0,14}$",
    "description": "The customer's Contentsquare project; a number, or its digits as text.",
}
_USER_ID = {
    "pattern": f"^{USER_ID_PATTERN}$",
    "description": "Contentsquare's user id of the visitor, as its tag tells it.",
}
_SESSION_NUMBER = {"description": "Which session of this user it is, counted from 1."}
_KEYS = {
    "type": "object",
    "maxProperties": MAX_KEYS,
    "propertyNames": {"pattern": f"^{KIND_PATTERN}$"},
    "additionalProperties": {
        "type": ["string", "number", "boolean", "null"],
        "maxLength": MAX_KEY_LENGTH,
    },
    "description": "The match keys by kind: what a session and a call can share. A key that "
    "breaks a rule is left out, named in the header `X-Collector-Ignored`, and costs the session "
    "nothing.",
}


class BeaconSchema(Schema):
    """The body of ``POST /v1/sessions``. Unknown fields are left alone: newer snippets may add."""

    class Meta:
        unknown = EXCLUDE

    project_id = _integer("projectId", MAX_PROJECT_ID, ProjectId, _PROJECT_ID)
    user_id = fields.String(
        data_key="userId",
        required=True,
        validate=_check_user_id,
        metadata=_USER_ID,
        error_messages={
            "required": "is missing",
            "null": "must be a string",
            "invalid": "must be a string",
        },
    )
    session_number = _integer("sessionNumber", MAX_SESSION_NUMBER, fields.Integer, _SESSION_NUMBER)
    # What keys may be is the domain's business: bad ones do not cost the beacon.
    keys = fields.Raw(load_default=None, allow_none=True, metadata=_KEYS)

    @pre_load
    def _split_session_key(self, body: dict[str, Any], **_options: Any) -> dict[str, Any]:
        """The snippet passes on the tag's session key, to save bytes on every page.

        Split at its last dot, since a user id may hold dots (Retrieving session identifiers).
        """
        key = body.get("sessionKey")
        if not isinstance(key, str) or "userId" in body:
            return body
        user_id, _, number = key.rpartition(".")
        is_number = number.isascii() and number.isdigit() and len(number) < 20
        return {**body, "userId": user_id, "sessionNumber": int(number) if is_number else None}


def plain_beacon(body: object) -> tuple[int, SessionId, object] | None:
    """Project, session and keys of a body as the snippet sends it; None leaves it to the schema.

    It takes a tenth of the schema's time, and takes nothing that the schema would not take, nor
    otherwise: a test holds them against each other.
    """
    if not isinstance(body, dict) or "userId" in body:
        return None
    key = body.get("sessionKey")
    if not isinstance(key, str):
        return None
    user_id, _, digits = key.rpartition(".")
    project_id, number = _plain_integer(body.get("projectId")), _plain_integer(digits)
    if not (
        0 < project_id <= MAX_PROJECT_ID
        and 0 < number <= MAX_SESSION_NUMBER
        and is_user_id(user_id)
    ):
        return None
    return project_id, SessionId(user_id=user_id, session_number=number), body.get("keys")


def _plain_integer(value: object) -> int:
    """An integer, or the digits of one; else 0."""
    if type(value) is str and value.isascii() and value.isdigit() and len(value) < 20:
        return int(value)
    return value if type(value) is int else 0


def first_problem(error: ValidationError) -> str:
    """The first problem as one sentence that names the field: ``userId is missing``."""
    name, found = next(iter(error.messages_dict.items()))
    return f"{name} {found[0]}"
