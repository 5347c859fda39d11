"""What each public address is asked and answers, as OpenAPI's operations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collector.web import beacons, bodies, receiving
from collector.web.answers import CODE_HEADER, IGNORED_HEADER
from collector.web.openapi import examples, refusals
from collector.web.openapi.examples import Examples
from collector.web.openapi.refusals import Refusals

_Object = dict[str, Any]

#: By path, then by method, in the order in which people read them.
Paths = Mapping[str, Mapping[str, _Object]]

_RECORDS: _Object = {
    "description": "One record, or an array of them, with the columns that the integration "
    f"definition or the preset names; at most {receiving.MAX_RECORDS} records.",
    "oneOf": [
        {"type": "object"},
        {"type": "array", "items": {"type": "object"}, "maxItems": receiving.MAX_RECORDS},
    ],
}
_FORM: _Object = {
    "description": f"The fields as the platform names them; at most {bodies.MAX_FIELDS}.",
    "type": "object",
    "maxProperties": bodies.MAX_FIELDS,
    "additionalProperties": {"type": "string"},
}
_ANY_BEACON: _Object = {
    "anyOf": [
        {"$ref": "#/components/schemas/Beacon"},
        {"$ref": "#/components/schemas/KeyedBeacon"},
    ]
}


def _ref(schema: str) -> _Object:
    return {"$ref": f"#/components/schemas/{schema}"}


def _header(about: str, **schema: object) -> _Object:
    return {"description": about, "schema": {"type": "string", **schema}}


def _json(schema: str, shown: Examples | None = None) -> _Object:
    content: _Object = {"schema": _ref(schema)}
    return {"application/json": content | ({"examples": shown} if shown else {})}


def _script(about: str, kept: str) -> _Object:
    return {
        "200": {
            "description": about,
            "headers": {
                "ETag": _header("Names these bytes; send it back as `If-None-Match`."),
                "Cache-Control": _header(kept),
            },
            "content": {"text/javascript": {"schema": {"type": "string"}}},
        },
        "304": {"description": "The copy that `If-None-Match` names is still the same."},
    }


def _refused(told: Refusals) -> _Object:
    return {str(status): _refusal(status, meanings) for status, meanings in told.items()}


def _refusal(status: int, meanings: Mapping[str, str]) -> _Object:
    codes = list(meanings)
    headers = {CODE_HEADER: _header("The code once more.", enum=codes)}
    if status in {429, 503}:
        headers["Retry-After"] = _header("Send it again after so many seconds.", pattern="^[0-9]+$")
    if status == 401:
        headers["WWW-Authenticate"] = _header("How to say who asks.")
    if status == 405:
        headers["Allow"] = _header("The methods that there are.")
    return {
        "description": "\n".join(f"- `{code}`: {about}" for code, about in meanings.items()),
        "headers": headers,
        "content": {
            "application/json": {
                # Beside a reference, a schema of 3.1 may say more.
                "schema": _ref("Error")
                | {"properties": {"error": {"properties": {"code": {"enum": codes}}}}}
            }
        },
    }


def _body(kinds: Mapping[str, _Object], about: str) -> _Object:
    return {"required": True, "description": about, "content": dict(kinds)}


def _parameter(name: str, about: str, **schema: object) -> _Object:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": about,
        "schema": {"type": "string", **schema},
    }


_STORED_OF_WEBHOOK: _Object = {
    "200": {
        "description": "On disk: what became of the records. What could not be read is told here "
        "too and kept, since the platform could only repeat it.",
        "content": _json("TakenIn", examples.TAKEN_IN),
    },
    "204": {"description": "On disk, for `twilio`, which could take a body for instructions."},
}

_WHO_MAY: list[_Object] = [{"bearer": []}, {"basic": []}, {"twilio": []}, {"callrail": []}]

_BEACON: _Object = {
    "operationId": "postSession",
    "tags": ["Sessions"],
    "summary": "A session was seen, with these keys",
    "description": "Posted by the snippet; apps and servers may post too, without a header "
    "`Origin`. The same again changes nothing but when the session was last seen and how many "
    "beacons it had, so that it may always be repeated. Unknown fields are ignored.",
    "security": [],
    "requestBody": _body(
        {
            media_type: {"schema": _ANY_BEACON, "examples": examples.BEACONS}
            for media_type in beacons.MEDIA_TYPES
        },
        f"JSON in UTF-8, at most {beacons.MAX_BODY_BYTES} bytes. From a page as `text/plain`, so "
        "that the browser asks no preflight.",
    ),
    "responses": {
        "204": {
            "description": "On disk.",
            "headers": {IGNORED_HEADER: _header("The first key that was left out, and why.")},
        },
        **_refused(refusals.SESSIONS),
    },
}

_PREFLIGHT: _Object = {
    "operationId": "preflightSession",
    "tags": ["Sessions"],
    "summary": "What a browser asks before it posts JSON",
    "security": [],
    "responses": {"204": {"description": "Any origin may ask; it is judged with the beacon."}},
}

_DEBUGGING: _Object = {
    "operationId": "getDebugging",
    "tags": ["Scripts"],
    "summary": "The module that the snippet loads where a page is debugged",
    "security": [],
    "responses": _script("The module.", "5 minutes, then asked about."),
}

_CALLS: _Object = {
    "operationId": "postCalls",
    "tags": ["Calls"],
    "summary": "Call records in the provider's own form",
    "description": "The same record again changes nothing; with other content it is an update.",
    "security": [{"bearer": []}],
    "requestBody": _body(
        {"application/json": {"schema": _RECORDS, "examples": examples.CALLS}},
        f"At most {receiving.MAX_BODY_BYTES} bytes.",
    ),
    "responses": {
        "200": {
            "description": "On disk: what became of the records.",
            "content": _json("TakenIn", examples.TAKEN_IN),
        },
        **_refused(refusals.CALLS),
        "422": {
            "description": "Every record was refused; they are kept to be mended.",
            "content": _json("TakenIn"),
        },
    },
}

_WEBHOOK: _Object = {
    "tags": ["Calls"],
    "security": _WHO_MAY,
    "parameters": [
        _parameter("preset", "How the platform's records are read.", examples=["twilio"]),
        _parameter("project", "The project whose calls they are.", pattern="^[0-9]{1,16}$"),
    ],
    "responses": _STORED_OF_WEBHOOK | _refused(refusals.WEBHOOKS),
}

_POSTED: _Object = {
    "operationId": "postWebhook",
    "summary": "What a call platform posts after a call, in its own form",
    "requestBody": _body(
        {
            bodies.JSON: {"schema": _RECORDS, "examples": examples.WEBHOOKS},
            bodies.FORM: {"schema": _FORM, "examples": examples.WEBHOOK_FORMS},
        },
        f"At most {receiving.MAX_BODY_BYTES} bytes.",
    ),
}

_ASKED: _Object = {
    "operationId": "getWebhook",
    "summary": "The same as a query, for presets with `query = true`",
    "description": "Addresses stand in the logs of every proxy on the way: post a form wherever "
    "the platform can. The query holds the fields as the platform names them.",
}

_BUILD = _parameter(
    "build", "The first 16 hexadecimal digits of its SHA-384.", pattern="^[0-9a-f]{16}$"
)


def _health(name: str, summary: str, told: Refusals) -> _Object:
    return {
        "operationId": name,
        "tags": ["Health"],
        "summary": summary,
        "security": [],
        "responses": {
            "200": {"description": "Yes.", "content": _json("Status")},
            **_refused(told),
        },
    }


def _described(name: str, summary: str, media_type: str) -> _Object:
    return {
        "operationId": name,
        "tags": ["This document"],
        "summary": summary,
        "security": [],
        "responses": {"200": {"description": "It.", "content": {media_type: {}}}},
    }


def _snippet(name: str, summary: str, kept: str, told: Refusals) -> _Object:
    return {
        "operationId": name,
        "tags": ["Scripts"],
        "summary": summary,
        "security": [],
        "responses": {**_script("The script.", kept), **_refused(told)},
    }


PATHS: Paths = {
    beacons.PATH: {"post": _BEACON, "options": _PREFLIGHT, "get": _DEBUGGING},
    "/v1/calls": {"post": _CALLS},
    "/v1/calls/{preset}/{project}": {"post": _WEBHOOK | _POSTED, "get": _WEBHOOK | _ASKED},
    "/v1/snippet.js": {
        "get": _snippet("getSnippet", "The current snippet", "5 minutes, then asked about.", {})
    },
    "/v1/snippet.{build}.js": {
        "get": {"parameters": [_BUILD]}
        | _snippet("getBuild", "One build of it, for ever", "A year.", refusals.BUILDS)
    },
    "/healthz": {"get": _health("isAlive", "Does the process live?", {})},
    "/readyz": {"get": _health("isReady", "Can beacons be stored?", refusals.READY)},
    "/openapi.json": {"get": _described("getDocument", "This document", "application/json")},
    "/docs/api": {"get": _described("getPage", "This document for people", "text/html")},
}
