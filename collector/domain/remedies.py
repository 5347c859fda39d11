"""Chooses what to do about beacons that were refused, by what the installation says by now.

Everyone who tells of refusals chooses here, so that a command and a page never differ.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from collector.domain import outcomes
from collector.domain.installation import is_akin, is_web_origin
from collector.domain.outcomes import OPTED_OUT, ORIGIN_NOT_ALLOWED, REMEDIES, Remedy


def for_outcome(outcome: str, *, honours_gpc: bool) -> Remedy:
    """What to do about an outcome, whatever the origin."""
    if outcome == OPTED_OUT and not honours_gpc:
        return outcomes.IGNORED_SINCE
    return REMEDIES.get(outcome, outcomes.UNKNOWN)


def for_origin(origin: str, allowed: Collection[str], *, needed: bool) -> Remedy:
    """What to do about an origin that was not allowed; "" stands for those without a name.

    Args:
        allowed: the origins of the installation by now.
        needed: the customer's pages may be missing, so that a stranger's may be one of them.
    """
    if origin in allowed:
        return outcomes.ADDED_SINCE
    if not origin:
        return replace(outcomes.UNNAMED_ORIGINS, needs_person=needed)
    if not is_web_origin(origin):
        return outcomes.NO_WEB_ORIGIN
    if not needed and not is_akin(origin, allowed):
        return outcomes.STRANGE_ORIGINS
    return REMEDIES[ORIGIN_NOT_ALLOWED]
