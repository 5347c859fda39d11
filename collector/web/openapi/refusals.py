"""Every code with which the public addresses refuse, by address and status, and what it means.

A test holds these against the code that raises them and against ``docs/http.md``.
"""

from __future__ import annotations

from collections.abc import Mapping

from collector.web.answers import NOT_FOR_HERE

#: By status, then by code.
Refusals = Mapping[int, Mapping[str, str]]

_UNKNOWN_PROJECT = {"unknown_project": "No installation for this project."}
_MEDIA_TYPE = {"unsupported_media_type": "The body is declared as another content type."}
_DATABASE = {"database_unavailable": "Nothing can be stored now."}
_DEFINITION = {"definition_unavailable": "The operator has the integration definition to mend."}

_TOO_SLOW = {"too_slow": "The body took too long to come."}
_FAILED_OFTEN = {"rate_limited": "This address has sent too many wrong tokens or signatures."}

SESSIONS: Refusals = {
    400: {
        "malformed_body": "No JSON object in UTF-8.",
        "invalid_beacon": "A field is missing or wrong; the message names it.",
    },
    403: {
        "origin_not_allowed": "The page's origin is not among the installation's. Without the "
        "header `Origin` nothing is compared.",
        "too_many_sessions": "As many sessions of this user are stored as of any one.",
        "opted_out": "The request carries `Sec-GPC: 1`, which the installation honours.",
    },
    404: _UNKNOWN_PROJECT,
    408: _TOO_SLOW,
    413: {"too_large": "The body is too long."},
    415: _MEDIA_TYPE,
    429: {"rate_limited": "Too many come from this address, or for this project."},
    503: {**_DATABASE, "too_busy": "So many beacons wait that this one was not even queued."},
}

CALLS: Refusals = {
    400: {"malformed_body": "No JSON object or array."},
    401: {
        "token_missing": "No token was sent.",
        "token_invalid": "The token is unknown or revoked.",
        "token_expired": "The token has expired; told to whoever holds it.",
    },
    403: {"token_out_of_scope": "The token is not for calls."},
    404: _UNKNOWN_PROJECT,
    408: _TOO_SLOW,
    413: {
        "too_large": "The body is too long.",
        "too_many_records": "The array is too long; send fewer at a time.",
    },
    415: _MEDIA_TYPE,
    429: _FAILED_OFTEN,
    503: {**_DEFINITION, **_DATABASE},
}

WEBHOOKS: Refusals = {
    401: {
        "signature_invalid": "A secret is stored, and the signature is missing or does not fit.",
        "secret_missing": "It is signed, but no secret is stored here.",
        "token_missing": "Neither signature nor token.",
        "token_invalid": "The token is unknown or revoked.",
        "token_expired": "The token has expired; told to whoever holds it.",
    },
    403: {"token_out_of_scope": "The token is of another project, or not for calls."},
    404: {"unknown_preset": "No such preset; the message lists those there are."}
    | _UNKNOWN_PROJECT,
    405: {"method_not_allowed": "The preset takes nothing by this method."},
    408: _TOO_SLOW,
    413: {
        "too_large": "The body is too long.",
        "too_many_records": "The array is too long.",
        "too_many_fields": "The form or query has too many fields.",
    },
    415: _MEDIA_TYPE,
    429: _FAILED_OFTEN,
    503: {**_DEFINITION, "secret_unavailable": "The operator has the secret key to mend."}
    | _DATABASE,
}

BUILDS: Refusals = {404: {"unknown_build": "There is no such build of the snippet here."}}

READY: Refusals = {
    503: {"not_migrated": "The database has no schema that this version can work with."}
    | {"database_unavailable": "The database does not answer."},
}

#: What any address may answer besides.
ANYWHERE: Refusals = {
    404: {"not_found": NOT_FOR_HERE["not_found"]},
    405: {"method_not_allowed": NOT_FOR_HERE["method_not_allowed"]},
    500: {"internal_error": "Something went wrong here; it has been logged."},
}


def codes() -> list[str]:
    """All of them."""
    every = (SESSIONS, CALLS, WEBHOOKS, BUILDS, READY, ANYWHERE)
    return sorted({code for one in every for told in one.values() for code in told})
