"""How much of what the line allows is used by delivery: connections ÷ latency requests a second.

The sandbox runs in a process of its own and answers each request 100 ms after it has come, those
for tokens too. The job runs as it does in production, on a database as durable as there. Nothing
is to be matched; what is there is built and pending.

A request counts as one on the line whether it is for a token or has a batch. Measured is the time
from the first request with a batch to the last answer: before it there is, for a single
installation, a token to be fetched, which nothing can be sent without. The whole run, from its
first statement to its last, is told beside.
"""

from __future__ import annotations

import logging
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Lock
from typing import Any

import sqlalchemy as sa
import structlog

from bench.comparing import Finding, Goal
from bench.running import Bench
from collector.cli.sandbox import registered_schemas
from collector.contentsquare import EnrichmentApi
from collector.contentsquare.transport import Reply, Transport
from collector.domain.definition import Definition
from collector.domain.enrichment import FieldValue
from collector.domain.installation import Installation
from collector.domain.ledger import payload_hash
from collector.jobs.reconcile import Job
from collector.sandbox import Sandbox, SandboxInstallation
from collector.sources import definition as definitions
from collector.storage import installations
from collector.storage.database import Database
from collector.storage.secrets import SecretBox, generate_key
from collector.storage.tables import CallRow, EnrichmentRow, SessionRow

LATENCY_MS = 100
CONNECTIONS = 8

EXAMPLE = Path(__file__).parent.parent / "examples" / "phone-calls" / "integration.toml"
SECRET = "a made-up secret"  # noqa: S105 - of nobody


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """So many installations with so many enrichments each, and how many connections for each."""

    installations: int
    enrichments: int
    connections_each: int

    def __str__(self) -> str:
        many = "one installation" if self.installations == 1 else f"{self.installations} of them"
        return f"{many} with {self.enrichments:,} enrichments"


@dataclass(kw_only=True, slots=True)
class Line:
    """What was on the line, by when it began and ended, in seconds of the monotonic clock."""

    tokens: list[tuple[float, float]] = field(default_factory=list)
    batches: list[tuple[float, float]] = field(default_factory=list)
    connections: int = 0
    run_seconds: float = 0.0

    @property
    def _began(self) -> float:
        return min(start for start, _ in self.batches)

    @property
    def seconds(self) -> float:
        """From the first request with a batch to the last answer."""
        return max(end for _, end in self.batches) - self._began

    @property
    def requests(self) -> int:
        """Batches, and tokens that were fetched meanwhile."""
        return len(self.batches) + sum(start >= self._began for start, _ in self.tokens)


def findings(bench: Bench) -> Iterator[Finding]:
    """For each database: one large installation, and many small ones."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    cases = (
        Case(installations=1, enrichments=bench.sized(20_000), connections_each=CONNECTIONS),
        Case(
            installations=bench.sized(50, least=2),
            enrichments=max(5, bench.sized(400)),
            connections_each=2,
        ),
    )
    ideal = CONNECTIONS / (LATENCY_MS / 1000)
    for kind in bench.kinds:
        for case in cases:
            bench.say(f"{kind}: {case}")
            lines = [_measured(bench, kind, case) for _ in range(bench.rounds + 1)][1:]
            yield Finding(
                benchmark="delivery",
                database=kind,
                what=f"requests a second, {case}",
                unit="requests/s",
                ours=[line.requests / line.seconds for line in lines],
                theirs=[ideal] * len(lines),
                against=f"{CONNECTIONS} connections ÷ {LATENCY_MS} ms",
                goal=Goal(at_least=0.9),
                notes={
                    "batches": len(lines[0].batches),
                    "tokens": len(lines[0].tokens),
                    "connections opened": [line.connections for line in lines],
                },
            )
            yield Finding(
                benchmark="delivery",
                database=kind,
                what=f"the whole run, {case}",
                unit="s",
                ours=[line.run_seconds for line in lines],
            )


def _measured(bench: Bench, kind: str, case: Case) -> Line:
    """One run of the job over a new database and a new sandbox."""
    definition = definitions.read(EXAMPLE)
    secrets = SecretBox([generate_key()])
    url = bench.databases.create(kind)
    known = [_installation(number) for number in range(1, case.installations + 1)]
    try:
        with Database(url, pool_size=2 * CONNECTIONS) as database:
            _fill(database, known, case.enrichments, secrets)
            with _sandbox(known, definition) as (auth_url, asked), _watched_line() as line:
                with EnrichmentApi(auth_url, connections=CONNECTIONS) as api:
                    begun = time.monotonic()
                    report = Job(
                        database=database,
                        definition=definition,
                        sender=api,
                        secrets=secrets,
                        connections=CONNECTIONS,
                        connections_per_installation=case.connections_each,
                    ).run()
                    line.run_seconds = time.monotonic() - begun
                asked.send("how many connections")
                line.connections = asked.recv()
    finally:
        bench.databases.drop(url)
    if report.funnel.verdicts["accepted"] != case.installations * case.enrichments:
        raise AssertionError(f"not everything was delivered: {report.funnel.verdicts}")
    return line


@contextmanager
def _watched_line() -> Iterator[Line]:
    """Every post of the client, noted."""
    line, lock, post = Line(), Lock(), Transport.post

    def noted(self: Transport, url: str, body: bytes, *, bearer: str | None = None) -> Reply:
        start = time.monotonic()
        reply = post(self, url, body, bearer=bearer)
        with lock:
            (line.tokens if bearer is None else line.batches).append((start, time.monotonic()))
        return reply

    Transport.post = noted  # type: ignore[method-assign]
    try:
        yield line
    finally:
        Transport.post = post  # type: ignore[method-assign]


def _installation(number: int) -> Installation:
    return Installation(
        project_id=number,
        integration_id=number,
        name=f"Shop {number}",
        client_id=f"client-{number}",
        integration_version=1,
        origins=("https://shop.example",),
    )


@contextmanager
def _sandbox(
    known: Sequence[Installation], definition: Definition
) -> Iterator[tuple[str, Connection]]:
    """A sandbox that knows these, in a process of its own; yields its token endpoint."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    told = [
        SandboxInstallation(
            project_id=one.project_id,
            integration_id=one.integration_id,
            client_id=one.client_id,
            client_secret=SECRET,
            schemas=registered_schemas(definition),
        )
        for one in known
    ]
    process = context.Process(target=_serve, args=(told, theirs), daemon=True)
    process.start()
    try:
        yield ours.recv(), ours
    finally:
        ours.close()
        process.join()


