"""Session keys and match keys: how they are read and when two of them are the same.

Calls and beacons go through the same functions here, which is what makes them meet.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import phonenumbers

from collector.domain.numbers import normalise_number

VISITOR_ID = "visitor_id"
TRACKING_NUMBER = "tracking_number"
REFERENCE = "reference"

#: The kind under which a call record itself names its session.
SESSION_KEY = "session_key"

MAX_PROJECT_ID = 2**53 - 1  # what a browser can hold exactly
#: A visit each minute for the thirteen months of the tag's cookie would be 570,000.
MAX_SESSION_NUMBER = 1_000_000
MAX_KEYS = 10
MAX_KEY_LENGTH = 200

#: What programs write where they have nothing to say, or not the text that was meant. As a key it
#: would be shared by all visitors of a page, or all calls of a file, that says so.
_NOTHING = re.compile(r"undefined|null|NULL|None|NaN|\\N|\(not set\)|\[object \w+\]")
KIND_PATTERN = r"[a-z][a-z0-9_]{0,29}"
#: User ids look like ``ae267-6g87D-88Nn6od`` or a UUID (Retrieving session identifiers).
USER_ID_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"

_KIND = re.compile(KIND_PATTERN)
_USER_ID = re.compile(USER_ID_PATTERN)


class SessionId(NamedTuple):
    """One visit of one user, inside a project.

    A tuple, because the job asks for a dozen things of each call by it.
    """

    user_id: str
    session_number: int

    @property
    def session_key(self) -> str:
        """As the tag writes it: ``userId.sessionNumber``."""
        return f"{self.user_id}.{self.session_number}"


def is_kind(kind: str) -> bool:
    """Whether ``kind`` can name a match key: a lower-case word of at most 30 characters."""
    return _KIND.fullmatch(kind) is not None


def is_user_id(user_id: str) -> bool:
    """Whether ``user_id`` could be one of Contentsquare's, of which not all forms are published.

    What programs write for nothing could not: all visitors of a page would be one.
    """
    return _USER_ID.fullmatch(user_id) is not None and not says_nothing(user_id)


def parse_session_key(text: str) -> SessionId:
    """Split a session key at its *last* dot, since user ids may contain dots.

    Raises:
        ValueError: it is not ``userId.sessionNumber``.
    """
    user_id, _, number = text.strip().rpartition(".")
    if (
        is_user_id(user_id)
        and number.isascii()
        and number.isdigit()
        and len(number) <= 10
        and 1 <= int(number) <= MAX_SESSION_NUMBER
    ):
        return SessionId(user_id=user_id, session_number=int(number))
    raise ValueError(f"{text[:60]!r} is not a session key of the form userId.sessionNumber")


def says_nothing(text: str) -> bool:
    """Whether a key's value is only what a program writes for nothing, such as ``undefined``."""
    return _NOTHING.fullmatch(text) is not None


def on_one_line(text: str) -> str:
    """Each run of white space as one blank, and none around: a page wraps its text at will."""
    return " ".join(text.split())


def normalise_key(kind: str, value: str, region: str | None) -> str:
    """The one spelling under which a match key is stored and compared; "" if there is none.

    Args:
        region: two-letter country of numbers written in national form, or None.
    """
    value = on_one_line(value)
    return normalise_number(value, region) if kind == TRACKING_NUMBER and value else value


def is_region(region: str) -> bool:
    """Whether ``region`` is a country that phone numbers can be written in the form of."""
    return region in phonenumbers.SUPPORTED_REGIONS
