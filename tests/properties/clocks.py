"""Two clocks: the provider's, which may be a little wrong, and Contentsquare's, which is right."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from tests.world import START, Clock


class Clocks(Clock):
    """The provider's clock when called; what is appointed happens on the way of a jump."""

    def __init__(self) -> None:
        super().__init__()
        self._wrong_by = timedelta(0)
        self._appointments: list[tuple[datetime, Callable[[], None]]] = []

    @property
    def right(self) -> datetime:
        """What it is at Contentsquare."""
        return self.now - self._wrong_by

    def monotonic(self) -> float:
        """Seconds that only grow."""
        return (self.right - START).total_seconds()

    def forward(self, **duration: float) -> None:
        until = self.right + timedelta(**duration)
        while due := [item for item in self._appointments if item[0] <= until]:
            first = min(due, key=lambda item: item[0])
            self._appointments.remove(first)
            self._go_to(first[0])
            first[1]()
        self._go_to(until)

    def be_wrong_by(self, seconds: int) -> None:
        """Set the provider's clock, forwards or backwards."""
        right, self._wrong_by = self.right, timedelta(seconds=seconds)
        self.now = right + self._wrong_by

    def appoint(self, seconds: float, act: Callable[[], None]) -> None:
        """Do this once so many seconds have passed."""
        self._appointments.append((self.right + timedelta(seconds=seconds), act))

    def _go_to(self, moment: datetime) -> None:
        self.now = max(moment, self.right) + self._wrong_by
