"""What the page's snippet tells: a session was seen, with these match keys.

The keys come from code on customers' pages, where one of them may be wrong without anybody
noticing. That one is left out; the session and its other keys are worth too much to lose.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from collector.domain.identifiers import (
    MAX_KEY_LENGTH,
    MAX_KEYS,
    SessionId,
    is_kind,
    normalise_key,
    on_one_line,
    says_nothing,
)
from collector.domain.signed_keys import SignedKeys


@dataclass(frozen=True, kw_only=True, slots=True)
class Beacon:
    """One beacon, checked, its keys normalised."""

    project_id: int
    session: SessionId
    keys: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class LeftOut:
    """A key that is not stored, with the reason, which never repeats the key's value.

    ``kind`` is None for what cannot be told apart into keys.
    """

    kind: str | None
    why: str


def read_keys(
    told: object, region: str | None, signed: SignedKeys | None = None
) -> tuple[dict[str, str], list[LeftOut]]:
    """The usable keys in the spelling in which calls meet them, and those that are left out.

    Args:
        told: what the page said: an object, or null or an empty list for none. Null and blank
            values are no keys at all.
        region: two-letter country of numbers written in national form, or None.
        signed: how the installation's keys are signed, if they are.
    """
    keys: dict[str, str] = {}
    left_out: list[LeftOut] = []
    if told is None or told == []:
        return keys, left_out
    if not isinstance(told, Mapping):
        return keys, [LeftOut(kind=None, why="must be an object")]
    for kind, value in told.items():
        try:
            key = _read(kind, value, region, signed)
        except ValueError as problem:
            left_out.append(LeftOut(kind=kind, why=str(problem)))
            continue
        if key and len(keys) < MAX_KEYS:
            keys[kind] = key
        elif key:
            why = f"is one too many: at most {MAX_KEYS} keys are stored"
            left_out.append(LeftOut(kind=kind, why=why))
    return keys, left_out


def _read(kind: str, value: object, region: str | None, signed: SignedKeys | None) -> str:
    """One key's value; "" if there is none."""
    if not is_kind(kind):
        raise ValueError("must be named by at most 30 of a-z, 0-9 and _, a letter first")
    text = on_one_line(_text(value))
    # NUL and half characters (lone surrogates) cannot be stored; the other control characters
    # stand in no identifier. What can be printed has none, which is told at once.
    if not text.isprintable() and any(map(_is_control, text)):
        raise ValueError("must not contain control characters")
    if signed is not None and text:
        text = signed.value_of(kind, text)
    if len(text) > MAX_KEY_LENGTH:
        raise ValueError(f"must have at most {MAX_KEY_LENGTH} characters")
    if says_nothing(text):
        raise ValueError("must not be what a program writes for nothing, such as undefined")
    return normalise_key(kind, text, region)


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Cs"}


def _text(value: object) -> str:
    """A scalar of JSON as text; "" for null.

    A number is written as JavaScript would, except from 1e21 on and below 0.0001, where no key
    lies.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        value = int(value)
    if isinstance(value, str | int | float):
        return str(value)
    raise ValueError("must be a string, a number or a boolean")
