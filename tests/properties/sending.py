"""Sends by the real client, records it, and lets one request of a run meet a mishap."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import count
from typing import Any

import sqlalchemy as sa

from collector.contentsquare import Answer, Credentials, EnrichmentApi, Outcome
from collector.domain.enrichment import Enrichment
from collector.errors import ContentsquareError
from collector.storage.database import Database
from tests.properties.clocks import Clocks
from tests.properties.recording import Recording, Request


class CrashError(BaseException):
    """The process ends here: nothing that it runs may catch this."""


class Mishap(StrEnum):
    """What can become of a request, besides what the sandbox does to it."""

    DIES_BEFORE = "the worker dies before it"
    DIES_AFTER = "the worker dies before it reads the answer"
    RECORDS_COME = "records come while it is on its way"
    STALLS_BEFORE = "the worker stalls before it, and another one takes over"
    STALLS_AFTER = "the worker stalls before it reads the answer, and another one takes over"
    DIES_AND_COMES_LATE = "the worker dies while it is on its way, and it arrives afterwards"
    COMES_LATE = "it is given up by the client, and arrives afterwards"
    COMES_TWICE = "it is given up by the client and sent again, and both arrive, the first one last"


#: What the client says of a request that it has waited for in vain.
NO_ANSWER = Answer(
    outcome=Outcome.LATER,
    status=None,
    message="no answer within 30 s",
    in_doubt=True,
    retry_after=None,
    milliseconds=30_000,
    requests=1,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fate:
    """Which request of a run meets which mishap; ``lag`` is how late it arrives, in seconds."""

    mishap: Mishap
    request: int = 1
    lag: int = 60


class Sending:
    """The sender of one run.

    ``meanwhile`` is what comes in while a request is on its way, ``successor`` what another worker
    does during a stall; ``straggler``, which never tries twice, carries what arrives late.
    """

    def __init__(
        self,
        api: EnrichmentApi,
        recording: Recording,
        clocks: Clocks,
        *,
        straggler: EnrichmentApi,
        fate: Fate | None = None,
        meanwhile: Callable[[], None] = lambda: None,
        successor: Callable[[], None] = lambda: None,
    ) -> None:
        self._api = api
        self._recording = recording
        self._clocks = clocks
        self._straggler = straggler
        self._fate = fate
        self._meanwhile = meanwhile
        self._successor = successor
        self._requests = count(1)

    def send(
        self,
        credentials: Credentials,
        integration_version: int,
        enrichments: Sequence[Enrichment],
        begun: float,
    ) -> Answer:
        def post() -> Answer:
            return self._api.send(credentials, integration_version, enrichments, begun)

        request = Request(
            project_id=credentials.project_id,
            version=integration_version,
            enrichments=enrichments,
        )
        fate = self._fate
        if fate is None or next(self._requests) != fate.request:
            return self._recorded(request, post)
        self._recording.mishaps += 1
        return self._meet(fate, request, post, credentials)

    def _meet(
        self, fate: Fate, request: Request, post: Callable[[], Answer], credentials: Credentials
    ) -> Answer:
        match fate.mishap:
            case Mishap.DIES_BEFORE:
                raise CrashError
            case Mishap.DIES_AFTER:
                self._recorded(request, post)
                raise CrashError
            case Mishap.DIES_AND_COMES_LATE:
                self._send_slowly(request, credentials, fate.lag)
                raise CrashError
            case Mishap.COMES_LATE:
                self._send_slowly(request, credentials, fate.lag)
                self._clocks.forward(seconds=30)
                return NO_ANSWER
            case Mishap.COMES_TWICE:
                self._send_slowly(request, credentials, fate.lag)
                self._clocks.forward(seconds=30)
                return self._again(request, post)
            case Mishap.RECORDS_COME:
                answer = self._recorded(request, post)
                self._meanwhile()
                return answer
            case Mishap.STALLS_BEFORE:
                self._successor()
                return self._recorded(request, post, ["by a worker that had lost its lease"])
            case Mishap.STALLS_AFTER:
                answer = self._recorded(request, post)
                self._recording.unread()
                self._successor()
                return answer

    def _recorded(
        self,
        request: Request,
        post: Callable[[], Answer],
        objections: Sequence[str] | None = None,
    ) -> Answer:
        """Post it, and note it with what is wrong with that, if it is not given."""
        if objections is None:
            objections = self._recording.wrong_with(request)
        before = self._recording.world.posts
        answer = None
        try:
            answer = post()
        finally:
            if self._recording.world.posts > before:
                self._recording.sent(request, answer, objections)
        return answer

    def _again(self, request: Request, post: Callable[[], Answer]) -> Answer:
        """The client's second attempt, after one that was not answered."""
        try:
            return replace(self._recorded(request, post, ()), in_doubt=True)
        except ContentsquareError as error:
            error.in_doubt = True
            raise

    def _send_slowly(self, request: Request, credentials: Credentials, lag: int) -> None:
        """Have it arrive so many seconds later; nobody waits for the answer."""

        def arrive() -> None:
            now = self._clocks.monotonic()
            try:
                self._straggler.send(credentials, request.version, request.enrichments, now)
            except ContentsquareError:
                return  # lost on the way after all

        self._recording.sent(request, None, self._recording.wrong_with(request))
        self._clocks.appoint(lag, arrive)


@contextmanager
def crash_at(database: Database, statement: int | None) -> Iterator[list[CrashError]]:
    """Let the process end right before its n-th statement or commit; yields how it ended."""
    done = count(1)
    crashes: list[CrashError] = []

    def strike(*_: Any) -> None:
        if next(done) == statement:
            raise CrashError

    for event in ("before_cursor_execute", "commit"):
        sa.event.listen(database.engine, event, strike)
    try:
        yield crashes
    except CrashError as crash:
        crashes.append(crash)
        database.engine.dispose()  # connections end with their process
    finally:
        for event in ("before_cursor_execute", "commit"):
            sa.event.remove(database.engine, event, strike)
