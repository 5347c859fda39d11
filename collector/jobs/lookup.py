"""Looks up the candidates of calls once for several sets of rules, and tells them apart after."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from collector.domain import matching
from collector.domain.call import Call
from collector.domain.definition import Matching
from collector.domain.matching import MOST_CANDIDATES, Candidate, Probe
from collector.storage import candidates
from collector.storage.database import Connection

#: The candidates of each call id.
Found = Mapping[str, Sequence[Candidate]]


def look_up(
    connection: Connection, project_id: int, calls: Sequence[Call], rule_sets: Sequence[Matching]
) -> list[Found]:
    """For each set of rules what ``candidates.of_calls`` would find."""
    wanted = [
        [probe for call in calls for probe in matching.probes(call, rules)] for rules in rule_sets
    ]
    widest: dict[tuple[str, str], Probe] = {}
    for probe in (probe for probes in wanted for probe in probes):
        at = (probe.call_id, probe.kind)
        widest[at] = _wider(widest[at], probe) if at in widest else probe
    found = candidates.find(connection, project_id, list(widest.values()))
    counted = Counter((item.call_id, item.kind) for items in found.values() for item in items)
    full = {at for at, number in counted.items() if number >= MOST_CANDIDATES}
    return [
        candidates.weighed(
            connection,
            project_id,
            calls,
            _narrowed(connection, project_id, probes, found, widest, full),
            rules,
        )
        for probes, rules in zip(wanted, rule_sets, strict=True)
    ]


def _wider(one: Probe, other: Probe) -> Probe:
    return replace(
        one,
        since=min(one.since, other.since),
        sighted_by=max(one.sighted_by, other.sighted_by),
        begun_by=max(one.begun_by, other.begun_by),
    )


def _narrowed(
    connection: Connection,
    project_id: int,
    probes: Sequence[Probe],
    found: Found,
    widest: Mapping[tuple[str, str], Probe],
    full: set[tuple[str, str]],
) -> Found:
    spans = {(probe.call_id, probe.kind): probe for probe in probes}
    # A lookup that was cut off does not show all that a narrower one would have found.
    anew = [spans[at] for at in full & spans.keys() if spans[at] != widest[at]]
    known = spans.keys() - {(probe.call_id, probe.kind) for probe in anew}
    kept: dict[str, list[Candidate]] = defaultdict(list)
    for call_id, items in found.items():
        kept[call_id] += [
            item
            for item in items
            if (call_id, item.kind) in known and spans[call_id, item.kind].fits(item)
        ]
    if anew:
        for call_id, items in candidates.find(connection, project_id, anew).items():
            kept[call_id] += items
    return kept
