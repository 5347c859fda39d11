"""A newer version migrates the database while this one serves beacons and does the job."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from collector.errors import NotMigratedError
from collector.sandbox import Sandbox
from collector.storage import revisions
from collector.storage.database import Database
from tests.faults import load
from tests.faults.test_disk import end
from tests.sandbox_fixtures import PHONE_CALL_INSTALLATION
from tests.storage.newer import Newer, newer
from tests.web import serving
from tests.world import Clock, World

__all__ = ["newer"]

#: What adds, to each of the tables that beacons and the job write to, in the order of their locks.
MORE = "; ".join(
    [
        *(
            f'op.add_column("{table}", sa.Column("made_up", sa.Integer, server_default="7"))'
            for table in ("installation", "session", "sighting", "call", "enrichment")
        ),
        'op.create_table("made_up", sa.Column("project_id", sa.BigInteger, primary_key=True))',
    ]
)


# Where whoever waits for a table keeps others waiting; SQLite has one writer at a time anyway.
@pytest.mark.parametrize("dialect", ["postgresql"])
def test_servers_and_jobs_go_on_through_the_upgrade_of_a_newer_version(
    database_url: str, database: Database, newer: Newer, tmp_path: Path
) -> None:
    load.install(database)
    server = serving.start(database_url, "--processes", "1", folder=tmp_path)
    try:
        with load.loaded(server.url) as told:
            newer(
                database,
                'online.create_index("made_up_ix", "session", ["project_id", "beacons"])',
                said=f"oldest_program = {revisions.newest()!r}",
            )
            told.wait_for_more()
            newer(database, MORE, said=f"oldest_program = {revisions.newest()!r}")
            told.wait_for_more()
        assert told.refusals == set(), server.log()
        assert told.acknowledged == load.stored(database)
        assert requests.get(f"{server.url}/readyz", timeout=30).ok
        the_job_goes_on(database)
        newer(database, 'op.drop_column("session", "made_up")')
        ready = requests.get(f"{server.url}/readyz", timeout=30)
        assert (ready.status_code, ready.headers["X-Collector-Error"]) == (503, "not_migrated")
        with pytest.raises(NotMigratedError, match="Install the version that has migrated it"):
            revisions.require_usable(database)
    finally:
        end(server)


def the_job_goes_on(database: Database) -> None:
    clock = Clock()
    with Sandbox([PHONE_CALL_INSTALLATION], now=clock) as sandbox:
        world = World(database, sandbox, clock)
        world.edit(load.PROJECT, **credentials(world))
        world.visit("a.1", visitor_id="a")
        world.call(visitor_id="a")
        assert world.run().funnel.verdicts["accepted"] == 1


def credentials(world: World) -> dict[str, object]:
    return {
        "integration_id": 42,
        "client_id": PHONE_CALL_INSTALLATION.client_id,
        "client_secret": world.secrets.seal(PHONE_CALL_INSTALLATION.client_secret),
    }
