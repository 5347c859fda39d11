"""Who comes too often is answered 429: beacons by client and by project, and whoever fails to
say who may post calls.

Beacons are let through or turned away by their number alone, before anything is read of them; by
project as late as it is known that they would be stored, so that no stranger uses up a project's
room with what is refused anyway.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from collector.config import Settings
from collector.domain.outcomes import RATE_LIMITED
from collector.domain.rates import Rate
from collector.errors import RequestRefusedError
from collector.storage.shared_counts import MEMORY, SharedCounts
from collector.web import answers, capacity, clients
from collector.web.clients import Clients
from collector.web.limits_together import Together
from collector.web.windows import Windows

if TYPE_CHECKING:
    from collector.web.state import State

#: Where the event loop leaves that a beacon was counted for its client.
COUNTED = "collector.counted"

STATUS = 429

BY_CLIENT = "Too many beacons came from this address. Send it again later."
BY_PROJECT = "Too many beacons came for this project. Send it again later."
BY_FAILURES = (
    "Too many requests from this address had a wrong token or signature. Send it again later."
)


class Limits:
    """What this process lets through. Safe to share between threads.

    Args:
        tell: is told 1 when the Redis of all machines does not answer, and 0 when it does.
    """

    def __init__(self, settings: Settings, tell: Callable[[int], None]) -> None:
        self.clients = Clients(settings)
        url = "" if settings.limits_url == MEMORY else settings.limits_url
        number = capacity.processes(settings)
        made = {
            name: Windows(rate, processes=number, together=bool(url))
            for name, text in (
                ("client", settings.limit_client),
                ("project", settings.limit_project),
                ("unauthorised", settings.limit_unauthorised),
            )
            if (rate := Rate.of(text)) is not None
        }
        self._clients = made.get("client")
        self._projects = made.get("project")
        self._failures = made.get("unauthorised")
        self._together = Together(SharedCounts(url), made, tell) if url else None

    @property
    def hops(self) -> int:
        """How many proxies are believed; with none, what they say need not be read."""
        return self.clients.hops

    def of_client(self, peer: str, forwarded: str | None) -> int:
        """Count a beacon: 0, or in how many seconds its client may send another one."""
        if self._clients is None:
            return 0
        number = self.clients.number(peer, forwarded)
        if number is None:
            return 0
        if self._together is not None:
            self._together.begin()
        return self._clients.hit(number, time.time())

    def of_project(self, project_id: int) -> int:
        """The same for the project, which has an installation."""
        if self._projects is None:
            return 0
        if self._together is not None:
            self._together.begin()
        return self._projects.hit(project_id, time.time())

    def of_failures(self, peer: str, forwarded: str | None, *, failed: bool) -> int:
        """In how many seconds a client may post calls again; 0 for at once.

        Args:
            failed: it has failed to say who it is, which is to be counted.
        """
        if self._failures is None:
            return 0
        number = self.clients.number(peer, forwarded)
        if number is None:
            return 0
        now = time.time()
        return self._failures.hit(number, now) if failed else self._failures.wait(number, now)

    def close(self) -> None:
        """Leave no thread behind."""
        if self._together is not None:
            self._together.close()


def require_room(seconds: int, message: str) -> None:
    """Go on if there is nothing to wait for.

    Raises:
        RequestRefusedError: 429 ``rate_limited``.
    """
    if seconds:
        raise RequestRefusedError(429, "rate_limited", message, {"Retry-After": str(seconds)})


@lru_cache(maxsize=10)
def body(message: str) -> bytes:
    """What `require_room` comes to be answered with."""
    told = {"error": {"code": RATE_LIMITED, "message": message}}
    return (json.dumps(told, separators=(",", ":")) + "\n").encode()


def headers(seconds: int) -> list[tuple[str, str]]:
    """The headers of that, but for those by which a page may read it."""
    return [
        ("content-type", "application/json"),
        ("retry-after", str(seconds)),
        (answers.CODE_HEADER.lower(), RATE_LIMITED),
        *((name.lower(), value) for name, value in answers.HEADERS.items()),
    ]


def asking() -> tuple[str, str | None]:
    """The peer of Flask's request, and what proxies say of it."""
    return request.remote_addr or "", request.environ.get(clients.IN_ENVIRONMENT)


def by_failures(blueprint: Blueprint, current: Callable[[], State]) -> None:
    """Have those turned away who have often failed to authorise, before anything is looked at."""

    @blueprint.before_request
    def require() -> None:
        require_room(current().limits.of_failures(*asking(), failed=False), BY_FAILURES)

    @blueprint.after_request
    def count(response: Response) -> Response:
        failure = answers.failed()
        # Some clients send the password of an address only when they are asked for it.
        if response.status_code == 401 and failure and failure[0] != "token_missing":
            current().limits.of_failures(*asking(), failed=True)
        return response
