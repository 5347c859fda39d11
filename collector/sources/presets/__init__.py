"""The call platforms that are known: a TOML file for each, in the language of the definition.

Each file is what a provider on that platform would have to write as ``[calls]`` otherwise. Its
first line says in a comment what it reads.
"""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any

NAMES = ("twilio", "callrail", "invoca", "infinity")


def text(name: str) -> str:
    """The file of a preset, with its comments."""
    return files(__name__).joinpath(f"{name}.toml").read_text(encoding="utf-8")


def table(name: str) -> dict[str, Any]:
    """What the file of a preset says under ``[calls]``."""
    calls: dict[str, Any] = tomllib.loads(text(name))["calls"]
    return calls


def about(name: str) -> str:
    """What a preset reads, in a line."""
    return text(name).partition("\n")[0].removeprefix("# ")
