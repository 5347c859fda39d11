"""The bodies that only the document needs as schemas: answers, and the beacon in its short form."""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields, validate

from collector.domain.identifiers import USER_ID_PATTERN
from collector.web.schemas import BeaconSchema


def _told(about: str) -> dict[str, str]:
    return {"description": about}


class KeyedBeaconSchema(BeaconSchema):
    """A beacon as the snippet sends it: the session key as Contentsquare's tag tells it."""

    class Meta:
        unknown = EXCLUDE
        exclude = ("user_id", "session_number")

    session_key = fields.String(
        data_key="sessionKey",
        required=True,
        metadata={
            "pattern": f"^{USER_ID_PATTERN}\\.[1-9][0-9]{{0,8}}$",
            "description": "`userId.sessionNumber`, split at its last dot.",
        },
    )


class RefusalSchema(Schema):
    """One record that could not be read."""

    index = fields.Integer(required=True, metadata=_told("Which record, counted from 0."))
    call_id = fields.String(
        required=True, allow_none=True, metadata=_told("Its call id, if that could be read.")
    )
    code = fields.String(required=True, metadata=_told("A stable word for the reason."))
    message = fields.String(required=True, metadata=_told("The reason as a sentence."))


def _count(about: str) -> fields.Integer:
    return fields.Integer(required=True, validate=validate.Range(min=0), metadata=_told(about))


class TakenInSchema(Schema):
    """What became of the records of one request."""

    new = _count("Calls that were not known before.")
    updated = _count("Calls whose content changed; they are sent again under the same number.")
    unchanged = _count("Calls that were known as they are.")
    forgotten = _count("Calls of people who were forgotten; they are not stored.")
    too_old = _count("Calls older than what is kept, passed over: they were counted long ago.")
    passed_over = _count("Records that the integration definition says are no calls.")
    refused = fields.List(
        fields.Nested(RefusalSchema),
        required=True,
        metadata=_told("Records that could not be read; they never stop the good ones."),
    )


class StatusSchema(Schema):
    """All is well."""

    status = fields.String(required=True, validate=validate.OneOf(["ok"]))
