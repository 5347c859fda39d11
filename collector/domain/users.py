"""What a user of the dashboard may be called, and what makes a password."""

from __future__ import annotations

import re
import unicodedata

MAX_NAME = 100
MIN_PASSWORD = 12
#: A longer one is no better, and takes longer to look at.
MAX_PASSWORD = 200

#: Without blanks, so that one which a phone's keyboard has added can be taken away.
_NAME = re.compile(rf"[\w.@+-]{{1,{MAX_NAME}}}")

NAME_RULE = f"must be 1 to {MAX_NAME} letters, digits and . _ - + @, as in anna or anna@example.com"


def is_name(text: str) -> bool:
    """Whether this may be a user's name."""
    return _NAME.fullmatch(text) is not None


def normal(text: str) -> str:
    """A name or a password the same, whatever keyboard composed its accents (Unicode's NFC)."""
    return unicodedata.normalize("NFC", text)


def objection_to(password: str) -> str | None:
    """Why this may be nobody's password; None if it may."""
    if not password.isprintable():
        return "The password must be one line, without characters that cannot be seen."
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        return (
            f"The password has {len(password)} characters; it must have {MIN_PASSWORD} to "
            f"{MAX_PASSWORD}. Several words are easier to keep than one that is twisted."
        )
    return None
