"""A flood of sessions with one match key in words, the same on a terminal and on a page."""

from __future__ import annotations

from datetime import timedelta

from collector.domain.installation import Installation
from collector.insight.wording import number
from collector.storage.floods import MOST_CALLS, MOST_COUNTED, Flood


def told(flood: Flood) -> str:
    """What came, and what it did."""
    more = " or more" if flood.sessions >= MOST_COUNTED else ""
    others = " or more" if flood.calls >= MOST_CALLS else ""
    return (
        f"{flood.sessions:,} sessions{more} with {flood.kind} {flood.value} within "
        f"{_length(flood.last_seen - flood.first_seen)} from {flood.first_seen:%Y-%m-%d %H:%M:%S} "
        f"UTC, probably invented; {number(flood.calls, 'call')}{others} ambiguous by it"
    )


def remedy(flood: Flood, installation: Installation) -> str:
    """What to do about it."""
    if flood.kind in installation.signed_kinds:
        return (
            "These values are signed: somebody sends one that a page has told. Find the address "
            "in the proxy's log, and shut it out there. Calls that begin later than the rule's "
            "window after the last of them are matched as ever."
        )
    return (
        "If it goes on, find the address in the proxy's log, and shut it out there; calls that "
        "begin later than the rule's window after the last of them are matched as ever. If the "
        f"page shows this {flood.kind} to everybody, no rule can use it: lend each visitor one of "
        "their own, or leave its rule out for this project (docs/matching.md)."
    )


def _length(time: timedelta) -> str:
    seconds = max(1, round(time.total_seconds()))
    if seconds < 120:
        return number(seconds, "second")
    minutes = round(seconds / 60)
    return number(minutes, "minute") if minutes < 120 else number(round(minutes / 60), "hour")
