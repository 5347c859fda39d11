"""Writes out what would move a terminal's cursor, or begin a line of its own in a log.

Ids, keys and details come from pages and platforms. Whoever chooses them must not choose what a
person reads beside them.
"""

from __future__ import annotations

import re
from typing import Any

#: Control characters, what ends a line or turns the direction of writing, and half characters,
#: which cannot be written at all.
_WILD = r"\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
_ALL = re.compile(f"[{_WILD}]")
_BUT_LINES = re.compile(rf"(?!\n)[{_WILD}]")


def printable(text: str, *, lines: bool = False) -> str:
    """The text on one line, control characters as Python's escapes; with ``lines`` on several."""
    return (_BUT_LINES if lines else _ALL).sub(lambda found: repr(found[0])[1:-1], text)


def all_printable(value: Any) -> Any:
    """A document with each text in it made printable; its names are our own."""
    if isinstance(value, dict):
        return {name: all_printable(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [all_printable(item) for item in value]
    return printable(value) if type(value) is str else value


def as_json(text: str) -> str:
    """JSON with the same meaning, in which nothing is left to a terminal."""
    return _BUT_LINES.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
