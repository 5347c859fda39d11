"""A made-up provider's pool of tracking numbers, and whom each of them is lent to.

A page that is open goes on showing the number that was taken from it.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.matching_world import Visit


def lend(visits: Sequence[Visit], share: float, hold: float) -> None:
    """Lend each visit the number that was free for longest; if none is, the one used least of late.

    The pool holds this ``share`` of the numbers that are needed at the busiest moment; each is
    kept for a visit ``hold`` seconds after its last view.
    """
    size = max(1, min(9999, round(_needed(visits, hold) * share)))
    until = {f"+3319900{number:04d}": -math.inf for number in range(size)}
    free = [(since, number) for number, since in until.items()]
    heapq.heapify(free)
    kept: dict[str, str] = {}
    holders: dict[str, str] = {}
    for visit in visits:
        name, start = visit.person.name, visit.views[0]
        number = kept.get(name, "")
        if not number or holders.get(number) != name or until[number] < start:
            since, number = heapq.heappop(free)
            while since != until[number]:
                since, number = heapq.heappop(free)
        visit.number, kept[name], holders[number] = number, number, name
        until[number] = max(until[number], visit.views[-1] + hold)
        heapq.heappush(free, (until[number], number))


def _needed(visits: Sequence[Visit], hold: float) -> int:
    changes = sorted(
        change for visit in visits for change in ((visit.views[0], 1), (visit.views[-1] + hold, -1))
    )
    needed = most = 0
    for _, change in changes:
        needed += change
        most = max(most, needed)
    return most
