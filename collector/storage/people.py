"""Finds all that is stored of a person, from whatever they are named by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

import sqlalchemy as sa

from collector.domain.identifiers import SESSION_KEY, TRACKING_NUMBER
from collector.domain.person import MOST_CALLS, MOST_VISITORS, Person, Reach
from collector.domain.tombstones import CALLER
from collector.storage import bulk
from collector.storage.tables import CallKeyRow, CallRow, SightingRow


def complete(connection: sa.Connection, project_id: int, person: Person, reach: Reach) -> Person:
    """Whoever is named, with all that leads on from there, until nothing new is found.

    A call leads to the visitor that it is matched to, and a visitor to the calls that are matched
    to them or name one of their sessions; a followed key, or caller, to whoever shares it.
    """
    finder = _Finder(connection, project_id)
    before = -1
    while before != (size := _size(person)):
        before = size
        person.call_ids |= finder.calls_of_users(person.user_ids)
        person.call_ids |= finder.calls_naming(person.user_ids)
        person.call_ids |= finder.calls_of_callers(hashed for hashed, _ in person.callers)
        person.call_ids |= finder.calls_with_keys(person.keys)
        if not reach.calls_only:
            person.user_ids |= finder.users_of_calls(person.call_ids)
            person.user_ids |= finder.users_with_keys(person.keys)
        if CALLER in reach.follows:
            person.callers |= finder.callers_of(person.call_ids)
        for key in finder.keys_of(person) - person.keys - person.shared:
            if key[0] in reach.follows:
                (person.keys if finder.is_somebodys_own(key) else person.shared).add(key)
    return person


def _size(person: Person) -> int:
    parts = (person.user_ids, person.call_ids, person.callers, person.keys)
    return sum(len(part) for part in parts)


def sharing(
    connection: sa.Connection, project_id: int, person: Person
) -> dict[str, dict[str, int]]:
    """How many calls and visitors stay that share something with this person, by what it is."""
    finder = _Finder(connection, project_id)
    found: dict[str, dict[str, int]] = {}
    callers = finder.callers_of(person.call_ids)
    if calls := finder.calls_of_callers(hashed for hashed, _ in callers) - person.call_ids:
        found[CALLER] = {"calls": len(calls), "visitors": 0}
    by_kind: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for key in finder.keys_of(person):
        by_kind[key[0]].add(key)
    for kind, keys in sorted(by_kind.items()):
        others = finder.calls_with_keys(keys) - person.call_ids
        visitors = finder.users_with_keys(keys) - person.user_ids
        if others or visitors:
            found[kind] = {"calls": len(others), "visitors": len(visitors)}
    return found


class _Finder:
    """Asks for identifiers by identifiers, in one project."""

    def __init__(self, connection: sa.Connection, project_id: int) -> None:
        self._connection = connection
        self._project_id = project_id

    def calls_of_users(self, user_ids: Collection[str]) -> set[str]:
        return self._texts(CallRow.call_id, CallRow, CallRow.user_id, user_ids)

    def calls_naming(self, user_ids: Collection[str]) -> set[str]:
        """Those that carry a session key of theirs, whether or not that session was ever seen."""
        found: set[str] = set()
        for some in bulk.in_parts(sorted(user_ids)):
            begins = (CallKeyRow.value.startswith(f"{one}.", autoescape=True) for one in some)
            rows = self._connection.execute(
                sa.select(CallKeyRow.call_id, CallKeyRow.value).where(
                    CallKeyRow.project_id == self._project_id,
                    CallKeyRow.kind == SESSION_KEY,
                    sa.or_(*begins),
                )
            )
            # User ids may contain dots, and SQLite knows no difference between a and A.
            found |= {call_id for call_id, key in rows if key.rpartition(".")[0] in some}
        return found

    def calls_of_callers(self, hashed: Iterable[str]) -> set[str]:
        return self._texts(CallRow.call_id, CallRow, CallRow.caller, list(hashed))

    def users_of_calls(self, call_ids: Collection[str]) -> set[str]:
        return self._texts(CallRow.user_id, CallRow, CallRow.call_id, call_ids)

    def callers_of(self, call_ids: Collection[str]) -> set[tuple[str, str]]:
        rows = self._rows((CallRow.caller, CallRow.caller_key), CallRow, CallRow.call_id, call_ids)
        return {(caller, key_id) for caller, key_id in rows if caller is not None}

    def calls_with_keys(self, keys: Iterable[tuple[str, str]]) -> set[str]:
        return self._with_keys(CallKeyRow.call_id, CallKeyRow, keys)

    def users_with_keys(self, keys: Iterable[tuple[str, str]]) -> set[str]:
        keys = list(keys)
        named = {value.rpartition(".")[0] for kind, value in keys if kind == SESSION_KEY}
        return named | self._with_keys(SightingRow.user_id, SightingRow, keys)

    def is_somebodys_own(self, key: tuple[str, str]) -> bool:
        """Whether so few share it that it can be one person's."""
        return (
            len(self.users_with_keys([key])) <= MOST_VISITORS
            and len(self.calls_with_keys([key])) <= MOST_CALLS
        )

    def keys_of(self, person: Person) -> set[tuple[str, str]]:
        """The match keys that their visits and calls have, but for what a whole page shares."""
        seen = self._rows(
            (SightingRow.kind, SightingRow.value),
            SightingRow,
            SightingRow.user_id,
            person.user_ids,
        )
        told = self._rows(
            (CallKeyRow.kind, CallKeyRow.value), CallKeyRow, CallKeyRow.call_id, person.call_ids
        )
        found = {(kind, value) for kind, value in (*seen, *told)}
        return {key for key in found if key[0] not in {TRACKING_NUMBER, SESSION_KEY}}

    def _with_keys(self, column: Any, row: Any, keys: Iterable[tuple[str, str]]) -> set[str]:
        values: dict[str, list[str]] = defaultdict(list)
        for kind, value in keys:
            values[kind].append(value)
        found: set[str] = set()
        for kind, some in values.items():
            found |= self._texts(column, row, row.value, some, row.kind == kind)
        return found

    def _texts(
        self, column: Any, row: Any, by: Any, values: Collection[str], *more: Any
    ) -> set[str]:
        return {text for (text,) in self._rows((column,), row, by, values, *more) if text}

    def _rows(
        self, columns: tuple[Any, ...], row: Any, by: Any, values: Collection[str], *more: Any
    ) -> Iterable[Any]:
        if not values:
            return ()
        query = sa.select(*columns).distinct()
        of_them = bulk.one_of(by, values, self._connection.dialect.name)
        query = query.where(row.project_id == self._project_id, of_them, *more)
        return self._connection.execute(query).all()
