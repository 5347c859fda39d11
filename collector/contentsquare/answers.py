"""What goes in and what comes back: credentials, a token's grant, the answer to a batch.

Secrets are kept out of every ``repr``, because a ``repr`` ends in logs and tracebacks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, kw_only=True, slots=True)
class Credentials:
    """The OAuth credentials of one installation (Authentication: they do not expire).

    Credentials made for an account serve several projects, so two installations may share a
    ``client_id`` and still need tokens of their own: the integration id is part of the request.
    """

    project_id: int
    integration_id: int
    client_id: str
    client_secret: str = field(repr=False)

    def __str__(self) -> str:
        """The installation, as messages name it."""
        return f"project {self.project_id}, integration {self.integration_id}"


class Outcome(StrEnum):
    """What became of a batch. Only ``REJECTED`` says anything about its enrichments."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    BAD_VERSION = "bad_version"
    LATER = "later"


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """The answer to one batch.

    ``status`` is the last HTTP status, ``None`` if no answer came at all. ``in_doubt`` says that
    a post of the batch was not answered, or with a server's error: it may have been stored all the
    same, or be stored yet. ``retry_after`` is in seconds, and only set for ``LATER``.
    ``milliseconds`` is the time spent in this batch's HTTP posts, the waits between them not
    included; ``requests`` is how many posts were made. ``throttled`` says that one of them was
    answered 429: too much is asked of the API at once.
    """

    outcome: Outcome
    status: int | None
    message: str
    in_doubt: bool
    retry_after: float | None
    milliseconds: int
    requests: int
    throttled: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Grant:
    """A usable token, and the base URL it is to be used at (Authentication, response).

    ``endpoint`` has no trailing slash. ``expires_at`` is in seconds of the monotonic clock the
    client was given, counted from before the token was asked for.
    """

    access_token: str = field(repr=False)
    endpoint: str
    project_id: int
    integration_id: int
    expires_at: float
