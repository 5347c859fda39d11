"""PostgreSQL dies under load, stays away and comes back: nothing acknowledged is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests

from collector.contentsquare import Answer, EnrichmentApi
from collector.errors import DatabaseUnavailableError
from collector.sandbox import Sandbox
from collector.storage.database import Database
from tests.faults import load
from tests.faults.outage import outage
from tests.postgres import PostgresServer
from tests.sandbox_fixtures import PHONE_CALL_INSTALLATION
from tests.world import Clock, World

pytestmark = pytest.mark.parametrize("dialect", ["postgresql"])


def test_beacons_are_asked_to_come_again_until_the_database_is_back(
    database_url: str, database: Database, postgres: PostgresServer, tmp_path: Path
) -> None:
    load.install(database)
    with outage(database_url, postgres, tmp_path) as (told, url):
        ready = requests.get(f"{url}/readyz", timeout=30)
        assert (ready.status_code, ready.headers["X-Collector-Error"]) == (
            503,
            "database_unavailable",
        )
        assert requests.get(f"{url}/healthz", timeout=30).ok
    assert told.refusals == {(503, "database_unavailable", "5")}
    assert told.acknowledged <= load.stored(database)


class CutOff:
    """The API's client, while whose next request the database dies."""

    def __init__(self, api: EnrichmentApi, postgres: PostgresServer) -> None:
        self._api = api
        self._postgres = postgres

    def send(self, *given: Any, **named: Any) -> Answer:
        answer = self._api.send(*given, **named)
        self._postgres.crash()
        return answer


def test_a_job_whose_database_dies_ends_clearly_and_the_next_one_goes_on(
    database: Database, postgres: PostgresServer
) -> None:
    clock = Clock()
    with Sandbox([PHONE_CALL_INSTALLATION], now=clock) as sandbox:
        world = World(database, sandbox, clock)
        world.install()
        for visitor in "abc":
            world.visit(f"{visitor}.1", visitor_id=visitor)
            world.call(visitor_id=visitor)
        with EnrichmentApi(sandbox.auth_url) as api:
            job = world.job(sender=CutOff(api, postgres))
            try:
                with pytest.raises(DatabaseUnavailableError, match="that the database is running"):
                    job.run()
            finally:
                postgres.start()
        world.check()
        held = dict(world.held)
        assert len(held) == 3  # they had arrived, and nobody has written it down
        clock.forward(minutes=6)
        report = world.run()
        assert report.funnel.verdicts["accepted"] == 3
        assert world.held.keys() == held.keys()
