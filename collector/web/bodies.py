"""Reads request bodies: bounded whatever the headers claim; JSON in its strict form, and forms."""

from __future__ import annotations

import json
import math
from collections.abc import Collection
from typing import Any
from urllib.parse import parse_qsl

from flask import request
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from collector.errors import RequestRefusedError

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"

#: A form or a query with more fields is none that a call platform sends.
MAX_FIELDS = 1000


def require_media_type(allowed: Collection[str]) -> None:
    """Make sure that the body is declared as one of ``allowed``.

    Raises:
        RequestRefusedError: 415 ``unsupported_media_type``.
    """
    if request.mimetype not in allowed:
        raise RequestRefusedError(
            415,
            "unsupported_media_type",
            f"Send the body with Content-Type: {' or '.join(allowed)}.",
        )


def read(limit: int) -> bytes:
    """The body, of at most ``limit`` bytes.

    Raises:
        RequestRefusedError: 413 ``too_large``, 400 ``malformed_body`` (it ended too early), 408
            ``too_slow``.
    """
    if getattr(request.environ["wsgi.input"], "too_slow", False):
        raise RequestRefusedError(408, "too_slow", "The body took too long to come.")
    # One byte more than allowed: a body without a declared length is cut at the limit in
    # silence, and only the extra byte tells that there was more.
    request.max_content_length = limit + 1
    try:
        body = request.get_data(cache=False)
    except RequestEntityTooLarge:
        body = None
    except ClientDisconnected:
        raise RequestRefusedError(400, "malformed_body", "The body ended too early.") from None
    if body is None or len(body) > limit:
        raise RequestRefusedError(413, "too_large", f"The body has more than {limit} bytes.")
    return body


def parse(body: bytes) -> Any:
    """The JSON value that ``body`` holds, in UTF-8.

    No NaN or infinity, which the databases cannot hold, and no name twice in an object, of
    which one would have to be dropped by guess.

    Raises:
        RequestRefusedError: 400 ``malformed_body``.
    """
    try:
        return _decoder.decode(body.decode())
    except RecursionError:
        problem = "it is nested too deeply"
    except UnicodeDecodeError:
        problem = "it is not UTF-8"
    except json.JSONDecodeError as error:
        problem = f"{error.msg} at character {error.pos}"
    except ValueError as error:
        problem = str(error)
    raise RequestRefusedError(400, "malformed_body", f"The body is not valid JSON: {problem}.")


def parse_form(form: bytes) -> list[tuple[str, str]]:
    """The fields of a form or a query, in order, empty ones too.

    What is not UTF-8 is replaced rather than refused: one strange letter in a name must not
    cost the call.

    Raises:
        RequestRefusedError: 413 ``too_many_fields``.
    """
    try:
        return parse_qsl(
            form.decode(errors="replace"), keep_blank_values=True, max_num_fields=MAX_FIELDS
        )
    except ValueError:
        raise RequestRefusedError(
            413, "too_many_fields", f"The form has more than {MAX_FIELDS} fields."
        ) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object has the same name twice")
    return found


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON value")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


# Made once: json.loads would make one for each body.
_decoder = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_no_constant, parse_float=_finite
)
