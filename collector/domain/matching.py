"""Finds the session that led to a call.

Rules are tried in their order; the first that has a candidate decides. A wrong enrichment
cannot be taken back, so whatever is not clearly right is ``ambiguous``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.domain import limits
from collector.domain.call import Call
from collector.domain.definition import Matching, Rule
from collector.domain.identifiers import SESSION_KEY, SessionId
from collector.domain.verdicts import Reason, Verdict

#: So many sessions under one key around a call can never be told apart, and are more than pages
#: have that lend a number to one visitor at a time. No more of them are looked up.
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

    def fits(self, candidate: Candidate) -> bool:
        """Whether a session that another probe of the same key has found is in this one's span."""
        return (
            candidate.key_last_seen >= self.since
            and candidate.first_seen <= self.begun_by
            # Of a session that the call names there is no sighting, only the session itself.
            and (self.kind == SESSION_KEY or candidate.key_first_seen <= self.sighted_by)
        )


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
    objection: str | None = None  #: why it cannot have been the caller's, as far as is known

    def covers(self, moment: datetime) -> bool:
        """Whether the session was still open at ``moment``, as the tag counts sessions."""
        return moment <= self.last_seen + limits.SESSION_IDLE

    def gap(self, moment: datetime) -> timedelta:
        """How long before ``moment`` the session was seen last; nothing if it still was later."""
        return max(moment - self.last_seen, timedelta(0))


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """What one rule found for one call, whether or not it came to decide.

    ``probe`` is None where the call does not carry the rule's key. ``latest`` holds the newest
    session of each user, the one nearest before the call first; ``chosen`` is one of them, or
    None where none is clearly right. ``runner_up`` is the best of another user. ``is_flooded``
    says that there are more candidates than were looked up.
    """

    rule: Rule
    probe: Probe | None
    candidates: tuple[Candidate, ...] = ()
    set_aside: tuple[Candidate, ...] = ()  #: those that something speaks against
    latest: tuple[Candidate, ...] = ()
    chosen: Candidate | None = None
    runner_up: Candidate | None = None
    margin: timedelta | None = None  #: how much nearer to the call the chosen one was seen
    is_flooded: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Trace:
    """How the rules came to their answer for one call, one attempt for each rule in its order.

    ``deciding`` is the attempt that the answer rests on; None where nothing was found, or where
    the session that the call names is still waited for.
    """

    attempts: tuple[Attempt, ...]
    deciding: Attempt | None
    answer: Match | NoMatch


def probes(call: Call, matching: Matching) -> list[Probe]:
    """What to look up for ``call``, one probe for each rule whose key it carries.

    Beacons are dated by their arrival, and may come late. A key that belongs to one person is
    theirs whenever it is told, so only its session has to have begun before the call; of a
    session that the call itself names, not even that is asked. A shared key belongs to somebody
    else later on.
    """
    found = (_probe(call, rule, matching) for rule in matching.rules)
    return [probe for probe in found if probe is not None]


def _probe(call: Call, rule: Rule, matching: Matching) -> Probe | None:
    if rule.kind not in call.keys:
        return None
    begun = call.started_at + matching.skew
    late = call.started_at + limits.ENRICHABLE_FOR
    return Probe(
        call_id=call.call_id,
        kind=rule.kind,
        value=call.keys[rule.kind],
        since=call.started_at - rule.window,
        sighted_by=begun if rule.shared else late,
        begun_by=late if rule.kind == SESSION_KEY else begun,
    )


def decide(
    call: Call, candidates: Sequence[Candidate], matching: Matching, now: datetime
) -> Match | NoMatch:
    """The session of ``call`` among the ``candidates`` of its probes, or why there is none."""
    # No rule is tried after the one that decides.
    attempts = _attempts(call, candidates, matching)
    return _settle(call, attempts, matching, now, is_seen=bool(candidates))[1]


def trace(call: Call, candidates: Sequence[Candidate], matching: Matching, now: datetime) -> Trace:
    """As ``decide``, with what each rule found on the way there."""
    attempts = tuple(_attempts(call, candidates, matching))
    deciding, answer = _settle(call, attempts, matching, now, is_seen=bool(candidates))
    return Trace(attempts=attempts, deciding=deciding, answer=answer)


def _attempts(call: Call, candidates: Sequence[Candidate], matching: Matching) -> Iterator[Attempt]:
    found: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        found[candidate.kind].append(candidate)
    for rule in matching.rules:
        yield _attempt(call, rule, _probe(call, rule, matching), found.get(rule.kind, []))


def _settle(
    call: Call, attempts: Iterable[Attempt], matching: Matching, now: datetime, *, is_seen: bool
) -> tuple[Attempt | None, Match | NoMatch]:
    """The attempt that decides, if one does, and the answer."""
    set_aside: list[Candidate] = []
    early = now < call.started_at + matching.horizon
    for attempt in attempts:
        if attempt.candidates:
            return attempt, _answer(call, attempt)
        if is_seen and early and attempt.probe and attempt.rule.kind == SESSION_KEY:
            # The session that the call itself names is worth waiting for.
            return None, _awaited(call)
        set_aside += attempt.set_aside
    return None, _nothing(call, matching, now, set_aside)


