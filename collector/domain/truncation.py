"""Cuts text to what a STRING field holds, never inside what a reader takes for one character."""

from __future__ import annotations

import unicodedata

from collector.domain import limits

_JOINER = "\u200d"


def truncated(text: str) -> str:
    """The longest beginning of ``text`` that fits a STRING field and ends between characters.

    An accent that stands for itself, a flag, a skin tone or a family of emoji stays with what it
    belongs to. What is longer than the field as one such character leaves nothing.
    """
    kept = len(text.encode()[: limits.MAX_STRING_BYTES].decode(errors="ignore"))
    while 0 < kept < len(text) and _belong_together(text, kept):
        kept -= 1
    return text[:kept]


def _belong_together(text: str, place: int) -> bool:
    """Whether a character goes on across ``place``."""
    before, after = text[place - 1], text[place]
    if _JOINER in (before, after) or (before, after) == ("\r", "\n"):
        return True
    if _is_regional(before) and _is_regional(after):  # flags are made of two each
        run = len(text[:place]) - len(text[:place].rstrip(_REGIONAL))
        return run % 2 == 1
    return _continues(after)


def _continues(sign: str) -> bool:
    """Whether it changes what stands before it: accents, variants, skin tones, tags, jamo."""
    return (
        unicodedata.category(sign).startswith("M")
        or "\U0001f3fb" <= sign <= "\U0001f3ff"
        or "\U000e0020" <= sign <= "\U000e007f"
        or "\u1160" <= sign <= "\u11ff"
    )


_REGIONAL = "".join(map(chr, range(0x1F1E6, 0x1F200)))


def _is_regional(sign: str) -> bool:
    return sign in _REGIONAL
