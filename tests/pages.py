"""Reads the pages that people read: their blocks, and the commands in them and in sentences."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parent.parent

#: Those that set something up come before those that use it.
PAGES = (
    "README.md",
    "docs/operating.md",
    *sorted(
        str(path.relative_to(ROOT))
        for path in (ROOT / "docs").glob("*.md")
        if path.name != "operating.md"
    ),
    "deploy/README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
)


def text_of(page: str) -> str:
    """The page as it is."""
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(text: str, *languages: str) -> list[str]:
    """The fenced blocks in these languages, in their order."""
    found = re.findall(r"^ *```(\w*)\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    return [block for language, block in found if language in languages]


def lines(text: str) -> list[list[str]]:
    """Each command of the shell blocks as words, without its comment."""
    found: list[list[str]] = []
    for block in blocks(text, "sh"):
        begun = ""
        for line in block.splitlines():
            begun += line
            if begun.endswith("\\"):
                begun = begun[:-1]
                continue
            try:
                words = shlex.split(begun, comments=True)
            except ValueError:  # a quotation goes on in the next line
                begun += "\n"
                continue
            found += [words] if words else []
            begun = ""
        assert not begun, f"a command has no end: {begun}"
    return found


def in_sentences(text: str) -> list[list[str]]:
    """Each `collector …` that stands as code within a sentence, as words after `collector`."""
    return [shlex.split(told) for told in re.findall(r"`collector ([a-z][^`]*)`", text)]


def substituted(words: list[str]) -> list[str] | None:
    """What `NAME="$(collector …)"` runs, as words after `collector`; None if it is nothing such."""
    found = re.search(r"\$\(collector ([^)]*)\)", " ".join(words))
    return shlex.split(found[1]) if found else None
