"""Isolates the culprits of a refused batch.

The API refuses a whole batch for one bad enrichment and does not say which (Sending enrichment
data batches). So a refused batch is searched by halves for one culprit, and what remains is sent
together again: one culprit in 200 costs at most eleven requests, and no neighbour is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Generic, TypeVar

from collector.domain import limits

T = TypeVar("T")

#: So many culprits are isolated, of one batch or one after the other with nothing accepted in
#: between; with more of them it is no single enrichment that is at fault.
MAX_CULPRITS = 8

#: Enrichments in a batch while nothing was accepted under its integration version yet.
CANARY = 5


def batches_for(number: int, *, proven: bool) -> int:
    """How many batches ``number`` enrichments take if all goes well."""
    canary = 0 if proven else min(CANARY, number)
    return bool(canary) + ceil((number - canary) / limits.MAX_BATCH)


@dataclass(slots=True)
class Row:
    """How many were refused alone since the last acceptance, in all batches that are on their way.

    With too many it is no single enrichment that is at fault.
    """

    refused: int = 0

    @property
    def is_too_long(self) -> bool:
        """To be asked when a batch is done: what is still untried may be accepted, and end it."""
        return self.refused > MAX_CULPRITS


class Isolation(Generic[T]):
    """Says which group of one batch to send next, and learns from each answer.

    Only what was refused all by itself becomes a culprit. ``row`` is shared by batches.
    """

    def __init__(self, batch: Sequence[T], *, row: Row | None = None) -> None:
        self._untried: list[T] = list(batch)
        self._suspects: list[T] = []  # a group that holds at least one culprit
        self.culprits: list[T] = []
        self.row = row or Row()
        self.any_accepted = False

    def next_group(self) -> Sequence[T]:
        """The next group to send; empty when the batch is done or its budget is."""
        if self.is_over_budget:
            return ()
        if self._suspects:
            return self._suspects[: (len(self._suspects) + 1) // 2]
        return self._untried

    def accepted(self, group: Sequence[T]) -> None:
        """The API accepted ``group``, the last one handed out."""
        self.any_accepted = True
        self.row.refused = 0
        if self._suspects:
            self._suspects = self._suspects[len(group) :]
        else:
            self._untried = []

    def refused(self, group: Sequence[T]) -> None:
        """The API refused ``group``, the last one handed out."""
        if self._suspects:
            self._untried = self._suspects[len(group) :] + self._untried
        else:
            self._untried = []
        if len(group) == 1:
            self.culprits.append(group[0])
            self.row.refused += 1
            self._suspects = []
        else:
            self._suspects = list(group)

    @property
    def is_over_budget(self) -> bool:
        """Whether so many of the batch were refused that no single enrichment can be blamed."""
        return len(self.culprits) > MAX_CULPRITS
