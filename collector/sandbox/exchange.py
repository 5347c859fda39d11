"""One request to one of the endpoints, with whatever is to go wrong with it, and remembered."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from threading import Event

from collector.sandbox.endpoints import (
    EXPIRED,
    UNAUTHORIZED,
    Answered,
    give_token,
    take_enrichments,
)
from collector.sandbox.faults import Endpoint, Fault, FaultKind
from collector.sandbox.records import RequestSeen
from collector.sandbox.state import State


class Exchange:
    """Both endpoints with their faults. ``stopping`` cuts an artificial latency short."""

    def __init__(self, state: State, *, base_url: str, stopping: Event) -> None:
        self._state = state
        self._base_url = base_url
        self._stopping = stopping

    def token(self, content: bytes, *, connection: int) -> Answered:
        """Answer a token request."""

        def endpoint(faults: list[Fault]) -> Answered:
            early = [fault for fault in faults if fault.kind == FaultKind.EXPIRE_EARLY]
            life = min((fault.milliseconds or 0 for fault in early), default=None)
            really = None if life is None else timedelta(milliseconds=life)
            return give_token(self._state, self._base_url, content, really)

        return self._exchange("token", "/v1/oauth/token", content, connection, endpoint)

    def enrichments(self, authorization: str, content: bytes, *, connection: int) -> Answered:
        """Answer a batch."""

        def endpoint(_faults: list[Fault]) -> Answered:
            return take_enrichments(self._state, authorization, content)

        return self._exchange("enrichments", "/v1/enrichments", content, connection, endpoint)

    def _exchange(
        self,
        on: Endpoint,
        path: str,
        content: bytes,
        connection: int,
        endpoint: Callable[[list[Fault]], Answered],
    ) -> Answered:
        at, came = self._state.now(), time.monotonic()
        faults = self._state.strike(on)
        kinds = {fault.kind for fault in faults}
        self._wait_for(faults)
        answered = self._instead(on, faults) or endpoint(faults)
        if FaultKind.DROP_AFTER in kinds:
            note = f"fault: dropped after: {answered.note}"
            answered = replace(answered, status=None, note=note)
        self._state.saw(
            RequestSeen(
                method="POST",
                path=path,
                status=answered.status,
                size=len(content),
                at=at,
                connection=connection,
                note=answered.note[:200],
                enrichments=answered.enrichments,
            )
        )
        # The latency is that of the line and of a server at leisure: what this one needs itself
        # is part of it.
        left = came + self._state.latency_ms / 1000 - time.monotonic()
        if left > 0:
            self._stopping.wait(left)
        return answered

    def _wait_for(self, faults: list[Fault]) -> None:
        """A request that is late is dealt with late."""
        if milliseconds := sum(f.milliseconds or 0 for f in faults if f.kind == FaultKind.LATENCY):
            self._stopping.wait(milliseconds / 1000)

    def _instead(self, on: Endpoint, faults: list[Fault]) -> Answered | None:
        """The answer of a fault that leaves the endpoint unasked."""
        for fault in faults:
            if fault.kind in {FaultKind.TOO_MANY_REQUESTS, FaultKind.SERVER_ERROR}:
                status = 429 if fault.kind == FaultKind.TOO_MANY_REQUESTS else fault.status
                return Answered(
                    status=status,
                    body={"message": f"sandbox fault: {fault.kind}"},
                    note=f"fault: {fault.kind}",
                    retry_after=_retry_after(fault),
                )
            if fault.kind == FaultKind.DROP_BEFORE:
                return Answered(status=None, body=None, note="fault: dropped before storing")
            if fault.kind == FaultKind.EXPIRED:
                return Answered(status=401, body=EXPIRED, note="fault: expired")
            if fault.kind == FaultKind.REVOKED:
                said = UNAUTHORIZED if on == "enrichments" else {"message": "client is revoked"}
                return Answered(status=401, body=said, note="fault: revoked")
        return None


def _retry_after(fault: Fault) -> str | None:
    if fault.retry_after is None:
        return None
    if not fault.as_date:
        return str(fault.retry_after)
    # Real time, not the sandbox's clock: the answer's own Date header is real time too.
    return format_datetime(datetime.now(UTC) + timedelta(seconds=fault.retry_after), usegmt=True)
