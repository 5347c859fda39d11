"""Where a call stands. Every call has exactly one verdict, at every moment."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Verdict(StrEnum):
    """The nine verdicts, in the order in which a funnel shows them."""

    WAITING = "waiting"  #: no session yet, still early
    UNMATCHED = "unmatched"  #: no session, and none is expected any more
    AMBIGUOUS = "ambiguous"  #: several candidates, none clearly right
    INVALID = "invalid"  #: the fields cannot be built; the reason says which and why
    OVER_LIMIT = "over_limit"  #: the session already has three enrichments
    PENDING = "pending"  #: built, not yet accepted
    REJECTED = "rejected"  #: refused by the API, isolated
    EXPIRED = "expired"  #: the deadline passed before acceptance
    ACCEPTED = "accepted"  #: the API accepted the newest revision


#: What each verdict means, in a few words.
MEANING: Mapping[Verdict, str] = {
    Verdict.WAITING: "no session yet, still early",
    Verdict.UNMATCHED: "no session was found",
    Verdict.AMBIGUOUS: "several candidates, none clearly right",
    Verdict.INVALID: "the fields cannot be built",
    Verdict.OVER_LIMIT: "the session already has three",
    Verdict.PENDING: "built, not yet accepted",
    Verdict.REJECTED: "refused by the API",
    Verdict.EXPIRED: "too late: seven days had passed",
    Verdict.ACCEPTED: "delivered",
}


class State(StrEnum):
    """Where an enrichment stands: the delivery's side of a verdict."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    EXPIRED = "expired"
    INVALID = "invalid"  #: withheld, since the call's newest content cannot be built
    SUPERSEDED = "superseded"  #: left behind in a session that its call no longer points to


class Reason(StrEnum):
    """Why a call has its verdict: stable codes to group by; a sentence stands beside each."""

    NEW = "new"  #: imported, not yet looked at by the job
    NO_KEYS = "no_keys"  #: the record carries no match key
    NO_SESSION_YET = "no_session_yet"
    NO_SESSION = "no_session"
    SEVERAL_USERS = "several_users"
    KEY_FLOODED = "key_flooded"  #: so many sessions have its key that they were not all looked up
    FIELDS_INVALID = "fields_invalid"
    SESSION_FULL = "session_full"
    TO_SEND = "to_send"
    POSTPONED = "postponed"  #: the API was asked and is to be asked again later
    REFUSED_BY_API = "refused_by_api"
    RETRIED = "retried"  #: refused before, and to be sent again as somebody has asked
    DEADLINE_PASSED = "deadline_passed"
    DELIVERED = "delivered"
