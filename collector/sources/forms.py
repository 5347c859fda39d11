"""Tells in which form a file holds its records: from its content, and where that says nothing,
from its name.
"""

from __future__ import annotations

import json
import re
from enum import StrEnum

from collector.domain.definition import CallMapping
from collector.sources.json_records import is_page


class Form(StrEnum):
    """How a file holds records."""

    CSV = "csv"
    JSON_LINES = "jsonl"
    JSON = "json"


_BY_NAME = {".jsonl": Form.JSON_LINES, ".ndjson": Form.JSON_LINES, ".json": Form.JSON}

_ARRAY = re.compile(r"\s*\[\s*(\{|\]\s*$)")
_OBJECT = re.compile(r'\s*\{\s*["}]')


def told_by(name: str, head: str, mapping: CallMapping | None) -> Form:
    """The form of a file that begins with ``head``.

    Args:
        name: its name, without what says that it is compressed.
        mapping: an object with its id is a record, whatever arrays it holds.
    """
    by_name = next((form for end, form in _BY_NAME.items() if name.endswith(end)), Form.CSV)
    if _ARRAY.match(head):
        return Form.JSON
    if not _OBJECT.match(head):
        return by_name
    if by_name is Form.JSON_LINES:
        return by_name
    return _of_objects(head.lstrip(), mapping)


def _of_objects(head: str, mapping: CallMapping | None) -> Form:
    """Lines with an object each, or one document."""
    line, _, _ = head.partition("\n")
    try:
        value = json.loads(line, strict=False)
    except json.JSONDecodeError as error:
        # A document goes on in the next line; one line of many is broken somewhere within.
        goes_on = error.pos >= len(line.rstrip()) or "\n" not in head
        return Form.JSON if goes_on else Form.JSON_LINES
    except (ValueError, RecursionError):
        return Form.JSON_LINES
    return Form.JSON if is_page(value, mapping) else Form.JSON_LINES
