"""Isolates the culprits of a refused batch.

The API refuses a whole batch for one bad enrichment and does not say which (Sending enrichment
data batches). So a refused batch is searched by halves for one culprit, and what remains is sent
together again: one culprit in 200 costs at most eleven requests, and no neighbour is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

T = TypeVar("T")

#: So many culprits of one batch are isolated; with more it is the batch that is at fault.
MAX_CULPRITS = 8


class Isolation(Generic[T]):
    """Says which group of one batch to send next, and learns from each answer.

    Only what was refused all by itself becomes a culprit.
    """

    def __init__(self, batch: Sequence[T]) -> None:
        self._untried: list[T] = list(batch)
        self._suspects: list[T] = []  # a group that holds at least one culprit
        self.culprits: list[T] = []

    def next_group(self) -> Sequence[T]:
        """The next group to send; empty when the batch is done or given up."""
        if self.is_given_up:
            return ()
        if self._suspects:
            return self._suspects[: (len(self._suspects) + 1) // 2]
        return self._untried

    def accepted(self, group: Sequence[T]) -> None:
        """The API accepted ``group``, the last one handed out."""
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
            self._suspects = []
        else:
            self._suspects = list(group)

    @property
    def is_given_up(self) -> bool:
        """Whether so many were refused that no single enrichment can be blamed."""
        return len(self.culprits) > MAX_CULPRITS
