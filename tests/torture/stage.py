"""Sets the scenario up for each trial: a copy of the database, a sandbox, a clock."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import datetime
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Self

import requests

from collector.sandbox import Fault, Sandbox, StoredEnrichment
from collector.storage.database import Database
from collector.storage.secrets import SecretBox
from tests.torture import compare, scenario
from tests.torture.clock import SharedClock
from tests.torture.compare import Rows
from tests.torture.databases import Databases
from tests.torture.processes import Worker
from tests.torture.trial import Trial, Tried
from tests.world import START, World


class Stage(AbstractContextManager["Stage"]):
    """What all trials on one database have in common. Not for two threads at once."""

    def __init__(self, databases: Databases) -> None:
        self.dialect = databases.dialect
        self._databases = databases
        self._stack = ExitStack()
        self._expected: dict[str, dict[str, Rows]] = {}
        self._points: dict[tuple[str, bool], int] = {}
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="torture-"))
        self._clock_path = Path(folder) / "clock"
        self._worker = self._stack.enter_context(Worker())
        self._template, self._held, self._now = self._build()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()
        self._databases.drop(self._template)

    def __enter__(self) -> Self:
        return self

    def _build(self) -> tuple[str, list[StoredEnrichment], datetime]:
        url = self._databases.copy()
        clock = SharedClock(self._clock_path, START)
        with Database(url) as database, self._sandbox(clock) as sandbox:
            world = _world(database, sandbox, clock)
            scenario.build(world)
            return url, list(world.held.values()), clock()

    def _sandbox(self, clock: SharedClock, faults: Iterable[Fault] = (), seed: int = 0) -> Sandbox:
        return Sandbox(scenario.sandbox_installations(), now=clock, faults=faults, seed=seed)

    @contextmanager
    def trial(self, *faults: Fault, seed: int = 0, tried: Tried | None = None) -> Iterator[Trial]:
        """The scenario, set up anew.

        Args:
            faults: the sandbox's from then on.
            seed: of their chance.
            tried: where what is done is counted.
        """
        url = self._databases.copy(self._template)
        clock = SharedClock(self._clock_path, self._now)
        try:
            with Database(url) as database, self._sandbox(clock, seed=seed) as sandbox:
                world = _world(database, sandbox, clock)
                for row in world.rows("SELECT * FROM report_sessions"):
                    sandbox.session_started(
                        row["project_id"], row["user_id"], row["session_number"],
                        _moment(row["first_seen"]),
                    )  # fmt: skip
                _deliver_again(sandbox, self._held)
                sandbox.add(*faults)
                yield Trial(
                    world, self._worker, url=url, clock_path=self._clock_path,
                    tried=tried or Tried(),
                )  # fmt: skip
        finally:
            clock.close()
            self._databases.drop(url)

    def count_points(self, do: str, *, stall: bool) -> int:
        """How many points there are in an undisturbed run or import."""
        if (do, stall) not in self._points:
            with self.trial() as trial:
                self._points[do, stall] = trial.run(do, stall=stall).points
        return self._points[do, stall]

    def expected(self, name: str) -> dict[str, Rows]:
        """What comes of it undisturbed: ``plain``, or ``changed`` or ``imported`` before."""
        if name not in self._expected:
            with self.trial() as trial:
                if name == "changed":
                    trial.change()
                elif name == "imported":
                    trial.run("import")
                trial.finish()
                self._expected[name] = compare.outcome(trial.world)
        return self._expected[name]


def _world(database: Database, sandbox: Sandbox, clock: SharedClock) -> World:
    world = World(database, sandbox, clock)
    world.definition = scenario.definition()
    world.secrets = SecretBox([scenario.SECRET_KEY])
    return world


def _moment(value: object) -> datetime:
    """A time as a view gives it: SQLite has no type for it."""
    return value if isinstance(value, datetime) else datetime.fromisoformat(f"{value}+00:00")


def _deliver_again(sandbox: Sandbox, held: list[StoredEnrichment]) -> None:
    """Give a new sandbox what an earlier one held, through its own endpoint."""

    def batch_of(one: StoredEnrichment) -> tuple[int, int]:
        return one.integration_id, one.integration_version

    known = {one.integration_id: one for one in scenario.sandbox_installations()}
    with requests.Session() as http:
        for (integration_id, version), batch in groupby(sorted(held, key=batch_of), batch_of):
            customer = known[integration_id]
            token = http.post(
                sandbox.auth_url,
                json={
                    "client_id": customer.client_id,
                    "client_secret": customer.client_secret,
                    "grant_type": "client_credentials",
                    "scope": "enrichment",
                    "integration_id": integration_id,
                },
                timeout=10,
            ).json()["access_token"]
            http.post(
                f"{sandbox.url}/v1/enrichments",
                json={
                    "integrationVersion": version,
                    "projectId": customer.project_id,
                    "enrichments": [
                        {
                            "userId": one.key.user_id,
                            "sessionNumber": one.key.session_number,
                            "enrichmentNumber": one.key.enrichment_number,
                            "enrichment": dict(one.fields),
                        }
                        for one in batch
                    ],
                },
                headers={"Authorization": f"Bearer {token}"},
                timeout=10,
            ).raise_for_status()
