"""The long form of killing the server under load, run by ``make torture``.

Exit code 1 if an acknowledged beacon was missing.

    python -m tests.torture.beacons [--kills 50] [--seed S] [--database sqlite|postgresql|both]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import track

from collector.storage import migrate
from collector.storage.database import Database
from tests.conftest import DIALECTS
from tests.postgres import PostgresServer
from tests.torture.beacon_kills import kill_repeatedly
from tests.torture.beacon_load import Told


def main() -> int:
    asked = _arguments()
    console, errors = Console(), Console(stderr=True)
    began, is_well = time.monotonic(), True
    for dialect in DIALECTS if asked.database == "both" else (asked.database,):
        acknowledged, lost = 0, 0
        with _database(dialect) as (url, folder):
            kills = kill_repeatedly(url, folder, Told(), times=asked.kills, seed=asked.seed)
            for killed in track(kills, f"{dialect}, beacons", total=asked.kills, console=errors):
                acknowledged += killed.acknowledged
                lost += len(killed.missing)
                for line in killed.missing[:10]:
                    errors.print(line)
        is_well &= lost == 0 < acknowledged
        console.print(
            f"{dialect}: the server was killed {asked.kills} times under load, seed {asked.seed}: "
            f"{acknowledged} beacons were acknowledged, {lost} of them are not as they should be"
        )
    console.print(f"{time.monotonic() - began:.0f} s")
    return 0 if is_well else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.torture.beacons",
        description="Kill the server under load, and look for every acknowledged beacon.",
    )
    parser.add_argument("--kills", type=int, default=50, help="on each database [default: 50]")
    parser.add_argument("--seed", type=int, default=1, help="another one kills at other moments")
    parser.add_argument("--database", choices=[*DIALECTS, "both"], default="both")
    return parser.parse_args()


@contextmanager
def _database(dialect: str) -> Iterator[tuple[str, Path]]:
    # A short path: PostgreSQL's socket lives in it, and socket paths are limited.
    with tempfile.TemporaryDirectory(
        prefix="sc-",
        dir="/tmp",
        ignore_cleanup_errors=True,  # the server may still be removing its files
    ) as name:
        folder = Path(name)
        if dialect == "sqlite":
            url = f"sqlite:///{folder}/beacons.db"
            with Database(url) as database:
                migrate.upgrade(database)
            yield url, folder
            return
        server = PostgresServer(folder)
        try:
            yield server.url(server.create(server.template)), folder
        finally:
            server.stop()


if __name__ == "__main__":
    sys.exit(main())
