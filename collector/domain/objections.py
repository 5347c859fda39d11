"""What speaks against a session that has a key of the call.

A tracking number is lent to one visitor after the other, and not all of them are seen: without
consent there is no session. So the only session that is known to have had the number need not be
the caller's; and a reference that was mistyped is perhaps another's. Two things tell that it was
not the caller's, and then it is set aside.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from collector.domain.call import Call
from collector.domain.definition import Matching
from collector.domain.identifiers import SESSION_KEY, SessionId
from collector.domain.matching import Candidate

#: A number that somebody dialled so long ago counts as forgotten.
REMEMBERED = timedelta(days=30)

#: A kind of match key with a value.
Key = tuple[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What is known besides the sightings of the shared key itself.

    ``told`` are the personal keys of sessions; ``dialled`` says of a call's id and a shared kind
    when its caller first used the key that it carries, within ``REMEMBERED`` before it.
    """

    told: Mapping[SessionId, Collection[Key]] = field(default_factory=dict)
    dialled: Mapping[tuple[str, str], datetime] = field(default_factory=dict)


def personal_kinds(matching: Matching) -> set[str]:
    """The kinds of key that belong to one person; a session names itself otherwise."""
    return {rule.kind for rule in matching.rules if not rule.shared} - {SESSION_KEY}


def shared_kinds(matching: Matching) -> set[str]:
    """The kinds of key that go from one person to the next."""
    return {rule.kind for rule in matching.rules if rule.shared}


def doubtable_kinds(matching: Matching) -> set[str]:
    """The kinds whose candidates a stronger key of the call can speak against."""
    return {rule.kind for rule in matching.rules if _stronger(rule.kind, matching)}


class Objector:
    """Objects to candidates of many calls, by one set of rules and what is known."""

    def __init__(self, matching: Matching, facts: Facts) -> None:
        self._facts = facts
        self._skew = matching.skew
        self._shared = shared_kinds(matching)
        self._stronger = {rule.kind: _stronger(rule.kind, matching) for rule in matching.rules}

    def object_to(self, candidate: Candidate, call: Call) -> Candidate:
        """The candidate with what speaks against it, if anything does."""
        told = self._facts.told.get(candidate.session, ())
        for kind in self._stronger[candidate.kind] if told else ():
            values = {value for told_kind, value in told if told_kind == kind}
            if kind in call.keys and values and call.keys[kind] not in values:
                return replace(candidate, objection=f"it is known by another {kind} than the call")
        if candidate.kind not in self._shared:
            return candidate
        dialled = self._facts.dialled.get((call.call_id, candidate.kind))
        if dialled is not None and dialled + self._skew < candidate.key_first_seen:
            return replace(
                candidate,
                objection=f"the caller used this {candidate.kind} before, at "
                f"{dialled:%Y-%m-%d %H:%M:%S} UTC, when the session did not have it yet",
            )
        return candidate


def _stronger(kind: str, matching: Matching) -> list[str]:
    """The personal kinds that say more than ``kind``: all of them if it is shared."""
    kinds = [rule.kind for rule in matching.rules]
    personal = personal_kinds(matching)
    if kind in shared_kinds(matching):
        return [one for one in kinds if one in personal]
    return (
        [one for one in kinds[: kinds.index(kind)] if one in personal] if kind in personal else []
    )
