"""A sentence with the command that it ends with, apart, so that a page can show it to be copied."""

from __future__ import annotations

from dataclasses import dataclass

_BEFORE = ": collector "


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """What to do. ``needs_person`` says that it stays as it is until somebody does it."""

    text: str
    command: str | None = None
    needs_person: bool = True


def read(told: str, *, needs_person: bool = True) -> Step:
    """The step of a sentence that may end with a command, after a colon and a blank."""
    before, found, after = told.rpartition(_BEFORE)
    if not found or after.count("(") != after.count(")"):
        return Step(text=told, needs_person=needs_person)
    return Step(text=f"{before}:", command=f"collector {after}", needs_person=needs_person)