def _attempt(call: Call, rule: Rule, probe: Probe | None, found: Sequence[Candidate]) -> Attempt:
    # Where the lookup was cut off, whoever was left out could have been the caller.
    cut_off = len(found) >= MOST_CANDIDATES
    if probe is None or not found:
        return Attempt(rule=rule, probe=probe)
    candidates = tuple(item for item in found if cut_off or item.objection is None)
    set_aside = () if cut_off else tuple(item for item in found if item.objection is not None)
    if not candidates:
        return Attempt(rule=rule, probe=probe, set_aside=set_aside)
    latest = sorted(_latest_of_each_user(candidates), key=lambda c: _nearness(c, call.started_at))
    chosen = None if cut_off else _choose(call, latest, rule)
    runner_up = next((c for c in latest if chosen is not None and c is not chosen), None)
    margin = None
    if chosen is not None and runner_up is not None:
        margin = runner_up.gap(call.started_at) - chosen.gap(call.started_at)
    return Attempt(
        rule=rule,
        probe=probe,
        candidates=candidates,
        set_aside=set_aside,
        latest=tuple(latest),
        chosen=chosen,
        runner_up=runner_up,
        margin=margin,
        is_flooded=cut_off,
    )


def _answer(call: Call, attempt: Attempt) -> Match | NoMatch:
    if attempt.is_flooded:
        return _flooded(call, attempt)
    if attempt.chosen is None:
        kind = attempt.rule.kind
        return NoMatch(
            verdict=Verdict.AMBIGUOUS,
            reason=Reason.SEVERAL_USERS,
            detail=f"{len(attempt.candidates)} sessions of {len(attempt.latest)} users could have "
            f"led to it by {kind} {call.keys[kind]}; none is clearly right",
        )
    return Match(
        session=attempt.chosen.session,
        first_seen=attempt.chosen.first_seen,
        rule=attempt.rule.kind,
        evidence=_evidence(call, attempt, attempt.chosen),
    )


def _flooded(call: Call, attempt: Attempt) -> NoMatch:
    kind, seen = attempt.rule.kind, [item.key_last_seen for item in attempt.candidates]
    seconds = max(1, round((max(seen) - min(seen)).total_seconds()))
    return NoMatch(
        verdict=Verdict.AMBIGUOUS,
        reason=Reason.KEY_FLOODED,
        detail=f"at least {len(attempt.candidates)} sessions of {len(attempt.latest)} users had "
        f"{kind} {call.keys[kind]} around the call, the newest of them within {seconds} s: they "
        "are invented, or everybody is shown it",
    )


def _latest_of_each_user(candidates: Iterable[Candidate]) -> list[Candidate]:
    latest: dict[str, Candidate] = {}
    for candidate in candidates:
        user_id = candidate.session.user_id
        if user_id not in latest or _order(candidate) > _order(latest[user_id]):
            latest[user_id] = candidate
    return list(latest.values())


def _order(candidate: Candidate) -> tuple[datetime, int]:
    return candidate.first_seen, candidate.session.session_number


def _nearness(candidate: Candidate, moment: datetime) -> tuple[timedelta, SessionId]:
    return candidate.gap(moment), candidate.session


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


def _evidence(call: Call, attempt: Attempt, chosen: Candidate) -> dict[str, str | int | bool]:
    seconds = int((call.started_at - chosen.key_last_seen).total_seconds())
    evidence: dict[str, str | int | bool] = {
        "key": call.keys[chosen.kind],
        "key_first_seen": chosen.key_first_seen.isoformat(),
        "key_last_seen": chosen.key_last_seen.isoformat(),
        "session_open_at_call": chosen.covers(call.started_at),
        "seconds_before_call": max(0, seconds),
        "users_considered": len(attempt.latest),
    }
    if attempt.runner_up is not None and attempt.margin is not None:
        evidence["runner_up"] = attempt.runner_up.session.session_key
        evidence["margin_seconds"] = int(attempt.margin.total_seconds())
    return evidence


def _awaited(call: Call) -> NoMatch:
    return NoMatch(
        verdict=Verdict.WAITING,
        reason=Reason.NO_SESSION_YET,
        detail=f"the session {call.keys[SESSION_KEY]} that the call names was not seen "
        "yet; still early",
    )


def _nothing(
    call: Call, matching: Matching, now: datetime, set_aside: Sequence[Candidate]
) -> NoMatch:
    kinds = [rule.kind for rule in matching.rules if rule.kind in call.keys]
    if not kinds:
        known = ", ".join(rule.kind for rule in matching.rules)
        return NoMatch(
            verdict=Verdict.UNMATCHED,
            reason=Reason.NO_KEYS,
            detail=f"the record carries no match key that a rule uses ({known})",
        )
    looked = ", ".join(f"{kind} {call.keys[kind]}" for kind in kinds)
    if set_aside:
        number = len({candidate.session for candidate in set_aside})
        why = ", ".join(dict.fromkeys(str(candidate.objection) for candidate in set_aside))
        looked += f", but for {number} set aside ({why})"
    if now < call.started_at + matching.horizon:
        return NoMatch(
            verdict=Verdict.WAITING,
            reason=Reason.NO_SESSION_YET,
            detail=f"no session was seen with {looked}; still early",
        )
    return NoMatch(
        verdict=Verdict.UNMATCHED,
        reason=Reason.NO_SESSION,
        detail=f"no session was seen in time with {looked}",
    )
