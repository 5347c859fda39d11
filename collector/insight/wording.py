"""Numbers, ages and findings in words, the same on a terminal and on a page."""

from __future__ import annotations

from datetime import datetime, timedelta

from collector.domain.outcomes import KEY_IGNORED, UNKNOWN_PROJECT
from collector.insight.findings import Finding


def how_often(item: Finding, now: datetime) -> str:
    """How many beacons it was, when and from where."""
    words = [f"{number(item.beacons, 'beacon')}, the last {ago(now - item.last_at)}"]
    if item.outcome == KEY_IGNORED:
        words = [f"a key was left out of {words[0]}"]
    if item.origins:
        more = f" and {item.more_origins} more" if item.more_origins else ""
        words.append(f"from {', '.join(item.origins)}{more}")
    if item.outcome == UNKNOWN_PROJECT:
        words.append("which told no known project")
    elif not item.of_project:
        words.append("refused before the project was known")
    return ", ".join(words)


def number(count: int, noun: str) -> str:
    """So many, with the noun in its right form."""
    return f"{count} {noun}{'s'[: count != 1]}"


def percent(count: int, of: int) -> str:
    """A share, in whole percent."""
    return f"{100 * count / of:.0f} %" if of else "0 %"


def ago(time: timedelta) -> str:
    """A time that has passed, in its largest unit."""
    seconds = max(int(time.total_seconds()), 0)
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            return f"{number(seconds // length, unit)} ago"
    return "less than a minute ago"
