"""No regular expression takes much longer on a hostile text than on a long one.

What makes one take for ever is known by its form: one repetition within another, between which the
same text can be shared out in many ways. Python's own parser tells the form, so that no clock is
needed. What is merely quadratic does not matter: what is matched has 2000 characters at most.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from re import _compiler as compiler  # type: ignore[attr-defined]
from re import _constants as signs
from re import _parser as parser
from typing import Any

import pytest

import collector

#: More of one repetition than this counts as without end.
MANY = 64

REPEATS = {signs.MAX_REPEAT, signs.MIN_REPEAT}


def patterns() -> Iterator[tuple[str, re.Pattern[Any]]]:
    """All that stand in a module, alone or in a tuple."""
    for found in pkgutil.walk_packages(collector.__path__, "collector."):
        if found.name.endswith("__main__"):
            continue
        module = importlib.import_module(found.name)
        for name, value in vars(module).items():
            for item in value if isinstance(value, tuple) else (value,):
                if isinstance(item, re.Pattern):
                    yield f"{found.name}.{name}", item


def nested(tree: Any, outer: Any = None) -> bool:
    """Whether a repetition without end stands within another one, and can match in many ways.

    ``outer`` is what the one around it repeats. If that begins with a sign of its own, as in
    ``(?:,\\d+)*``, there is one way only.
    """
    for kind, told in tree:
        if kind in REPEATS:
            _, most, inner = told
            endless = most is signs.MAXREPEAT or most > MANY
            if endless and outer is not None and not _begins_by_itself(outer, inner):
                return True
            if nested(inner, inner if endless else outer):
                return True
        for part in _parts(kind, told):
            if nested(part, outer):
                return True
    return False


def _begins_by_itself(outer: Any, inner: Any) -> bool:
    kind, told = outer[0]
    while kind is signs.SUBPATTERN:
        kind, told = told[-1][0]
    return kind is signs.LITERAL and not compiler.compile(inner).match(chr(told))


def _parts(kind: Any, told: Any) -> list[Any]:
    if kind is signs.SUBPATTERN:
        return [told[-1]]
    if kind is signs.BRANCH:
        return list(told[1])
    if kind in {signs.ASSERT, signs.ASSERT_NOT}:
        return [told[1]]
    return []


FOUND = dict(patterns())


def test_the_package_has_patterns_and_they_are_found() -> None:
    assert "collector.domain.identifiers._USER_ID" in FOUND
    assert "collector.domain.values._GROUPED" in FOUND


@pytest.mark.parametrize(
    "text", [r"(a+)+", r"(?:a*|b)*c", r"((\d+)*)+x", r"(?:[a-z]*)*", r"(?:a[ab]+)+"]
)
def test_what_is_slow_is_told(text: str) -> None:
    assert nested(parser.parse(text))


@pytest.mark.parametrize(
    "text", [r"[1-9]\d{0,2}(?:,\d{3})+", r"[\w.-]+", r"(?:a{1,3}-)+", r"\w+(\.\w+)*"]
)
def test_what_is_quick_is_not(text: str) -> None:
    assert not nested(parser.parse(text))


@pytest.mark.parametrize("name", FOUND)
def test_no_pattern_can_share_a_text_out_in_many_ways(name: str) -> None:
    pattern = FOUND[name]
    assert not nested(parser.parse(pattern.pattern, pattern.flags & re.VERBOSE)), pattern.pattern
