"""Finds the session that led to a call.

Rules are tried in their order; the first that has a candidate decides. A wrong enrichment
cannot be taken back, so whatever is not clearly right is ``ambiguous``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from collector.domain import limits
from collector.domain.call import Call
from collector.domain.definition import Matching, Rule
from collector.domain.identifiers import SESSION_KEY, SessionId
from collector.domain.verdicts import Reason, Verdict

#: So many sessions under one key can never be told apart; no more of them are looked up.
MOST_CANDIDATES = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Probe:
    """Where to look for one call's candidates under one rule: the key, and the time it was seen.

    A sighting fits if it was first seen at or before ``sighted_by`` and last seen at or after
    ``since``, in a session that was first seen at or before ``begun_by``.
    """

    call_id: str
    kind: str
    value: str
    since: datetime
    sighted_by: datetime
    begun_by: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A session in which a key of the call was seen; ``key_*`` is the sighting itself."""

    call_id: str
    kind: str
    session: SessionId
    first_seen: datetime
    last_seen: datetime
    key_first_seen: datetime
    key_last_seen: datetime

    def covers(self, moment: datetime) -> bool:
        """Whether the session was still open at ``moment``, as the tag counts sessions."""
        return moment <= self.last_seen + limits.SESSION_IDLE


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """A call joined to a session, with the rule and the evidence."""

    session: SessionId
    first_seen: datetime
    rule: str
    evidence: dict[str, str | int | bool]


@dataclass(frozen=True, kw_only=True, slots=True)
class NoMatch:
    """Why a call has no session: ``waiting``, ``unmatched`` or ``ambiguous``."""

    verdict: Verdict
    reason: Reason
    detail: str


def probes(call: Call, matching: Matching) -> list[Probe]:
    """What to look up for ``call``, one probe for each rule whose key it carries.

    Beacons are dated by their arrival, and may come late. A key that belongs to one person is
    theirs whenever it is told, so only its session has to have begun before the call; of a
    session that the call itself names, not even that is asked. A shared key belongs to somebody
    else later on.
    """
    begun = call.started_at + matching.skew
    late = call.started_at + limits.ENRICHABLE_FOR
    return [
        Probe(
            call_id=call.call_id,
            kind=rule.kind,
            value=call.keys[rule.kind],
            since=call.started_at - rule.window,
            sighted_by=begun if rule.shared else late,
            begun_by=late if rule.kind == SESSION_KEY else begun,
        )
        for rule in matching.rules
        if rule.kind in call.keys
    ]


def decide(
    call: Call, candidates: Iterable[Candidate], matching: Matching, now: datetime
) -> Match | NoMatch:
    """The session of ``call`` among the ``candidates`` of its probes, or why there is none."""
    found = list(candidates)
    for rule in matching.rules:
        of_rule = [candidate for candidate in found if candidate.kind == rule.kind]
        if not of_rule:
            # The session that the call itself names is worth waiting for.
            early = now < call.started_at + matching.horizon
            if found and early and rule.kind == SESSION_KEY in call.keys:
                return NoMatch(
                    verdict=Verdict.WAITING,
                    reason=Reason.NO_SESSION_YET,
                    detail=f"the session {call.keys[SESSION_KEY]} that the call names was not seen "
                    "yet; still early",
                )
            continue
        latest = _latest_of_each_user(of_rule)
        # Where the lookup was cut off, whoever was left out could have been the caller.
        chosen = _choose(call, latest, rule) if len(of_rule) < MOST_CANDIDATES else None
        if chosen is None:
            return NoMatch(
                verdict=Verdict.AMBIGUOUS,
                reason=Reason.SEVERAL_USERS,
                detail=f"{len(of_rule)} sessions of {len(latest)} users could have led to it by "
                f"{rule.kind} {call.keys[rule.kind]}; none is clearly right",
            )
        return Match(
            session=chosen.session,
            first_seen=chosen.first_seen,
            rule=rule.kind,
            evidence=_evidence(call, chosen, len(latest)),
        )
    return _nothing(call, matching, now)


def _latest_of_each_user(candidates: Iterable[Candidate]) -> list[Candidate]:
    latest: dict[str, Candidate] = {}
    for candidate in candidates:
        user_id = candidate.session.user_id
        if user_id not in latest or _order(candidate) > _order(latest[user_id]):
            latest[user_id] = candidate
    return list(latest.values())


def _order(candidate: Candidate) -> tuple[datetime, int]:
    return candidate.first_seen, candidate.session.session_number


def _choose(call: Call, latest: Sequence[Candidate], rule: Rule) -> Candidate | None:
    if len(latest) == 1:
        return latest[0]
    if rule.shared:
        return None
    covering = [c for c in latest if c.covers(call.started_at)]
    if covering:
        return covering[0] if len(covering) == 1 else None
    last = max(candidate.last_seen for candidate in latest)
    before = [candidate for candidate in latest if candidate.last_seen == last]
    return before[0] if len(before) == 1 else None


def _evidence(call: Call, chosen: Candidate, users: int) -> dict[str, str | int | bool]:
    return {
        "key": call.keys[chosen.kind],
        "key_first_seen": chosen.key_first_seen.isoformat(),
        "key_last_seen": chosen.key_last_seen.isoformat(),
        "session_open_at_call": chosen.covers(call.started_at),
        "seconds_before_call": max(
            0, int((call.started_at - chosen.key_last_seen).total_seconds())
        ),
        "users_considered": users,
    }


def _nothing(call: Call, matching: Matching, now: datetime) -> NoMatch:
    kinds = [rule.kind for rule in matching.rules if rule.kind in call.keys]
    if not kinds:
        return NoMatch(
            verdict=Verdict.UNMATCHED,
            reason=Reason.NO_KEYS,
            detail="the record carries no match key that a rule uses ("
            + ", ".join(rule.kind for rule in matching.rules)
            + ")",
        )
    looked = ", ".join(f"{kind} {call.keys[kind]}" for kind in kinds)
    if now < call.started_at + matching.horizon:
        return NoMatch(
            verdict=Verdict.WAITING,
            reason=Reason.NO_SESSION_YET,
            detail=f"no session was seen with {looked}; still early",
        )
    return NoMatch(
        verdict=Verdict.UNMATCHED,
        reason=Reason.NO_SESSION,
        detail=f"no session was seen with {looked} in time",
    )
