"""Kills the server under full load, again and again, and looks for every acknowledged beacon.

SIGKILL, to all its processes at once, so that nothing can be finished or cleaned up. What was
acknowledged has to be in the database: the session, each of its keys, and as many beacons as were
acknowledged, while more than were sent would be one counted twice.
"""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from collector.domain.installation import Installation
from collector.storage import installations
from collector.storage.database import Database
from collector.storage.tables import SessionRow, SightingRow
from tests.torture.beacon_load import Told, keys_of, load_until_gone
from tests.web import serving

PROJECT = 162

#: The server is killed within so many seconds of its first answer.
LONGEST_SECONDS = 1.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Killed:
    """What was acknowledged until one kill, and what of it is missing, in words."""

    acknowledged: int
    missing: list[str]


def kill_repeatedly(
    url: str,
    folder: Path,
    told: Told,
    *,
    times: int,
    seed: int,
    longest: float = LONGEST_SECONDS,
) -> Iterator[Killed]:
    """Start the server, load it, kill it, and look; the next one finds what the last has left."""
    chance = random.Random(seed)  # noqa: S311 - it has to be repeatable
    with Database(url) as database:
        with database.write() as connection:
            installations.add(connection, _installation(), "sealed", datetime.now(UTC))
        for _ in range(times):
            before = told.acknowledged.total()
            end_under_load(url, folder, told, chance.uniform(0, longest), signal.SIGKILL)
            yield Killed(
                acknowledged=told.acknowledged.total() - before,
                missing=[*missing(database, told), *map(repr, told.refused)],
            )


def end_under_load(
    url: str, folder: Path, told: Told, seconds: float, number: signal.Signals
) -> serving.Serving:
    """A server from its start to its end by this signal, so long after its first answer."""
    # The load is one client on this machine, whom nobody limits, and one project.
    server = serving.start(url, "--processes", "2", folder=folder, COLLECTOR_LIMIT_PROJECT="off")
    try:
        load_until_gone(
            server.address,
            PROJECT,
            told,
            seconds,
            end=lambda: os.killpg(server.process.pid, number),
        )
        server.process.wait(serving.DEADLINE_SECONDS)
    finally:
        if server.process.poll() is None:
            os.killpg(server.process.pid, signal.SIGKILL)
            server.process.wait(serving.DEADLINE_SECONDS)
        assert server.process.stdout
        server.process.stdout.close()
    return server


def missing(database: Database, told: Told) -> list[str]:
    """What was acknowledged and is not there, or is there more often than it was sent."""
    with database.read() as connection:
        sessions = {
            f"{row.user_id}.{row.session_number}": row.beacons
            for row in connection.execute(
                sa.select(SessionRow.user_id, SessionRow.session_number, SessionRow.beacons)
            )
        }
        sightings = {
            (f"{row.user_id}.{row.session_number}", row.kind, row.value)
            for row in connection.execute(sa.select(SightingRow.__table__))
        }
    return [
        f"{session}: {told.sent[session]} sent, {number} acknowledged, "
        f"{sessions.get(session, 0)} stored, keys complete: {has_keys}"
        for session, number in told.acknowledged.items()
        if not (
            (has_keys := all((session, *key) in sightings for key in keys_of(session).items()))
            and number <= sessions.get(session, 0) <= told.sent[session]
        )
    ]


def _installation() -> Installation:
    return Installation(
        project_id=PROJECT,
        integration_id=1,
        name="Shop",
        client_id="c",
        integration_version=1,
        origins=("https://shop.example",),
        region="FR",
    )
