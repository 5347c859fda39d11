"""Everything the sandbox holds, behind one lock.

Each public method is one step that others see whole or not at all: a batch is stored at once or
refused at once, as the API does it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from threading import RLock
from typing import Any

from collector.errors import UsageError
from collector.sandbox.faults import Endpoint, Fault, Faults
from collector.sandbox.records import (
    DroppedEnrichment,
    EnrichmentKey,
    RequestSeen,
    SandboxInstallation,
    SessionKey,
    StoredEnrichment,
)
from collector.sandbox.schema import check_schema
from collector.sandbox.tokens import Tokens

#: What is remembered of requests and drops; a sandbox may run for days.
REMEMBERED = 10_000

#: What is sent for older sessions is answered 200 and thrown away (Limitations).
ENRICHABLE_FOR = timedelta(days=7)


class State:
    """What is held, what was seen, what is to go wrong. Safe to use from any thread."""

    def __init__(
        self,
        installations: Iterable[SandboxInstallation],
        *,
        now: Callable[[], datetime],
        token_lifetime: int,
        latency_ms: int,
        faults: Iterable[Fault],
        seed: int,
    ) -> None:
        self.installations = tuple(installations)
        self.now = now
        self.latency_ms = latency_ms
        self.tokens = Tokens(now=now, lifetime=token_lifetime)
        _check(self.installations)
        self._lock = RLock()
        self._faults = Faults(seed)
        self._faults.replace(faults)
        self._held: dict[EnrichmentKey, StoredEnrichment] = {}
        self._dropped: deque[DroppedEnrichment] = deque(maxlen=REMEMBERED)
        self._requests: deque[RequestSeen] = deque(maxlen=REMEMBERED)
        self._started: dict[SessionKey, datetime] = {}

    def store(
        self,
        installation: SandboxInstallation,
        version: int,
        enrichments: Sequence[Mapping[str, Any]],
    ) -> int:
        """Keep a checked batch, overwriting by key; returns how many were silently dropped."""
        with self._lock:
            now = self.now()
            dropped = 0
            for document in enrichments:
                key = EnrichmentKey(
                    installation.project_id,
                    document["userId"],
                    document["sessionNumber"],
                    document.get("enrichmentNumber", 1),
                )
                # A session nobody told of counts as just started.
                started_at = self._started.get(key.session, now)
                if now - started_at > ENRICHABLE_FOR:
                    dropped += 1
                    self._drop(key, document["enrichment"], started_at, now)
                else:
                    self._keep(key, document["enrichment"], installation, version, now)
            return dropped

    def _drop(
        self, key: EnrichmentKey, fields: Mapping[str, Any], started_at: datetime, now: datetime
    ) -> None:
        self._dropped.append(
            DroppedEnrichment(
                key=key, fields=fields, session_started_at=started_at, received_at=now
            )
        )

    def _keep(
        self,
        key: EnrichmentKey,
        fields: Mapping[str, Any],
        installation: SandboxInstallation,
        version: int,
        now: datetime,
    ) -> None:
        # Taken out first, so that what came last also stands last.
        before = self._held.pop(key, None)
        self._held[key] = StoredEnrichment(
            key=key,
            fields=fields,
            integration_id=installation.integration_id,
            integration_version=version,
            received_at=now,
            overwritten=0 if before is None else before.overwritten + 1,
        )

    def learn_sessions(self, started: Mapping[SessionKey, datetime]) -> None:
        """Learn when sessions started."""
        with self._lock:
            self._started.update(started)

    def saw(self, request: RequestSeen) -> None:
        """Remember a request."""
        with self._lock:
            self._requests.append(request)

    def strike(self, on: Endpoint) -> list[Fault]:
        """The faults that one request meets."""
        with self._lock:
            return self._faults.strike(on)

    def add_faults(self, faults: Iterable[Fault]) -> None:
        """Put faults in force, after those there are."""
        with self._lock:
            self._faults.add(*faults)

    def replace_faults(self, faults: Iterable[Fault]) -> None:
        """Put these faults in force and no others."""
        with self._lock:
            self._faults.replace(faults)

    def empty(self) -> None:
        """Forget enrichments, requests, drops and session starts; tokens and faults stay."""
        with self._lock:
            self._held.clear()
            self._dropped.clear()
            self._requests.clear()
            self._started.clear()

    def held(self) -> dict[EnrichmentKey, StoredEnrichment]:
        """The enrichments held, the latest received last."""
        with self._lock:
            return dict(self._held)

    def dropped(self) -> list[DroppedEnrichment]:
        """What was silently dropped, the latest last."""
        with self._lock:
            return list(self._dropped)

    def requests(self) -> list[RequestSeen]:
        """The requests seen, the latest last."""
        with self._lock:
            return list(self._requests)

    def faults(self) -> list[tuple[Fault, int | None]]:
        """The faults in force, each with how many requests it is still for."""
        with self._lock:
            return self._faults.in_force()


def _check(installations: Sequence[SandboxInstallation]) -> None:
    seen: set[int] = set()
    for installation in installations:
        where = f"integration {installation.integration_id}"
        if installation.integration_id in seen:
            raise UsageError(f"{where} is there twice: each installation has an id of its own")
        seen.add(installation.integration_id)
        for version, schema in installation.schemas.items():
            check_schema(schema, f"{where}, version {version}")
