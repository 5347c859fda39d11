"""Puts the document together: the schemas by apispec, and the operations beside them."""

from __future__ import annotations

import copy
from functools import cache
from importlib.metadata import version
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import fields

from collector.web.openapi import refusals
from collector.web.openapi.operations import PATHS
from collector.web.openapi.shapes import (
    KeyedBeaconSchema,
    RefusalSchema,
    StatusSchema,
    TakenInSchema,
)
from collector.web.schemas import BeaconSchema

_ABOUT = (
    "What the session collector answers: sessions from pages, apps and servers, calls from "
    "providers and platforms. Every answer that is no success has the form "
    '`{"error": {"code": "…", "message": "…"}}`, with the code in the header '
    "`X-Collector-Error` as well; codes are stable, messages are for people. An answer 503 has "
    "`Retry-After`, and whatever was sent may be sent again: the same again changes nothing."
)

_SECURITY = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token from `collector token create --scope calls --project-id N`.",
    },
    "basic": {
        "type": "http",
        "scheme": "basic",
        "description": "The token as the password, under any user, for platforms that have no "
        "other place for it than the address.",
    },
    "twilio": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Twilio-Signature",
        "description": "Twilio's signature of address and fields: HMAC-SHA1 in base64, with the "
        "secret stored by `collector webhook add twilio`.",
    },
    "callrail": {
        "type": "apiKey",
        "in": "header",
        "name": "Signature",
        "description": "CallRail's signature of the body: HMAC-SHA1 in base64, with the secret "
        "stored by `collector webhook add callrail`. Other presets may sign otherwise, as the "
        "integration definition says.",
    },
}


@cache
def document() -> dict[str, Any]:
    """The document, without `servers`; made once, when it is first asked for."""
    plugin = MarshmallowPlugin(schema_name_resolver=_name)
    spec = APISpec(
        title="Session collector",
        version=version("session-collector"),
        openapi_version="3.1.0",
        info={"description": _ABOUT},
        plugins=[plugin],
    )
    assert plugin.converter is not None  # noqa: S101 - APISpec has just made it
    plugin.converter.add_attribute_function(_property_names)  # type: ignore[no-untyped-call]
    for schema in (BeaconSchema, KeyedBeaconSchema, RefusalSchema, TakenInSchema, StatusSchema):
        spec.components.schema(_name(schema), schema=schema)
    spec.components.schema("Error", _error())
    for name, scheme in _SECURITY.items():
        spec.components.security_scheme(name, scheme)
    for path, operations in PATHS.items():
        spec.path(path, operations=copy.deepcopy(dict(operations)))
    return spec.to_dict()


def _name(schema: Any) -> str:
    """``BeaconSchema`` is told as ``Beacon``."""
    kind = schema if isinstance(schema, type) else type(schema)
    return kind.__name__.removesuffix("Schema")


def _property_names(
    _converter: object, field: fields.Field[Any], **_options: Any
) -> dict[str, Any]:
    """A word of JSON Schema that apispec does not take from a field's metadata."""
    found = field.metadata.get("propertyNames")
    return {} if found is None else {"propertyNames": found}


def _error() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["code", "message"],
                "additionalProperties": False,
                "properties": {
                    "code": {"enum": refusals.codes(), "description": "Stable, for programs."},
                    "message": {"type": "string", "description": "A sentence, for people."},
                },
            }
        },
    }
