"""What the charts are drawn from: the numbers of the tables beside them, as one document.

A day without calls has no rate and no time, so that a chart shows a gap and not nought.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from collector.domain.verdicts import Verdict
from collector.storage.reports.fates import Seconds
from collector.web.dashboard.counted import Counted, Day


def document(counted: Counted, seconds: Sequence[Seconds]) -> dict[str, Any]:
    """By the id of the canvas: the days, and a row of numbers for each name."""
    days = counted.days
    by_day = {one.day: one for one in seconds}
    return {
        "labels": [day.day.isoformat() for day in days],
        "verdicts": [
            {"name": verdict.value, "values": [day.verdicts[verdict] for day in days]}
            for verdict in reversed(Verdict)
            if counted.verdicts[verdict]
        ],
        "rules": [
            {"name": rule, "values": [_percent(day, rule) for day in days]}
            for rule in counted.rules_in_order
        ],
        "seconds": [
            {"name": name, "values": [getattr(by_day.get(day.day), field, None) for day in days]}
            for field, name in (("median", "median"), ("percentile_95", "95th percentile"))
        ],
    }


def _percent(day: Day, rule: str) -> float | None:
    return 100 * day.rules[rule] / day.calls if day.calls else None
