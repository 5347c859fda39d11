"""One call record of the provider, once it has been read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from json.encoder import encode_basestring_ascii as _quoted

#: The source of calls that are read by the definition's own mapping, and no preset's.
OWN = "own"

#: Made once: a file of a million calls is hashed with it.
_written = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), sort_keys=True).encode

_TRUTHS = {None: "null", True: "true", False: "false"}

#: What one column of a record can hold.
Scalar = str | int | float | bool | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A call as the provider recorded it, with times in UTC.

    ``keys`` holds at most one normalised value for each kind of match key. ``attributes`` are
    the columns that the integration definition makes fields from, and no others: what nobody
    asked for is not stored. ``caller`` is the keyed hash of the caller's number, made with the key
    named ``caller_key``; the number itself is among the attributes only if a field asks for it.
    ``older_callers`` are the same by keys that came before, for the comparison with tombstones;
    they are not stored. ``value`` is in the provider's currency. None is what the record does not
    tell. ``source`` is the preset it was read by.
    """

    call_id: str
    started_at: datetime
    ended_at: datetime | None
    updated_at: datetime | None
    keys: Mapping[str, str]
    attributes: Mapping[str, Scalar]
    answered: bool | None = None
    value: float | None = None
    caller: str | None = None
    caller_key: str | None = None
    older_callers: tuple[str, ...] = ()
    source: str = OWN

    def content_hash(self) -> str:
        """The same for two records that say the same; ``updated_at`` alone is no new content."""
        # By hand, as the encoder of JSON writes it: for so little it takes twice the time.
        started, ended = self.started_at.isoformat(), self.ended_at
        keys = ",".join(
            [f"[{_quoted(kind)},{_quoted(self.keys[kind])}]" for kind in sorted(self.keys)]
        )
        attributes = ",".join(
            [
                f"[{_quoted(name)},{_quoted(value) if type(value) is str else _written(value)}]"
                for name, value in sorted(self.attributes.items())
            ]
        )
        until = f'"{ended.isoformat()}"' if ended else "null"
        value = "null" if self.value is None else _written(self.value)
        caller = "null" if self.caller is None else _quoted(self.caller)
        key = "null" if self.caller_key is None else _quoted(self.caller_key)
        return _short_hash(
            f'["{started}",{until},[{keys}],[{attributes}],'
            f"[{_TRUTHS[self.answered]},{value},{caller},{key}]]"
        )

    def match_hash(self) -> str:
        """The same for two records that point to a session in the same way."""
        return digest([self.started_at.isoformat(), sorted(self.keys.items())])


def digest(content: object) -> str:
    """A short stable hash (128 bits, hexadecimal) of anything JSON can hold."""
    return _short_hash(_written(content))


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
