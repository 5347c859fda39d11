"""What becomes of one matched call: the verdict, and the enrichment to write if there is one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from collector.domain import limits
from collector.domain.call import digest
from collector.domain.enrichment import FieldValue
from collector.domain.verdicts import Reason, State, Verdict

#: Said of what is given up after a request of it had no answer.
PERHAPS = "; a request was not answered, so that it may have arrived all the same"

#: What has less time left is not sent; it is longer than the client spends on one batch. A session
#: that has become too old is answered 200 all the same, so that what is sent at the last moment
#: could be called accepted and be lost.
MARGIN = timedelta(minutes=5)

#: A session that was under way when a database was put back may have begun so long before its
#: first beacon that is known.
_LONGEST_VISIT = timedelta(days=1)

_NUMBERS = range(limits.MIN_ENRICHMENT_NUMBER, limits.MAX_ENRICHMENT_NUMBER + 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Slot:
    """An enrichment as the ledger holds it: its number, and how far its delivery has come."""

    enrichment_number: int
    payload_hash: str
    integration_version: int
    revision: int
    accepted_revision: int  #: 0 while none was
    accepted_hash: str | None  #: of the payload of that revision
    accepted_version: int | None  #: the integration version that it was built for
    in_doubt: bool  #: something was sent since then, and never answered
    state: State
    deadline: datetime  #: as it was when the row was written; a record's start may be corrected

    def stands_as(self, new_hash: str) -> bool:
        """Whether Contentsquare is known to hold this very payload."""
        return self.accepted_hash == new_hash and not self.in_doubt


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """A verdict with its reason, as it is written beside the call."""

    verdict: Verdict
    reason: Reason
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """What an enrichment's row is to say: mostly a new revision that is to be sent."""

    enrichment_number: int
    revision: int
    payload_hash: str
    state: State = State.PENDING


def deadline_of(first_seen: datetime, call_started: datetime) -> datetime:
    """When enriching a session first seen at ``first_seen`` stops making sense.

    It was there when the call began, even if its first beacon came later.

    Source: seven days after its start, what is sent is answered 200 and thrown away (Limitations).
    """
    return min(first_seen, call_started) + limits.ENRICHABLE_FOR


def from_the_top(
    restored_at: datetime | None, first_seen: datetime, call_started: datetime
) -> bool:
    """Whether a call's number is to be taken from the top, since lower ones may be forgotten.

    A database that was put back from a copy does not know the numbers that were given since to
    calls of sessions of before. They were given from below, and are again once those calls' records
    are handed in again; so calls of later keep away from them.
    """
    return (
        restored_at is not None
        and call_started >= restored_at
        and first_seen < restored_at + _LONGEST_VISIT
    )


def payload_hash(fields: Mapping[str, FieldValue]) -> str:
    """The same for two payloads that would be stored the same."""
    return digest(sorted(fields.items()))


def settle(
    fields: Mapping[str, FieldValue],
    *,
    integration_version: int,
    slot: Slot | None,
    taken: Collection[int],
    deadline: datetime,
    now: datetime,
    last_number_first: bool = False,
) -> tuple[Judgement, Draft | None]:
    """The verdict of a call whose fields are built, and the draft to write.

    Args:
        slot: the enrichment that this call has, or once had, in this session; it keeps its number
            for good.
        taken: enrichment numbers of the session that belong to other calls.
        last_number_first: give a new call the highest free number instead of the lowest.
    """
    new_hash = payload_hash(fields)
    if slot is None:
        numbers = _NUMBERS[::-1] if last_number_first else _NUMBERS
        free = [number for number in numbers if number not in taken]
        return _first(new_hash, free, deadline, now)
    if slot.stands_as(new_hash):
        # Whatever was to replace it is taken back: it has never left.
        back = _draft(slot, new_hash, revision=slot.accepted_revision, state=State.ACCEPTED)
        judgement = delivered(slot.enrichment_number, slot.accepted_revision)
        return judgement, None if slot.state is State.ACCEPTED else back
    # A clock that has jumped may have given it up too early.
    given_up = slot.state is State.EXPIRED and now < deadline
    says_so = _already_says(slot, new_hash, integration_version)
    draft = _draft(slot, new_hash, revision=slot.revision + (not says_so or given_up))
    if says_so and slot.state is not State.PENDING and not given_up:
        return _standing(slot), None
    if now >= deadline:
        # Nothing outdated is sent, and a call that comes back takes its row up, late or not.
        open_still = slot.state in {State.PENDING, State.SUPERSEDED}
        late = replace(draft, state=State.EXPIRED) if open_still else None
        return _too_late(slot, deadline), late
    if says_so and not given_up and slot.deadline == deadline:
        return _standing(slot), None
    return _to_send(draft), draft


