"""A small provider for tests: one clock, a real database, the sandbox over HTTP, and its calls."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from collector.contentsquare import EnrichmentApi
from collector.domain.beacon import Beacon
from collector.domain.call import Call
from collector.domain.definition import Definition
from collector.domain.identifiers import parse_session_key
from collector.domain.installation import Installation
from collector.jobs.dry_run import dry_run
from collector.jobs.reconcile import Job
from collector.jobs.report import RunReport
from collector.sandbox import EnrichmentKey, Sandbox, StoredEnrichment
from collector.sources import definition as definitions
from collector.storage import calls, installations, sessions
from collector.storage.database import Database
from collector.storage.secrets import SecretBox, generate_key
from tests.sandbox_fixtures import PHONE_CALL_INSTALLATION

EXAMPLE = Path(__file__).parent.parent / "examples" / "phone-calls" / "integration.toml"
START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PROJECT = PHONE_CALL_INSTALLATION.project_id


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **duration: float) -> None:
        self.now += timedelta(**duration)


@cache
def example_definition() -> Definition:
    """The example's, which nothing changes, read once for all tests."""
    return definitions.read(EXAMPLE)


class World:
    """Everything a test of the job needs, in few words."""

    def __init__(self, database: Database, sandbox: Sandbox, clock: Clock) -> None:
        self.database = database
        self.sandbox = sandbox
        self.clock = clock
        self.definition: Definition = example_definition()
        self.secrets = SecretBox([generate_key()])
        self.waits: list[float] = []
        self._numbers = itertools.count(1)

    def install(
        self, project_id: int = PROJECT, integration_id: int = 42, **changes: Any
    ) -> Installation:
        installation = replace(
            Installation(
                project_id=project_id,
                integration_id=integration_id,
                name="Example shop",
                client_id=PHONE_CALL_INSTALLATION.client_id,
                integration_version=1,
                origins=("https://shop.example",),
                region="FR",
            ),
            **changes,
        )
        with self.database.write() as connection:
            sealed = self.secrets.seal(PHONE_CALL_INSTALLATION.client_secret)
            installations.add(connection, installation, sealed, self.clock())
        return installation

    def edit(self, project_id: int = PROJECT, **changes: Any) -> None:
        with self.database.write() as connection:
            installations.edit(connection, project_id, changes, self.clock())

    def prove(self, version: int = 1, *, project_id: int = PROJECT) -> None:
        """The API has accepted something under this version before, so that no canary is sent."""
        self.edit(project_id, proven_version=version)

    def visit(self, session_key: str, *, project_id: int = PROJECT, **keys: str) -> None:
        """A beacon of this session arrives now."""
        beacon = Beacon(project_id=project_id, session=parse_session_key(session_key), keys=keys)
        sessions.record(self.database, beacon, self.clock())

    def call(
        self,
        call_id: str | None = None,
        *,
        project_id: int = PROJECT,
        ago: timedelta = timedelta(0),
        attributes: Mapping[str, Any] | None = None,
        updated_at: datetime | None = None,
        caller: str | None = None,
        **keys: str,
    ) -> str:
        """A call that started ``ago`` is imported now, or the same again with other content."""
        call_id = call_id or f"call-{next(self._numbers)}"
        standard = {"status": "completed", "duration_s": "75", "call_center": "RENNES"}
        call = Call(
            call_id=call_id,
            started_at=self.clock() - ago,
            ended_at=self.clock() - ago + timedelta(seconds=75),
            updated_at=updated_at,
            keys=keys,
            attributes={**standard, **(attributes or {})},
            caller=caller,
        )
        with self.database.write() as connection:
            calls.store(connection, project_id, [call], self.clock())
        return call_id

    def job(self, **changes: Any) -> Job:
        api = EnrichmentApi(self.sandbox.auth_url, sleep=self.waits.append)
        return Job(
            **{
                "database": self.database,
                "definition": self.definition,
                "sender": api,
                "secrets": self.secrets,
                "clock": self.clock,
                **changes,
            }
        )

    def run(self, project_id: int | None = None, **changes: Any) -> RunReport:
        """One run of the job; the funnel must sum to the calls after it."""
        job = self.job(**changes)
        try:
            report = job.run(project_id)
        finally:
            if isinstance(job.sender, EnrichmentApi):
                job.sender.close()
            self.check()
        assert sum(report.funnel.verdicts.values()) == report.funnel.calls
        return report

    def dry_run(self, project_id: int | None = None) -> RunReport:
        before = self.everything()
        report = dry_run(self.database, self.definition, project_id, clock=self.clock)
        assert self.everything() == before
        assert sum(report.funnel.verdicts.values()) == report.funnel.calls
        return report

    def rows(self, query: str, **parameters: Any) -> list[dict[str, Any]]:
        with self.database.read() as connection:
            return [dict(row) for row in connection.execute(sa.text(query), parameters).mappings()]

    def verdict(self, call_id: str) -> str:
        return str(self.report_call(call_id)["verdict"])

    def report_call(self, call_id: str) -> dict[str, Any]:
        found = self.rows("SELECT * FROM report_calls WHERE call_id = :call_id", call_id=call_id)
        assert len(found) == 1
        return found[0]

    @property
    def held(self) -> Mapping[EnrichmentKey, StoredEnrichment]:
        """What the sandbox holds."""
        return self.sandbox.held

    @property
    def posts(self) -> int:
        """How many batches the sandbox has seen."""
        return sum(1 for seen in self.sandbox.requests if seen.path == "/v1/enrichments")

    def everything(self) -> Sequence[Any]:
        """All rows of the ledger, to see that nothing has changed."""
        return [
            self.rows(f"SELECT * FROM {table} ORDER BY 1, 2, 3")
            for table in ("installation", "session", "sighting", "call", "enrichment", "batch")
        ]

    def check(self) -> None:
        """What is true of the ledger at every moment."""
        assert self.rows(
            "SELECT count(*) AS wrong FROM enrichment e JOIN call c "
            "ON c.project_id = e.project_id AND c.call_id = e.call_id "
            "WHERE e.state <> 'superseded' AND ("
            "(e.state = 'accepted' AND e.accepted_revision <> e.revision) "
            "OR (e.state = 'pending' AND c.verdict <> 'pending') "
            "OR (c.verdict IN ('pending', 'rejected', 'accepted') AND c.verdict <> e.state) "
            "OR c.user_id <> e.user_id OR c.session_number <> e.session_number)"
        ) == [{"wrong": 0}]
        assert self.rows(
            "SELECT count(*) AS wrong FROM call c WHERE c.verdict IN "
            "('pending', 'rejected', 'accepted') AND NOT EXISTS (SELECT 1 FROM enrichment e "
            "WHERE e.project_id = c.project_id AND e.call_id = c.call_id "
            "AND e.state <> 'superseded')"
        ) == [{"wrong": 0}]
        funnel = self.rows(
            "SELECT coalesce(sum(calls), 0) AS calls, coalesce(sum(waiting + unmatched + ambiguous "
            "+ invalid + over_limit + pending + rejected + expired + accepted), 0) AS verdicts "
            "FROM report_funnel_daily"
        )[0]
        assert funnel["calls"] == funnel["verdicts"]
        stored = self.rows("SELECT count(*) AS n FROM call")[0]["n"]
        removed = self.rows("SELECT coalesce(sum(calls), 0) AS n FROM call_count")[0]["n"]
        assert stored + removed == funnel["calls"]
