"""Asks an address whether it answers, and what time it is there, without any credentials."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import requests
import urllib3

from collector.contentsquare.wire import explain

#: For the connection, and for each piece of the answer, in seconds.
PATIENCE_SECONDS = 5.0

#: Where `collector.web` says why it refuses.
_REASON = "X-Collector-Error"


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What came. ``ahead`` is by how many seconds the clock there is ahead of ours, give or take
    one; ``status`` is None if nothing came, and ``problem`` then says why.
    """

    status: int | None = None
    seconds: float = 0.0
    ahead: float | None = None
    reason: str | None = None
    problem: str = ""


def ask(url: str, clock: Callable[[], datetime]) -> Told:
    """GET an address. Raises nothing for what the network does; no redirect is followed."""
    begun, asked_at = time.monotonic(), clock()
    try:
        with requests.get(
            url,
            headers={"User-Agent": "session-collector"},
            auth=_nobody,
            timeout=(PATIENCE_SECONDS, PATIENCE_SECONDS),
            allow_redirects=False,
            stream=True,
        ) as response:
            seconds = time.monotonic() - begun
            theirs = _date(response.headers.get("Date"))
            # The header has whole seconds, and was written somewhere on the way there and back.
            ahead = None if theirs is None else (theirs - asked_at).total_seconds() - seconds / 2
            return Told(
                status=response.status_code,
                seconds=seconds,
                ahead=None if ahead is None else ahead + 0.5,
                reason=response.headers.get(_REASON),
            )
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        return Told(problem=explain(error, (PATIENCE_SECONDS, PATIENCE_SECONDS)))


def _nobody(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Only if there is such a function does `requests` leave ``.netrc`` alone."""
    return request


def _date(header: str | None) -> datetime | None:
    try:
        found = parsedate_to_datetime(header or "")
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
