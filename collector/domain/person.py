"""A person, as far as anything here can tell: the identifiers under which they are stored."""

from __future__ import annotations

from dataclasses import dataclass, field

from collector.domain.identifiers import VISITOR_ID
from collector.domain.tombstones import CALL_ID, USER_ID

#: A match key that more visitors or calls have is nobody's own, and is not followed: a page that
#: tells all its visitors the same id would else be forgotten whole.
MOST_VISITORS = 20
MOST_CALLS = 100

#: What leads from what was found to more, unless somebody says otherwise.
FOLLOWED = frozenset({VISITOR_ID})


@dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    """By what somebody asks to be forgotten. ``callers`` are numbers, as they are written."""

    user_ids: frozenset[str] = frozenset()
    callers: frozenset[str] = frozenset()
    call_ids: frozenset[str] = frozenset()
    keys: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class Reach:
    """How far it goes from there.

    ``follows`` are the kinds of match keys, and perhaps ``caller``, that lead on to whoever
    shares them. With ``calls_only`` no visit is forgotten, and nothing leads from a call to it.
    """

    follows: frozenset[str] = FOLLOWED
    calls_only: bool = False


@dataclass(kw_only=True, slots=True)
class Person:
    """What was found: all of it is to go. ``callers`` are hashes, with the ids of their keys."""

    user_ids: set[str] = field(default_factory=set)
    call_ids: set[str] = field(default_factory=set)
    callers: set[tuple[str, str]] = field(default_factory=set)
    keys: set[tuple[str, str]] = field(default_factory=set)
    shared: set[tuple[str, str]] = field(default_factory=set)  #: keys of too many to be followed

    def named(self) -> set[tuple[str, str]]:
        """Their identifiers with their kinds, but for callers, of whom only hashes are known."""
        users = {(USER_ID, user_id) for user_id in self.user_ids}
        return users | {(CALL_ID, call_id) for call_id in self.call_ids} | self.keys
