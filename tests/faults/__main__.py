"""The long form: PostgreSQL dies under load, again and again, and stays away for a minute.

Run by ``make torture``. Exit code 1 if an acknowledged beacon was missing.

    python -m tests.faults [--times 3] [--seconds 60]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from collector.storage.database import Database
from tests.faults import load
from tests.faults.outage import outage
from tests.postgres import PostgresServer


def main() -> int:
    asked = _arguments()
    console, is_well = Console(), True
    # A short path: PostgreSQL's socket lives in it, and socket paths are limited.
    with tempfile.TemporaryDirectory(prefix="sc-", dir="/tmp", ignore_cleanup_errors=True) as name:
        postgres = PostgresServer(Path(name))
        try:
            for seconds in [0.0] * asked.times + [asked.seconds]:
                is_well &= _once(postgres, Path(name), seconds, console)
        finally:
            postgres.stop()
    return 0 if is_well else 1


def _once(postgres: PostgresServer, folder: Path, seconds: float, console: Console) -> bool:
    url = postgres.url(postgres.create(postgres.template))
    with Database(url) as database:
        load.install(database)
        with outage(url, postgres, folder) as (told, _):
            time.sleep(seconds)
            begun = time.monotonic()
        missing = told.acknowledged - load.stored(database)
    refused = sum(number for status, number in told.answers.items() if status != 204)
    console.print(
        f"PostgreSQL died under load and stayed away for {seconds:.0f} s: "
        f"{len(told.acknowledged)} beacons acknowledged, {len(missing)} of them missing, "
        f"{refused} answered 503; {told.longest_silence:.1f} s without an acknowledgement, "
        f"{time.monotonic() - begun:.1f} s from its start to the server's end"
    )
    return not missing


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--times", type=int, default=3, help="it dies and is started at once")
    parser.add_argument("--seconds", type=float, default=60, help="then it stays away so long")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
