"""When to try again, and how long to wait before.

No rate limit is documented, so the general rules of HTTP are followed: 408, 429, 5xx and the
network's own failures mean "later", and a server that says when is taken at its word.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from collector.contentsquare.transport import Reply

BASE_SECONDS = 0.5
CAP_SECONDS = 20.0

#: Nobody is waited for longer than this, whatever a header says: the next run asks again.
MAX_RETRY_AFTER = 86_400.0


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryPolicy:
    """``attempts`` posts at most; a server that asks for more than ``patience`` seconds gets none.

    Between two posts: exponential backoff with full jitter, so that many senders that failed
    together do not return together, and never less than the server's ``Retry-After``.
    """

    attempts: int
    patience: float
    sleep: Callable[[float], None]
    random: Callable[[], float]

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError("attempts must be at least 1")

    def until_settled(self, post: Callable[[], Reply]) -> Reply:
        """The first reply that is not "later", or the last one when it is time to give up."""
        for attempt in range(self.attempts - 1):
            reply = post()
            asked = retry_after(reply)
            if not is_later(reply) or (asked is not None and asked > self.patience):
                return reply
            backoff = min(CAP_SECONDS, BASE_SECONDS * 2**attempt) * self.random()
            self.sleep(max(backoff, asked or 0.0))
        return post()


def is_later(reply: Reply) -> bool:
    """Whether the same request may well succeed later."""
    return reply.status is None or reply.status in {408, 429} or reply.status >= 500


def retry_after(reply: Reply) -> float | None:
    """The seconds that the server asks to wait, at most a day; ``None`` if it does not say.

    Both documented forms of ``Retry-After`` (RFC 9110, 10.2.3). A date is measured against the
    answer's own ``Date``, so that a wrong clock on either side does not matter.
    """
    value = reply.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value), MAX_RETRY_AFTER)
    until = _http_date(value)
    if until is None:
        return None
    seconds = (until - _answered_at(reply.headers)).total_seconds()
    return min(max(seconds, 0.0), MAX_RETRY_AFTER)


def _answered_at(headers: Mapping[str, str]) -> datetime:
    return _http_date(headers.get("Date", "")) or datetime.now(UTC)


def _http_date(value: str) -> datetime | None:
    try:
        parsed = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed
