"""How much somebody may ask for in a window that moves: the words of a setting, and the count.

What came in the window before counts as far as the moving window still reaches into it, as if it
had come evenly. So two numbers are kept of each who asks, and nothing of when he did.
"""

from __future__ import annotations

from dataclasses import dataclass

#: The setting that has no limit.
OFF = "off"

SECONDS_OF = {"second": 1, "minute": 60, "hour": 3600}


@dataclass(frozen=True, slots=True)
class Rate:
    """So many within so many seconds."""

    amount: float
    seconds: int

    @classmethod
    def of(cls, text: str) -> Rate | None:
        """What ``600/minute`` says, or None for ``off``; `collector.config` has checked it."""
        if text == OFF:
            return None
        amount, _, unit = text.partition("/")
        return cls(int(amount), SECONDS_OF[unit])

    def shared_by(self, number: int) -> Rate:
        """What each of so many processes may let through, when each counts for itself."""
        return Rate(max(1.0, self.amount / number), self.seconds)

    def has_room(self, current: int, previous: int, passed: float) -> bool:
        """Whether one more fits, so many seconds after the current window began."""
        return current + previous * (1 - passed / self.seconds) + 1 <= self.amount

    def seconds_until_room(self, current: int, previous: int, passed: float) -> float:
        """When the next one fits, if none comes meanwhile."""
        if current + 1 <= self.amount:
            return self._until(self.amount - 1 - current, previous) - passed
        return self.seconds - passed + self._until(self.amount - 1, current)

    def _until(self, room: float, before: int) -> float:
        """After so much of a window, what came in the one before takes no more than ``room``."""
        return self.seconds * max(0.0, 1 - room / before) if before else 0.0
