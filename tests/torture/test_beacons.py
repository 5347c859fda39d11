"""The short form: the server is killed under load, then stopped, and nothing is missing."""

from __future__ import annotations

import signal
from pathlib import Path

import sqlalchemy as sa

from collector.storage.database import Database
from collector.storage.tables import SightingRow
from tests.torture.beacon_kills import end_under_load, kill_repeatedly, missing
from tests.torture.beacon_load import Told

SEED = 3


def test_what_was_acknowledged_is_there_however_the_server_ends(
    database_url: str, database: Database, tmp_path: Path
) -> None:
    told = Told()
    (killed,) = kill_repeatedly(database_url, tmp_path, told, times=1, seed=SEED, longest=0.4)
    assert killed.acknowledged > 0
    assert killed.missing == []
    # Told to stop, it finishes what it has.
    server = end_under_load(database_url, tmp_path, told, 0.1, signal.SIGTERM)
    assert server.process.returncode == 0
    assert told.refused == []
    assert missing(database, told) == []
    with database.write() as connection:
        connection.execute(sa.delete(SightingRow).where(SightingRow.user_id == "user-0"))
    assert "user-0.1" in "".join(missing(database, told))  # a loss would be told
