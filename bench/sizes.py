"""Measures what is stored takes on disk: by row of each table, and by beacon in PostgreSQL's log.

    python -m bench.sizes [--sessions 1000000] [--database sqlite|postgresql]

docs/scale.md reckons with these figures. They are counted, not timed: other work on the machine
changes nothing. Sessions come by the way of beacons, calls and enrichments are those of a project
that the benchmark of the job makes up.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from bench.databases import KINDS, Databases
from bench.job_loading import load
from bench.job_world import FIRST_PROJECT, ProjectWorld, Size, begun
from collector.domain.beacon import Beacon
from collector.domain.identifiers import SessionId
from collector.storage import sightings
from collector.storage.database import Database
from collector.storage.secrets import SecretBox, generate_key
from collector.storage.sightings import Seen

#: Beacons that share a commit: what was measured under load, and what is quick to load.
SHARED, LOADED = 25, 1000

#: So many beacons of each kind tell what one costs in the log.
LOGGED = 20_000

#: Half of the sessions tell a visitor id, one in twenty a reference, each a number.
KNOWN, REFERRED = 0.5, 0.05

TABLES = ("session", "sighting", "call", "call_key", "enrichment", "batch")

_SIZES = {
    "postgresql": """
        SELECT pg_table_size(oid), pg_indexes_size(oid) FROM pg_class
        WHERE relname = :name AND relkind = 'r'
    """,
    "sqlite": """
        SELECT sum(CASE WHEN m.type = 'table' THEN s.pgsize END),
               sum(CASE WHEN m.type = 'index' THEN s.pgsize END)
        FROM dbstat s JOIN sqlite_master m ON m.name = s.name WHERE m.tbl_name = :name
    """,
}


class Visits:
    """Visits of one project, spread over thirty days, each of a user of its own."""

    def __init__(self, began: datetime) -> None:
        self._began = began
        self._chance = random.Random(1)  # noqa: S311 - it has to be repeatable
        self._number = 0

    def new(self, number: int) -> list[Seen]:
        """The first beacons of so many sessions."""
        return [self._first() for _ in range(number)]

    def _first(self) -> Seen:
        self._number += 1
        chance = self._chance
        keys = {"tracking_number": f"+3319900{chance.randrange(10_000):04d}"}
        if chance.random() < KNOWN:
            keys["visitor_id"] = f"v-{chance.randrange(16**12):012x}"
        if chance.random() < REFERRED:
            keys["reference"] = f"basket-{self._number}"
        user = "-".join(f"{chance.randrange(16**part):0{part}x}" for part in (8, 4, 4, 4, 12))
        session = SessionId(user_id=user, session_number=1)
        beacon = Beacon(project_id=FIRST_PROJECT, session=session, keys=keys)
        return Seen(beacon=beacon, now=self._began + timedelta(seconds=2.6 * self._number))


def main() -> None:
    asked = _arguments()
    with tempfile.TemporaryDirectory() as folder, Databases(Path(folder)) as databases:
        for kind in asked.database:
            url = databases.create(kind)
            print(f"{kind}, {asked.sessions} sessions by beacons")
            _sessions(url, asked.sessions)
            url = databases.create(kind)
            size = Size(recent=asked.sessions // 10, sessions=asked.sessions, calls=20_000)
            load(url, [ProjectWorld(FIRST_PROJECT, size, begun(), 1)], SecretBox([generate_key()]))
            print(f"{kind}, a project of {asked.sessions} sessions in bulk, one in ten with a call")
            with Database(url) as database:
                _tell_tables(database)


def _sessions(url: str, number: int) -> None:
    visits = Visits(datetime.now(UTC) - timedelta(days=30))
    with Database(url, writes_much=True) as database:
        for _ in range(number // LOADED):
            sightings.write(database, visits.new(LOADED), {})
        if not database.is_sqlite:
            first = visits.new(LOGGED)
            again = [Seen(beacon=s.beacon, now=s.now + timedelta(minutes=1)) for s in first]
            random.Random(2).shuffle(again)  # noqa: S311
            for what, seen in (("a session's first beacon", first), ("a further one", again)):
                print(f"  {what}: {_logged(database, seen):.0f} bytes of WAL")
        _tell_tables(database)


def _logged(database: Database, seen: Sequence[Seen]) -> float:
    """Bytes of the log for each, some while after a checkpoint."""
    before = _position(database)
    for place in range(0, len(seen), SHARED):
        sightings.write(database, seen[place : place + SHARED], {})
    return (_position(database) - before) / len(seen)


def _position(database: Database) -> int:
    with database.read() as connection:
        return int(connection.scalar(sa.text("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn")) or 0)


def _tell_tables(database: Database) -> None:
    with database.read() as connection:
        for name in TABLES:
            rows = connection.scalar(sa.text(f'SELECT count(*) FROM "{name}"'))  # noqa: S608
            if rows:
                table, indexes = connection.execute(
                    sa.text(_SIZES[database.dialect]), {"name": name}
                ).one()
                print(
                    f"  {name}: {rows} rows, {table / rows:.0f} bytes each, and "
                    f"{(indexes or 0) / rows:.0f} of indexes"
                )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.sizes", description=__doc__)
    parser.add_argument("--sessions", type=int, default=1_000_000)
    parser.add_argument("--database", nargs="*", choices=KINDS, default=[*KINDS])
    return parser.parse_args()


if __name__ == "__main__":
    main()
