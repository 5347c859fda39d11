"""The snippet as it is published: the bytes that browsers get, their hash and their integrity.

The server serves by it and ``collector snippet`` prints by it, so that the integrity in a
customer's page is always that of the bytes which the page is sent.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from collector import resources

#: Hexadecimal digits of an address: enough that no two builds ever share one.
HASH_LENGTH = 16

#: Content codings of the files that stand ready beside a built one, by their suffix.
READY_MADE = {"br": ".br", "gzip": ".gz"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Script:
    """One script, as it is and compressed.

    ``encoded`` has it by content coding, the preferred one first; ``identity`` is among them.
    Nothing is compressed here: the same address has the same bytes whatever machine serves them.
    """

    encoded: Mapping[str, bytes]
    hash: str
    integrity: str


def hash_of(source: bytes) -> str:
    """The name of a build in its address: the beginning of the digest that is its integrity."""
    return hashlib.sha384(source).hexdigest()[:HASH_LENGTH]


def integrity_of(source: bytes) -> str:
    """What the ``integrity`` attribute of a script tag says of this source."""
    return "sha384-" + b64encode(hashlib.sha384(source).digest()).decode()


@cache
def current() -> Script:
    """The build of this version."""
    return _read(_directory() / "collector.min.js")


@cache
def debugging() -> Script:
    """The module that the snippet loads when it is asked to speak."""
    return _read(_directory() / "collector.debug.js")


@cache
def published() -> Mapping[str, Script]:
    """Every build that a page may be pinned to, by its hash: the current and the released ones."""
    released = [_read(path) for path in sorted((_directory() / "released").glob("*.js"))]
    return {script.hash: script for script in (*released, current())}


def declaration() -> str:
    """The TypeScript declaration of the queue."""
    return (_directory() / "collector.d.ts").read_text(encoding="utf-8")


def _directory() -> Path:
    return resources.path("static") / "js"


def _read(path: Path) -> Script:
    source = path.read_bytes()
    encoded = {
        coding: compressed.read_bytes()
        for coding, suffix in READY_MADE.items()
        if (compressed := path.with_name(path.name + suffix)).is_file()
    }
    encoded["identity"] = source
    return Script(encoded=encoded, hash=hash_of(source), integrity=integrity_of(source))
