"""What a token is good for, and for how long: the rules, whoever stores and shows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

#: To post call records.
CALLS = "calls"

SCOPES = (CALLS,)

#: A token ends after so long unless somebody says otherwise: it stands in the settings of a
#: platform, where nobody looks for years.
LIFETIME = timedelta(days=365)

#: So long before its end a token is warned of. To put another one in its place takes a person.
SOON = timedelta(days=30)

#: How exactly its last use is known: to note each would cost a write with each request.
NOTED_EVERY = timedelta(minutes=15)


class Standing(StrEnum):
    """Whether a token is taken, and for how much longer."""

    ACTIVE = "active"
    EXPIRING = "expiring"
    EXPIRED = "expired"


@dataclass(frozen=True, kw_only=True, slots=True)
class Token:
    """A token as it can be shown: everything but the secret.

    ``expires_at`` is None if it never does, ``last_used_at`` if nobody has used it yet.
    """

    project_id: int
    token_id: str
    scope: str
    name: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None

    def standing(self, now: datetime) -> Standing:
        """Whether it is taken."""
        if self.expires_at is None or self.expires_at - SOON > now:
            return Standing.ACTIVE
        return Standing.EXPIRING if self.expires_at > now else Standing.EXPIRED

    def is_use_worth_noting(self, now: datetime) -> bool:
        """Whether its last use, as it is known, is too long ago."""
        return self.last_used_at is None or self.last_used_at <= now - NOTED_EVERY
