"""Hides what could be a phone number in what is told of a record.

A reason quotes the value that could not be read, and a row whose columns have slipped has the
caller's number anywhere. The reason is kept for everybody to see, the number must not be.
"""

from __future__ import annotations

import re

HIDDEN = "[number hidden]"

#: What stands between the digits of a number, as it is or as a quoted text shows it.
_BETWEEN = r"(?:\\x[0-9a-f]{2}|\\u[0-9a-f]{4}|\\[tnr]|[^\w'\":,;])"
_DIGITS = re.compile(rf"\+?\(?(?:\d{_BETWEEN}{{0,4}}){{6,}}\d")
_YEAR, _MONTH, _DAY = r"(?:19|2\d)\d\d", r"(?:[0-2]?\d|3[01]|[A-Za-z]{3})", r"(?:[0-2]?\d|3[01])"
_DATE = re.compile(
    rf"(?<!\d){_YEAR}[-/.]{_MONTH}[-/.]\d\d?(?!\d)|(?<!\d){_DAY}[-/.]{_MONTH}[-/.]{_YEAR}(?!\d)"
)
_CLOCK = re.compile(r"[T ]\d{1,2}(?::\d\d)+(?:\.\d+)?(?: ?[+-]\d\d:?\d\d)?")
_GOES_ON = re.compile(rf"{_BETWEEN}{{0,4}}\d")
_HAS_BEGUN = re.compile(rf"(?:\d{_BETWEEN}{{0,4}}|\+\(?)\Z")
#: As far back as what has begun a number can reach: a digit, and four quoted signs.
_BACK = 25


def without_numbers(text: str) -> str:
    """The text with everything hidden that could be a phone number; dates stay."""
    shown, end = [], 0
    for date in _DATE.finditer(text):
        if date.start() < end:
            continue
        clock = _CLOCK.match(text, date.end())
        after = clock.end() if clock else date.end()
        # With digits before or after it, it may be the middle of a number.
        if _HAS_BEGUN.search(text[max(end, date.start() - _BACK) : date.start()]) or _GOES_ON.match(
            text, after
        ):
            continue
        shown.append(_hide(text[end : date.start()]))
        shown.append(text[date.start() : after])
        end = after
    return "".join([*shown, _hide(text[end:])])


def _hide(text: str) -> str:
    return _DIGITS.sub(HIDDEN, text)
