"""Isolates the culprits of a refused batch.

The API refuses a whole batch for one bad enrichment and does not say which ("if an enrichment
gets rejected, then the full batch will be rejected"). A refused batch is halved until what is
refused stands alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Generic, TypeVar

T = TypeVar("T")

#: So many culprits of one batch are isolated; with more it is the batch that is at fault.
MAX_CULPRITS = 8


def most_requests(size: int, culprits: int) -> int:
    """How many requests isolating ``culprits`` of ``size`` enrichments may take."""
    return 1 + 2 * culprits * max(1, math.ceil(math.log2(max(size, 2))))


class Isolation(Generic[T]):
    """The groups of one batch still to be sent, each split in two when it is refused."""

    def __init__(self, batch: Sequence[T]) -> None:
        self._groups: list[Sequence[T]] = [batch] if batch else []
        self._budget = most_requests(len(batch), MAX_CULPRITS)
        self._sent = 0

    def next_group(self) -> Sequence[T] | None:
        """The next group to send, or None when the batch is done or given up."""
        if not self._groups or self.is_given_up:
            return None
        self._sent += 1
        return self._groups.pop()

    def refused(self, group: Sequence[T]) -> T | None:
        """The API refused ``group``: returns the culprit if it stands alone, else splits it."""
        if len(group) == 1:
            return group[0]
        middle = len(group) // 2
        self._groups += [group[middle:], group[:middle]]
        return None

    @property
    def is_given_up(self) -> bool:
        """Whether so much was refused that no enrichment can be blamed any more."""
        return bool(self._groups) and self._sent >= self._budget
