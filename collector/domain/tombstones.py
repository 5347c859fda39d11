"""Who was forgotten has to stay out: what is left of them are hashes that only the key can repeat.

A tombstone is of one identifier: a visitor's id at Contentsquare, a caller's number, a call's id,
or a match key that is one person's. Nobody can read from it who that was; whoever comes with the
same identifier is recognised.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from collector.domain.callers import CallerHash
from collector.domain.identifiers import SESSION_KEY, TRACKING_NUMBER
from collector.domain.numbers import spell_number

#: What stands in a sentence where somebody was named.
HIDDEN = "[forgotten]"

#: Kinds of tombstones beside the kinds of match keys.
USER_ID = "user_id"
CALL_ID = "call_id"
CALLER = "caller"

#: A shorter text could be anything, where nobody knows what it was meant to be.
SHORTEST = {CALL_ID: 6}
_SHORTEST = 4

#: What stands between the identifiers of a line of text that is no record.
_BETWEEN = re.compile(r"[\s,;|=&\"'{}\[\]()<>]+")

#: What could be a phone number in a text.
_NUMBER = re.compile(r"\+?\(?\d(?:[ ().\-/]{0,3}\d){6,19}")


def mark(kind: str, value: str, hashed: CallerHash) -> str:
    """The tombstone of an identifier; a caller's is the hash that calls have of the number."""
    return hashed(value) if kind == CALLER else hashed(f"{kind} {value}")


def marks_of(kind: str, value: str, hashes: Iterable[CallerHash]) -> list[str]:
    """The same by each of these keys."""
    return [mark(kind, value, hashed) for hashed in hashes]


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Those who are to stay out of a project, by kind of identifier.

    ``hashes`` are of the keys at hand by which any of them was made.
    """

    marks: Mapping[str, Collection[str]]
    hashes: tuple[CallerHash, ...]

    def knows(self, kind: str, value: str) -> bool:
        """Whether this identifier is a forgotten person's."""
        marks = self.marks.get(kind)
        return marks is not None and any(
            found in marks for found in marks_of(kind, value, self.hashes)
        )

    def knows_visit(self, user_id: str, keys: Mapping[str, str]) -> bool:
        """Whether a beacon is of somebody who was forgotten."""
        return self.knows(USER_ID, user_id) or self._knows_any(keys.items())

    def knows_call(
        self, call_id: str, keys: Iterable[tuple[str, str]], callers: Iterable[str]
    ) -> bool:
        """Whether a record is of somebody who was forgotten.

        Args:
            callers: the hashes of the caller's number, by each of the keys at hand.
        """
        known = self.marks.get(CALLER, ())
        return (
            any(caller in known for caller in callers)
            or self.knows(CALL_ID, call_id)
            or self._knows_any(keys)
        )

    def knows_text(self, text: str, region: str | None) -> bool:
        """Whether a record that could not be read names somebody who was forgotten."""
        return any(
            self.knows(kind, value) for kind, value in told_in(text, region, tuple(self.marks))
        )

    def _knows_any(self, keys: Iterable[tuple[str, str]]) -> bool:
        return any(
            self.knows(USER_ID, value.rpartition(".")[0])
            if kind == SESSION_KEY
            else self.knows(kind, value)
            for kind, value in keys
            if kind != TRACKING_NUMBER
        )


def told_in(text: str, region: str | None, kinds: Collection[str]) -> Iterator[tuple[str, str]]:
    """Every identifier that a text could tell, as one of these kinds.

    Nobody knows which column was meant to be what: the text is a record that could not be read.
    """
    values = {*_BETWEEN.split(text), *(" ".join(each.split()) for each in _scalars(text))}
    spelled = {spell_number(each, region) for each in _NUMBER.findall(text)} - {""}
    for kind in kinds:
        for value in spelled if kind == CALLER else values | spelled:
            if is_told_apart(kind, value):
                yield kind, value
            if kind == USER_ID and "." in value:
                yield kind, value.rpartition(".")[0]  # of a session key


def _scalars(text: str) -> Iterator[str]:
    """The values of a record in JSON; nothing of what is none."""
    try:
        waiting = [json.loads(text)]
    except (ValueError, RecursionError):
        return
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            waiting += found.values()
        elif isinstance(found, list):
            waiting += found
        elif found is not None:
            yield str(found)


def is_told_apart(kind: str, value: str) -> bool:
    """Whether an identifier is long enough to be recognised in a sentence."""
    return len(value) >= SHORTEST.get(kind, _SHORTEST)


def without(words: Iterable[str]) -> Callable[[str], str]:
    """Takes these words out of a text, where they stand by themselves."""
    known = sorted({word for word in words if word}, key=len, reverse=True)
    if not known:
        return lambda text: text
    either = "|".join(map(re.escape, known))
    pattern = re.compile(rf"(?<![\w-])(?:{either})(?![\w-])")
    return lambda text: pattern.sub(HIDDEN, text)