def _serve(known: Sequence[SandboxInstallation], asked: Connection) -> None:
    with Sandbox(known, latency_ms=LATENCY_MS) as sandbox:
        asked.send(sandbox.auth_url)
        try:
            while True:
                asked.recv()
                asked.send(len({request.connection for request in sandbox.requests}))
        except EOFError:
            return


def _fill(
    database: Database, known: Sequence[Installation], enrichments: int, secrets: SecretBox
) -> None:
    """So many calls for each, matched and built, as the job would have left them."""
    now = datetime.now(UTC)
    with database.write() as connection:
        for one in known:
            installations.add(connection, one, secrets.seal(SECRET), now)
            # Else a few enrichments would be tried first, as a canary.
            installations.edit(connection, one.project_id, {"proven_version": 1}, now)
            rows = [_rows(one.project_id, number, now) for number in range(enrichments)]
            for place, table in enumerate((SessionRow, CallRow, EnrichmentRow)):
                connection.execute(sa.insert(table), [row[place] for row in rows])
        if not database.is_sqlite:
            connection.execute(sa.text("ANALYZE"))


def _rows(project_id: int, number: int, now: datetime) -> tuple[dict[str, Any], ...]:
    started = now - timedelta(seconds=60 + number)
    session = {"project_id": project_id, "user_id": f"user-{number:06d}", "session_number": 1}
    call_id = f"call-{number:06d}"
    payload: dict[str, FieldValue] = {
        "answered": True,
        "call_duration": 75_000 + number,
        "call_client_rating": 4.0,
        "call_center_name": "RENNES",
        "call_datetime": f"{started:%Y-%m-%dT%H:%M:%SZ}",
    }
    written = {"created_at": now, "changed_at": now}
    return (
        {**session, "first_seen": started, "last_seen": started, "beacons": 1},
        {
            **session,
            "call_id": call_id,
            "started_at": started,
            "attributes": {"status": "completed", "duration_s": "75"},
            "content_hash": f"{number:032x}",
            "received_at": now,
            "changed_at": now,
            "verdict": "pending",
            "reason": "to_send",
            "detail": "enrichment 1, revision 1, is to be sent",
            "decided_at": now,
            "examine": False,
            "rule": "visitor_id",
        },
        {
            **session,
            **written,
            "enrichment_number": 1,
            "call_id": call_id,
            "payload": payload,
            "payload_hash": payload_hash(payload),
            "integration_version": 1,
            "revision": 1,
            "accepted_revision": 0,
            "state": "pending",
            "deadline": started + timedelta(days=7),
            "attempts": 0,
        },
    )
