"""The tree in which the errors are drawn is the one that there is."""

from __future__ import annotations

import importlib
import pkgutil
import re

import collector
from collector import errors
from collector.errors import CollectorError


def test_every_error_stands_in_the_tree_under_the_one_that_it_is() -> None:
    for module in pkgutil.walk_packages(collector.__path__, "collector."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    above: list[str] = []
    drawn: dict[str, str] = {}
    for indent, name in re.findall(r"^    ([│├└─ ]*)(\w+)", errors.__doc__ or "", re.MULTILINE):
        del above[len(indent) // 4 :]
        drawn[name] = above[-1] if above else ""
        above.append(name)
    assert drawn == {"CollectorError": "", **_below(CollectorError)}


def _below(error: type[CollectorError]) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in error.__subclasses__():
        if each.__module__.startswith("collector."):
            found |= {each.__name__: error.__name__, **_below(each)}
    return found
