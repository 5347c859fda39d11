"""How long beacons take while sessions are removed, beside how long they take without.

    python -m bench.purging [SESSIONS]

One beacon after the other is stored by this process, while another process purges. The figures
stand in docs/operating.md; nothing of it is a test.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from bench.databases import KINDS, Databases
from collector.domain.beacon import Beacon
from collector.domain.identifiers import parse_session_key
from collector.domain.installation import Installation
from collector.jobs.purge import Purger
from collector.jobs.purge_all import purge
from collector.storage import installations, sessions
from collector.storage.database import Database
from tests.aged import RETENTION

#: So long beacons are stored without a purge, in seconds; with one until it ends.
SECONDS = 15

#: All began within the month before this, which is older than what is kept.
AGED = timedelta(days=100)

MOMENT = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f000', :at, '-' || (i * 2) || ' seconds')",
    "postgresql": "CAST(:at AS timestamptz) - i * interval '2 seconds'",
}
ROWS = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :sessions),
seen AS (SELECT i, {moment} AS at FROM n)
"""
SESSION = """
INSERT INTO session (project_id, user_id, session_number, first_seen, last_seen, beacons)
{rows} SELECT 162, 'u' || ((i * 7919) % :sessions), 1, at, at, 1 FROM seen
"""
SIGHTING = """
INSERT INTO sighting
    (project_id, kind, value, user_id, session_number, first_seen, last_seen)
{rows} SELECT 162, 'visitor_id', 'v' || i, 'u' || ((i * 7919) % :sessions), 1, at, at FROM seen
"""


def main() -> None:
    if len(sys.argv) > 2:
        _purge(sys.argv[2])
        return
    number = int(sys.argv[1]) if sys.argv[1:] else 1_000_000
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder, Databases(Path(folder)) as made:
        for kind in KINDS:
            _measure(kind, made.create(kind), number)


def _measure(kind: str, url: str, number: int) -> None:
    with Database(url) as database:
        _fill(database, number)
        until = time.monotonic() + SECONDS
        _tell(kind, "without", _beacons(database, "a", lambda: time.monotonic() < until))
        with subprocess.Popen([sys.executable, "-m", "bench.purging", "purge", url]) as purging:
            until = time.monotonic() + 20 * SECONDS
            begun = time.perf_counter()
            going = _beacons(
                database, "b", lambda: purging.poll() is None and time.monotonic() < until
            )
            _tell(kind, f"beside {time.perf_counter() - begun:.0f} s of purge", going)
            purging.terminate()


def _fill(database: Database, number: int) -> None:
    at = f"{datetime.now(UTC) - AGED:%Y-%m-%d %H:%M:%S}+00"
    with database.write() as connection:
        shop = Installation(
            project_id=162, integration_id=42, name="Shop", client_id="c", integration_version=1,
            origins=("https://shop.example",), region="FR",
        )  # fmt: skip
        installations.add(connection, shop, "sealed", datetime.now(UTC))
        rows = ROWS.format(moment=MOMENT[connection.dialect.name])
        for statement in (SESSION, SIGHTING):
            connection.execute(
                sa.text(statement.format(rows=rows)),
                {"sessions": number, "at": at if not database.is_sqlite else at[:-3]},
            )


def _purge(url: str) -> None:
    with Database(url) as database:
        begun = time.perf_counter()
        report = purge(Purger(database=database, retention=RETENTION), None)
        seconds = time.perf_counter() - begun
        print(f"purged in {seconds:.0f} s: {report.as_json()['projects'][0]['removed']}")


def _beacons(database: Database, name: str, going: Callable[[], bool]) -> list[float]:
    taken: list[float] = []
    while going():
        key = parse_session_key(f"{name}{len(taken)}.1")
        beacon = Beacon(project_id=162, session=key, keys={"visitor_id": f"{name}{len(taken)}"})
        begun = time.perf_counter()
        sessions.record(database, beacon, datetime.now(UTC))
        taken.append(time.perf_counter() - begun)
        time.sleep(0.01)
    return taken


def _tell(kind: str, when: str, taken: list[float]) -> None:
    ordered = sorted(taken)
    shown = [f"{ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000:.1f}"
             for share in (0.5, 0.95, 0.99, 1)]  # fmt: skip
    print(f"{kind}, {when}: {len(taken)} beacons, median/95%/99%/longest {'/'.join(shown)} ms",
          flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
