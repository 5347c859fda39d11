"""What a benchmark finds: the same work done by us and by what people would use instead.

Both are measured in turn, round by round, so that whatever else the machine does meets both; a
ratio is of one round, and what is told is the median of the ratios with their spread.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Goal:
    """What a figure should be: at least, or at most, so much."""

    at_least: float | None = None
    at_most: float | None = None

    def reached_by(self, value: float) -> bool:
        """Whether ``value`` is on the right side, or on the border."""
        return (self.at_least is None or value >= self.at_least) and (
            self.at_most is None or value <= self.at_most
        )

    def __str__(self) -> str:
        if self.at_least is not None:
            return f"≥ {self.at_least:g}"
        return f"≤ {self.at_most:g}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One line of the table.

    Attributes:
        benchmark: the name by which it can be run alone.
        database: ``sqlite`` or ``postgresql``; empty where it plays no part.
        what: the figure, as a person would name it.
        unit: of ``ours`` and ``theirs``.
        ours, theirs: one value for each round. Without ``theirs`` the goal is for ``ours``
            itself, else for the ratio ours / theirs.
        against: what ``theirs`` is.
        notes: what else was seen, for the JSON.
    """

    benchmark: str
    database: str = ""
    what: str
    unit: str
    ours: Sequence[float]
    theirs: Sequence[float] = ()
    against: str = ""
    goal: Goal | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def figures(self) -> list[float]:
        """What the goal is for: the ratio of each round, or our value in each."""
        if not self.theirs:
            return list(self.ours)
        return [ours / theirs for ours, theirs in zip(self.ours, self.theirs, strict=True)]

    @property
    def median(self) -> float:
        return statistics.median(self.figures)

    @property
    def spread(self) -> tuple[float, float]:
        """The lowest and the highest figure."""
        return min(self.figures), max(self.figures)

    @property
    def reached(self) -> bool | None:
        """Whether the median reaches the goal; None without a goal."""
        return None if self.goal is None else self.goal.reached_by(self.median)

    def as_json(self) -> dict[str, Any]:
        """The finding as it stands in the JSON file."""
        return {
            "benchmark": self.benchmark,
            "database": self.database,
            "what": self.what,
            "unit": self.unit,
            "ours": list(self.ours),
            "theirs": list(self.theirs),
            "against": self.against,
            "median": self.median,
            "spread": list(self.spread),
            "goal": None if self.goal is None else str(self.goal),
            "reached": self.reached,
            "notes": dict(self.notes),
        }


def in_turn(rounds: int, **contestants: Callable[[], float]) -> dict[str, list[float]]:
    """Each contestant's values, measured in turn; every other round in the opposite order."""
    values: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds):
        order = list(contestants.items())
        for name, measure in order if number % 2 == 0 else reversed(order):
            values[name].append(measure())
    return values
