"""How a job tells how far it is, without knowing whether anybody watches."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told the steps of a job; several threads may each be at a step of their own."""

    def begin(self, step: str, total: int | None) -> None:
        """A step of ``total`` calls or enrichments begins; None: nobody knows how many."""

    def advance(self, done: int) -> None:
        """So many more are done of the step that this thread has begun last."""


class Unwatched:
    """Nobody watches."""

    def begin(self, step: str, total: int | None) -> None: ...

    def advance(self, done: int) -> None: ...
