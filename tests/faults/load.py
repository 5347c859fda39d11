"""Beacons without a pause, one connection after the other's answer, and what each was answered."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import requests
import sqlalchemy as sa

from collector.domain.installation import Installation
from collector.storage import installations
from collector.storage.database import Database

PROJECT = 162

#: A load that waits so long for something has waited in vain.
DEADLINE_SECONDS = 60


@dataclass(kw_only=True)
class Load:
    """What several visitors' pages tell a server, without a pause."""

    url: str
    acknowledged: set[str] = field(default_factory=set)
    answers: Counter[int] = field(default_factory=Counter)
    #: Answers that are no acknowledgement: status, code, Retry-After.
    refusals: set[tuple[int, str, str]] = field(default_factory=set)
    #: The longest time without an acknowledgement.
    longest_silence: float = 0.0
    _last: float = field(default_factory=time.monotonic)
    _over: bool = False
    _news: threading.Condition = field(default_factory=threading.Condition)

    def wait_for_more(self, number: int = 20) -> None:
        """Until so many more are acknowledged."""
        wanted = len(self.acknowledged) + number
        self._wait(lambda: len(self.acknowledged) >= wanted)

    def wait_for(self, status: int) -> None:
        """Until one more is answered so."""
        wanted = self.answers[status] + 1
        self._wait(lambda: self.answers[status] >= wanted)

    def _wait(self, until: object) -> None:
        with self._news:
            assert callable(until)
            assert self._news.wait_for(until, DEADLINE_SECONDS), (self.answers, self.refusals)

    def visit(self, visitor: int) -> None:
        """What one of them does until all is over."""
        number = 0
        with requests.Session() as http:
            while not self._over:
                number += 1
                self._tell(http, f"visitor-{visitor}-{number}.1")

    def _tell(self, http: requests.Session, session: str) -> None:
        told = {"projectId": PROJECT, "sessionKey": session, "keys": {"visitor_id": session}}
        try:
            answer = http.post(f"{self.url}/v1/sessions", json=told, timeout=DEADLINE_SECONDS)
        except requests.ConnectionError:
            return
        with self._news:
            self.answers[answer.status_code] += 1
            if answer.status_code == 204:
                now = time.monotonic()
                self.longest_silence = max(self.longest_silence, now - self._last)
                self._last = now
                self.acknowledged.add(session)
            else:
                code = answer.headers.get("X-Collector-Error", "")
                retry = answer.headers.get("Retry-After", "")
                self.refusals.add((answer.status_code, code, retry))
            self._news.notify_all()

    def end(self) -> None:
        self._over = True


@contextmanager
def loaded(url: str, visitors: int = 4) -> Iterator[Load]:
    """Under load until the block has ended."""
    load = Load(url=url)
    threads = [threading.Thread(target=load.visit, args=(each,)) for each in range(visitors)]
    for thread in threads:
        thread.start()
    try:
        load.wait_for_more()
        yield load
    finally:
        load.end()
        for thread in threads:
            thread.join()


def install(database: Database) -> None:
    """The customer whose visitors they are."""
    installation = Installation(
        project_id=PROJECT, integration_id=1, name="Shop", client_id="c", integration_version=1,
        origins=(),
    )  # fmt: skip
    with database.write() as connection:
        installations.add(connection, installation, "sealed", datetime.now(UTC))


def stored(database: Database) -> set[str]:
    """The sessions that are in the database, each with its key."""
    with database.read() as connection:
        rows = connection.execute(
            sa.text(
                "SELECT s.user_id, s.session_number FROM session s JOIN sighting k "
                "ON k.project_id = s.project_id AND k.user_id = s.user_id "
                "AND k.session_number = s.session_number"
            )
        )
        return {f"{user_id}.{number}" for user_id, number in rows}
