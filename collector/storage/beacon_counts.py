"""Counts of what became of beacons, by project, UTC day, outcome and origin.

Anybody on the internet can send beacons, so what they can make the table hold is bounded: for
each project, day and outcome a few origins are named, and the others are summed under "". Under
no project the origins of all installations are named besides: a customer's own pages must not be
hidden by five strangers. The sums stay exact whoever writes at the same time.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Set
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, time
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

from collector.storage.database import Database, insert_for
from collector.storage.tables import MAX_DETAIL, BeaconCountRow

#: So many origins are named for each project, day and outcome; under no project, of strangers.
MAX_NAMED = 5

#: The project under which everything is counted that no known project can be told for.
NO_PROJECT = 0

#: The origin under which everything is counted that is not named.
UNNAMED = ""

_KEY = ("project_id", "day", "outcome", "origin")

#: Project, day and outcome: what the bound on origins holds for.
_Group = tuple[int, date, str]
_Groups = dict[_Group, list["BeaconCount"]]


@dataclass(frozen=True, kw_only=True, slots=True)
class BeaconCount:
    """So many beacons had this outcome; ``detail`` is what the last of them was answered."""

    project_id: int
    day: date
    outcome: str
    origin: str
    beacons: int
    last_at: datetime
    detail: str = ""

    def and_also(self, other: BeaconCount) -> BeaconCount:
        """Both together, under this one's key."""
        last = max(self, other, key=lambda count: count.last_at)
        return replace(
            self,
            beacons=self.beacons + other.beacons,
            last_at=last.last_at,
            detail=last.detail,
        )


def add(
    database: Database, counts: Iterable[BeaconCount], *, installed: Set[str] = frozenset()
) -> None:
    """Add to what is stored, all or nothing.

    Args:
        installed: the origins of all installations, which are always named under no project.

    Raises:
        DatabaseUnavailableError, NotMigratedError: nothing was added.
    """
    groups: _Groups = defaultdict(list)
    known: _Groups = defaultdict(list)
    for count in counts:
        is_known = count.project_id == NO_PROJECT and count.origin in installed
        (known if is_known else groups)[count.project_id, count.day, count.outcome].append(count)
    if not groups and not known:
        return
    with database.read() as connection:
        named = _named(connection, groups, installed)
    to_name = {group: groups[group] for group in groups if _wanted(groups[group], named[group])}
    if to_name:
        # A transaction of its own: names are given under a lock, and sums need none.
        with database.write() as connection:
            named.update(_give_names(connection, to_name, installed))
    rows = [row for group in groups for row in _within(named[group], groups[group])]
    rows += [row for group in known.values() for row in _within(installed, group)]
    with database.write() as connection:
        _upsert(connection, rows)


def since(connection: sa.Connection, project_ids: Iterable[int], day: date) -> list[BeaconCount]:
    """What was counted for these projects on ``day`` and later."""
    query = (
        sa.select(BeaconCountRow.__table__)
        .where(
            BeaconCountRow.project_id.in_(list(project_ids)),
            BeaconCountRow.day >= day,
            BeaconCountRow.beacons > 0,
        )
        .order_by(*(getattr(BeaconCountRow, name) for name in _KEY))
    )
    return [BeaconCount(**row) for row in connection.execute(query).mappings()]


def _wanted(counts: list[BeaconCount], named: set[str]) -> list[str]:
    """The origins that can still be named, the frequent ones first."""
    beacons: Counter[str] = Counter()
    for count in counts:
        if count.origin != UNNAMED and count.origin not in named:
            beacons[count.origin] += count.beacons
    return [origin for origin, _ in beacons.most_common(max(MAX_NAMED - len(named), 0))]


def _give_names(
    connection: sa.Connection, groups: _Groups, installed: Set[str]
) -> dict[_Group, set[str]]:
    """Name as many more origins as are allowed, whoever else does so at the same time.

    A name is a row without beacons at first. The unnamed row of a group is what others wait for.
    """
    _hold(connection, [(group, UNNAMED) for group in groups])
    named = _named(connection, groups, installed)
    wanted = [(group, each) for group in groups for each in _wanted(groups[group], named[group])]
    if wanted:
        _hold(connection, wanted)
    for group, origin in wanted:
        named[group].add(origin)
    return named


def _hold(connection: sa.Connection, rows: list[tuple[_Group, str]]) -> None:
    """Lock these rows until the transaction ends; those that are missing are made, empty."""
    insert = insert_for(connection, BeaconCountRow)
    midnight = time(tzinfo=UTC)
    connection.execute(
        insert.on_conflict_do_update(index_elements=_KEY, set_={"beacons": BeaconCountRow.beacons}),
        [
            {
                "project_id": project_id,
                "day": day,
                "outcome": outcome,
                "origin": origin,
                "beacons": 0,
                "last_at": datetime.combine(day, midnight),
                "detail": "",
            }
            # One order everywhere, so that two servers never wait crosswise.
            for (project_id, day, outcome), origin in sorted(rows)
        ],
    )


def _named(
    connection: sa.Connection, groups: Iterable[_Group], installed: Set[str]
) -> dict[_Group, set[str]]:
    """The origins that are named already, without those that are named in any case."""
    query = sa.select(
        BeaconCountRow.project_id,
        BeaconCountRow.day,
        BeaconCountRow.outcome,
        BeaconCountRow.origin,
    ).where(
        BeaconCountRow.project_id.in_({project_id for project_id, _, _ in groups}),
        BeaconCountRow.day.in_({day for _, day, _ in groups}),
        BeaconCountRow.origin != UNNAMED,
    )
    found: dict[_Group, set[str]] = defaultdict(set)
    for project_id, day, outcome, origin in connection.execute(query):
        if project_id != NO_PROJECT or origin not in installed:
            found[project_id, day, outcome].add(origin)
    return found


def _within(named: Set[str], counts: list[BeaconCount]) -> list[BeaconCount]:
    """One group's counts, those of origins that have no name summed."""
    merged: dict[str, BeaconCount] = {}
    for count in counts:
        origin = count.origin if count.origin in named else UNNAMED
        kept = replace(count, origin=origin, detail=count.detail[:MAX_DETAIL])
        merged[origin] = merged[origin].and_also(kept) if origin in merged else kept
    return list(merged.values())


def _upsert(connection: sa.Connection, counts: list[BeaconCount]) -> None:
    insert = insert_for(connection, BeaconCountRow)
    is_last = insert.excluded.last_at >= BeaconCountRow.last_at
    changed: dict[str, Any] = {
        name: sa.case((is_last, insert.excluded[name]), else_=getattr(BeaconCountRow, name))
        for name in ("last_at", "detail")
    }
    changed["beacons"] = BeaconCountRow.beacons + insert.excluded.beacons
    rows = [asdict(count) for count in counts]
    connection.execute(
        insert.on_conflict_do_update(index_elements=_KEY, set_=changed),
        sorted(rows, key=itemgetter(*_KEY)),  # in the order in which everybody takes them
    )
