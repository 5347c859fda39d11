"""Sums up what the views told: the funnel, verdicts by day, and the rules by day."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from operator import attrgetter
from typing import TypeVar

from collector.domain.outcomes import ACCEPTED, KEY_IGNORED
from collector.domain.verdicts import Verdict
from collector.storage.beacon_counts import NO_PROJECT
from collector.storage.reports.fates import Fate
from collector.storage.reports.overview import Read
from collector.storage.reports.traffic import Beacons

_Key = TypeVar("_Key", int, str)


@dataclass(frozen=True, kw_only=True, slots=True)
class Day:
    """The calls of one day, by verdict and by the rule that matched them."""

    day: date
    calls: int
    matched: int
    verdicts: Counter[str]
    rules: Counter[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Counted:
    """The funnel of a period. ``calls`` was counted by itself, ``verdicts`` one by one."""

    beacons: int
    beacons_refused: int
    sessions: int
    calls: int
    matched: int
    verdicts: Counter[str]
    rules: Counter[str]
    accepted_by_rule: Counter[str]
    days: Sequence[Day]
    calls_of: Counter[int]
    accepted_of: Counter[int]

    @property
    def accepted(self) -> int:
        return self.verdicts[Verdict.ACCEPTED]

    @property
    def sum_of_verdicts(self) -> int:
        """What the nine sum to."""
        return self.verdicts.total()

    @property
    def rules_in_order(self) -> list[str]:
        """The rule that matched most first."""
        return [rule for rule, _ in sorted(self.rules.items(), key=lambda item: (-item[1], item))]


def count(read: Read) -> Counted:
    """Everything that is summed over beacons and calls."""
    accepted = [fate for fate in read.fates if fate.verdict == Verdict.ACCEPTED]
    return Counted(
        beacons=sum(one.beacons for one in read.beacons if one.outcome == ACCEPTED),
        beacons_refused=sum(
            one.beacons for one in not_accepted(read) if one.outcome != KEY_IGNORED
        ),
        sessions=read.sessions,
        calls=read.calls,
        matched=sum(fate.matched for fate in read.fates),
        verdicts=_calls_by(read.fates, attrgetter("verdict")),
        rules=_calls_by(read.fates, attrgetter("rule")),
        accepted_by_rule=_calls_by(accepted, attrgetter("rule")),
        days=_by_day(read),
        calls_of=_calls_by(read.fates, attrgetter("project_id")),
        accepted_of=_calls_by(accepted, attrgetter("project_id")),
    )


def not_accepted(read: Read) -> list[Beacons]:
    """The beacons that were refused, and besides those of which a key was left out.

    Those that name no known project belong to whoever has their origin. If all installations
    were asked for, they are told in any case.
    """
    origins = {origin for one in read.chosen for origin in one.origins}
    shows_all = len(read.chosen) == len(read.installed)
    return [
        one
        for one in read.beacons
        if one.outcome != ACCEPTED
        and (one.project_id != NO_PROJECT or shows_all or one.origin in origins)
    ]


def _by_day(read: Read) -> list[Day]:
    of: dict[date, list[Fate]] = defaultdict(list)
    for fate in read.fates:
        of[fate.day].append(fate)
    return [
        Day(
            day=day,
            calls=sum(fate.calls for fate in of[day]),
            matched=sum(fate.matched for fate in of[day]),
            verdicts=_calls_by(of[day], attrgetter("verdict")),
            rules=_calls_by(of[day], attrgetter("rule")),
        )
        for day in read.period.days
    ]


def _calls_by(fates: Iterable[Fate], key: Callable[[Fate], _Key | None]) -> Counter[_Key]:
    calls: Counter[_Key] = Counter()
    for fate in fates:
        if (value := key(fate)) is not None:
            calls[value] += fate.calls
    return calls
