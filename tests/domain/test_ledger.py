"""What becomes of a call whose fields are built: every branch, as a table."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from collector.domain.ledger import (
    Draft,
    Slot,
    deadline_of,
    delivered,
    payload_hash,
    postponed,
    refused,
    settle,
)
from collector.domain.verdicts import Reason, State, Verdict
from tests.domain.samples import DAY, MICROSECOND, NOON

FIELDS = {"answered": True, "duration": 75_000}
HASH = payload_hash(FIELDS)
DEADLINE = NOON + timedelta(days=1)

#: Settled before, with these very fields under version 1; number 2, revision 3.
SAME = Slot(
    enrichment_number=2,
    payload_hash=HASH,
    integration_version=1,
    revision=3,
    accepted_revision=0,
    accepted_hash=None,
    accepted_version=None,
    in_doubt=False,
    state=State.PENDING,
    deadline=DEADLINE,
)
PENDING = SAME
ACCEPTED = replace(SAME, state=State.ACCEPTED, accepted_revision=3, accepted_hash=HASH)
REJECTED = replace(SAME, state=State.REJECTED)
EXPIRED = replace(SAME, state=State.EXPIRED)
WITHHELD = replace(SAME, state=State.INVALID)
LEFT_BEHIND = replace(SAME, state=State.SUPERSEDED)


def other(slot: Slot) -> Slot:
    """The same slot, but with other fields in it."""
    return replace(slot, payload_hash="0" * 32, accepted_hash=slot.accepted_hash and "0" * 32)


def accepted_before(slot: Slot) -> Slot:
    """The same slot with other fields in it, and these very ones accepted before."""
    return replace(slot, payload_hash="0" * 32, accepted_revision=1, accepted_hash=HASH)


def in_doubt(slot: Slot) -> Slot:
    """The same slot, but something was sent and never answered."""
    return replace(slot, in_doubt=True)


def older(slot: Slot) -> Slot:
    """The same slot, but built under an older integration version."""
    return replace(slot, integration_version=0)


def draft(number: int, revision: int, state: State = State.PENDING) -> Draft:
    return Draft(enrichment_number=number, revision=revision, payload_hash=HASH, state=state)


TO_SEND = (Verdict.PENDING, Reason.TO_SEND)
TOO_LATE = (Verdict.EXPIRED, Reason.DEADLINE_PASSED)
FULL = (Verdict.OVER_LIMIT, Reason.SESSION_FULL)
DELIVERED = (Verdict.ACCEPTED, Reason.DELIVERED)
REFUSED = (Verdict.REJECTED, Reason.REFUSED_BY_API)

UNTIL = "the session could be enriched until 2026-03-03T12:00:00+00:00"

PERHAPS = "; a request was not answered, so that it may have arrived all the same"

AT, JUST_BEFORE, AFTER = DEADLINE, DEADLINE - MICROSECOND, DEADLINE + timedelta(days=1)

#: What was accepted stands; what was to replace it is taken back.
BACK = draft(2, 1, State.ACCEPTED)

BRANCHES: dict[str, tuple[Slot | None, Collection[int], datetime, object, Draft | None]] = {
    # A call without an enrichment takes the lowest free number.
    "new": (None, (), NOON, TO_SEND, draft(1, 1)),
    "new, after one": (None, {1}, NOON, TO_SEND, draft(2, 1)),
    "new, in a gap": (None, {1, 3}, NOON, TO_SEND, draft(2, 1)),
    "new, the first is free": (None, {2, 3}, NOON, TO_SEND, draft(1, 1)),
    "new, the last number": (None, {1, 2}, NOON, TO_SEND, draft(3, 1)),
    "new, all taken": (None, {1, 2, 3}, NOON, FULL, None),
    "new, a microsecond before the deadline": (None, (), JUST_BEFORE, TO_SEND, draft(1, 1)),
    "new, at the deadline": (None, (), AT, TOO_LATE, None),
    "new, all taken and late": (None, {1, 2, 3}, AFTER, TOO_LATE, None),
    # The same fields again: it stands where its enrichment stands.
    "same, pending": (PENDING, (), NOON, TO_SEND, None),
    "same, pending, a microsecond before": (PENDING, (), JUST_BEFORE, TO_SEND, None),
    "same, pending, at the deadline": (PENDING, (), AT, TOO_LATE, draft(2, 3, State.EXPIRED)),
    "same, pending, of a corrected start": (
        replace(PENDING, deadline=AFTER),
        (),
        NOON,
        TO_SEND,
        draft(2, 3),
    ),
    "same, accepted": (ACCEPTED, (), NOON, DELIVERED, None),
    "same, accepted, late": (ACCEPTED, (), AFTER, DELIVERED, None),
    "same, rejected": (REJECTED, (), NOON, REFUSED, None),
    "same, rejected, late": (REJECTED, (), AFTER, REFUSED, None),
    # Given up by a clock that had jumped: there is time left.
    "same, expired early": (EXPIRED, (), NOON, TO_SEND, draft(2, 4)),
    "same, expired, late": (EXPIRED, (), AFTER, TOO_LATE, None),
    # What was withheld is sent anew even when it says the same as before.
    "same, withheld": (WITHHELD, (), NOON, TO_SEND, draft(2, 4)),
    "same, withheld, late": (WITHHELD, (), AT, TOO_LATE, None),
    # Other fields: the next revision under the same number.
    "other, pending": (other(PENDING), (), NOON, TO_SEND, draft(2, 4)),
    "other, accepted": (other(ACCEPTED), (), NOON, TO_SEND, draft(2, 4)),
    "other, rejected": (other(REJECTED), (), NOON, TO_SEND, draft(2, 4)),
    "other, expired": (other(EXPIRED), (), NOON, TO_SEND, draft(2, 4)),
    "other, withheld": (other(WITHHELD), (), NOON, TO_SEND, draft(2, 4)),
    "other, accepted, a microsecond before": (
        other(ACCEPTED),
        (),
        JUST_BEFORE,
        TO_SEND,
        draft(2, 4),
    ),
    "other, accepted, at the deadline": (other(ACCEPTED), (), AT, TOO_LATE, None),
    "other, in a session that others fill": (
        other(PENDING),
        {1, 3},
        NOON,
        TO_SEND,
        draft(2, 4),
    ),
    # Another version: only what was accepted need not be sent again.
    "older version, pending": (older(PENDING), (), NOON, TO_SEND, draft(2, 4)),
    "older version, rejected": (older(REJECTED), (), NOON, TO_SEND, draft(2, 4)),
    "older version, expired": (older(EXPIRED), (), NOON, TO_SEND, draft(2, 4)),
    "older version, accepted": (older(ACCEPTED), (), NOON, DELIVERED, None),
    "older version, pending, late": (
        older(PENDING),
        (),
        AT,
        TOO_LATE,
        draft(2, 4, State.EXPIRED),
    ),
    "other, pending, late": (other(PENDING), (), AT, TOO_LATE, draft(2, 4, State.EXPIRED)),
    # What is accepted already is not sent again, whatever was built since and never sent.
    "back, pending": (accepted_before(PENDING), (), NOON, DELIVERED, BACK),
    "back, rejected": (accepted_before(REJECTED), (), NOON, DELIVERED, BACK),
    "back, expired": (accepted_before(EXPIRED), (), AFTER, DELIVERED, BACK),
    "back, withheld": (accepted_before(WITHHELD), (), NOON, DELIVERED, BACK),
    "back, but in doubt": (
        in_doubt(accepted_before(PENDING)),
        (),
        NOON,
        TO_SEND,
        draft(2, 4),
    ),
    "back, but in doubt, late": (
        in_doubt(accepted_before(PENDING)),
        (),
        AT,
        TOO_LATE,
        draft(2, 4, State.EXPIRED),
    ),
    # A call that comes back to a session takes its number up again.
    "left behind": (LEFT_BEHIND, (), NOON, TO_SEND, draft(2, 4)),
    "left behind, others": (other(LEFT_BEHIND), {1, 3}, NOON, TO_SEND, draft(2, 4)),
    "left behind, accepted": (accepted_before(LEFT_BEHIND), (), NOON, DELIVERED, BACK),
    "left behind, in doubt": (
        in_doubt(accepted_before(LEFT_BEHIND)),
        (),
        NOON,
        TO_SEND,
        draft(2, 4),
    ),
    "left behind, late": (LEFT_BEHIND, (), AT, TOO_LATE, draft(2, 4, State.EXPIRED)),
}


@pytest.mark.parametrize("branch", BRANCHES)
def test_what_becomes_of_a_matched_call(branch: str) -> None:
    slot, taken, now, verdict, written = BRANCHES[branch]
    judgement, found = settle(
        FIELDS, integration_version=1, slot=slot, taken=taken, deadline=DEADLINE, now=now
    )
    assert (judgement.verdict, judgement.reason) == verdict
    assert found == written


@pytest.mark.parametrize(
    ("slot", "now", "detail"),
    [
        (None, NOON, "enrichment 1, revision 1, is to be sent"),
        (other(PENDING), NOON, "enrichment 2, revision 4, is to be sent"),
        (PENDING, NOON, "enrichment 2, revision 3, is to be sent"),
        (ACCEPTED, NOON, "enrichment 2, revision 3, was accepted"),
        (
            REJECTED,
            NOON,
            "enrichment 2, revision 3, was refused by the API: nothing has changed since",
        ),
        (EXPIRED, AFTER, "enrichment 2, revision 3, was not accepted in time"),
        (
            in_doubt(EXPIRED),
            AFTER,
            "enrichment 2, revision 3, was not accepted in time" + PERHAPS,
        ),
        (None, AT, UNTIL),
        (PENDING, AT, UNTIL),
        (
            in_doubt(PENDING),
            AT,
            UNTIL + PERHAPS,
        ),
        (
            other(ACCEPTED),
            AT,
            f"{UNTIL}; revision 3 was accepted, the change since then was not",
        ),
    ],
)
def test_a_verdict_tells_its_number_its_revision_and_what_happened(
    slot: Slot | None, now: datetime, detail: str
) -> None:
    judgement, _ = settle(
        FIELDS, integration_version=1, slot=slot, taken=(), deadline=DEADLINE, now=now
    )
    assert judgement.detail == detail


def test_settling_twice_writes_once() -> None:
    _, written = settle(
        FIELDS, integration_version=1, slot=None, taken={1}, deadline=DEADLINE, now=NOON
    )
    assert written is not None
    slot = Slot(
        enrichment_number=written.enrichment_number,
        payload_hash=written.payload_hash,
        integration_version=1,
        revision=written.revision,
        accepted_revision=0,
        accepted_hash=None,
        accepted_version=None,
        in_doubt=False,
        state=State.PENDING,
        deadline=DEADLINE,
    )
    judgement, again = settle(
        FIELDS, integration_version=1, slot=slot, taken={1}, deadline=DEADLINE, now=NOON
    )
    assert (judgement.verdict, again) == (Verdict.PENDING, None)


def test_a_session_can_be_enriched_for_seven_days_after_it_was_first_seen() -> None:
    assert deadline_of(NOON, NOON + DAY) == datetime(2026, 3, 9, 12, 0, tzinfo=UTC)


def test_a_session_that_was_told_after_the_call_began_before_it_all_the_same() -> None:
    assert deadline_of(NOON + DAY, NOON) == datetime(2026, 3, 9, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "same"),
    [
        ({"duration": 75_000, "answered": True}, True),
        ({"answered": True, "duration": 75_001}, False),
        ({"answered": False, "duration": 75_000}, False),
        ({"answered": True}, False),
        ({"answered": True, "duration": "75000"}, False),
    ],
)
def test_payloads_have_one_hash_if_they_would_be_stored_the_same(
    fields: dict[str, int | str | bool], same: bool
) -> None:
    assert (payload_hash(fields) == HASH) is same


def test_the_answers_of_the_api_become_judgements() -> None:
    assert (delivered(1, 2).verdict, delivered(1, 2).reason) == DELIVERED
    assert (refused(1, 2, "no").verdict, refused(1, 2, "no").reason) == REFUSED
    later = postponed("the API is busy")
    assert (later.verdict, later.reason) == (Verdict.PENDING, Reason.POSTPONED)
    assert later.detail == "it is to be sent again, since the API is busy"