def _first(
    new_hash: str, free: Sequence[int], deadline: datetime, now: datetime
) -> tuple[Judgement, Draft | None]:
    if now >= deadline:
        return _too_late(None, deadline), None
    if not free:
        return _full(), None
    draft = Draft(enrichment_number=free[0], revision=1, payload_hash=new_hash)
    return _to_send(draft), draft


def _draft(slot: Slot, new_hash: str, *, revision: int, state: State = State.PENDING) -> Draft:
    return Draft(
        enrichment_number=slot.enrichment_number,
        revision=revision,
        payload_hash=new_hash,
        state=state,
    )


def _already_says(slot: Slot, new_hash: str, integration_version: int) -> bool:
    return (
        slot.payload_hash == new_hash
        and slot.integration_version == integration_version
        and slot.state in {State.PENDING, State.REJECTED, State.EXPIRED}
    )


def _to_send(one: Draft | Slot) -> Judgement:
    return Judgement(
        verdict=Verdict.PENDING,
        reason=Reason.TO_SEND,
        detail=f"enrichment {one.enrichment_number}, revision {one.revision}, is to be sent",
    )


def _standing(slot: Slot) -> Judgement:
    """Nothing new to send: the call stands where its enrichment stands."""
    number, revision = slot.enrichment_number, slot.revision
    match slot.state:
        case State.REJECTED:
            return refused(number, revision, "nothing has changed since")
        case State.EXPIRED:
            return Judgement(
                verdict=Verdict.EXPIRED,
                reason=Reason.DEADLINE_PASSED,
                detail=f"enrichment {number}, revision {revision}, was not accepted in time"
                + (PERHAPS if slot.in_doubt else ""),
            )
        case _:
            return _to_send(slot)


def delivered(number: int, revision: int) -> Judgement:
    """The verdict of a call whose newest revision was accepted."""
    return Judgement(
        verdict=Verdict.ACCEPTED,
        reason=Reason.DELIVERED,
        detail=f"enrichment {number}, revision {revision}, was accepted",
    )


def refused(number: int, revision: int, message: str) -> Judgement:
    """The verdict of a call whose enrichment the API refused, alone in its batch."""
    return Judgement(
        verdict=Verdict.REJECTED,
        reason=Reason.REFUSED_BY_API,
        detail=f"enrichment {number}, revision {revision}, was refused by the API: {message}",
    )


def postponed(message: str) -> Judgement:
    """The verdict of a call whose enrichment could not be sent now."""
    return Judgement(
        verdict=Verdict.PENDING,
        reason=Reason.POSTPONED,
        detail=f"it is to be sent again, since {message}",
    )


def _too_late(slot: Slot | None, deadline: datetime) -> Judgement:
    detail = f"the session could be enriched until {deadline.isoformat(timespec='seconds')}"
    if slot is not None and slot.accepted_revision:
        detail += f"; revision {slot.accepted_revision} was accepted, the change since then was not"
    if slot is not None and slot.in_doubt:
        detail += PERHAPS
    return Judgement(verdict=Verdict.EXPIRED, reason=Reason.DEADLINE_PASSED, detail=detail)


def _full() -> Judgement:
    return Judgement(
        verdict=Verdict.OVER_LIMIT,
        reason=Reason.SESSION_FULL,
        detail=f"the session already has {limits.MAX_ENRICHMENT_NUMBER} enrichments, of calls that "
        "were matched before",
    )
