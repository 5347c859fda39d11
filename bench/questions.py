"""How long the questions of docs/analysts.md take on a large database, and what an export costs.

    python -m bench.job_loading URL 1 100000 1000000 1000 7    # a million sessions of 30 days
    python -m bench.questions URL
    python -m bench.questions URL report_sessions csv

Each question is asked of the last seven days, once to warm up and three times more. The times stand
in docs/analysts.md; nothing of it is a test.
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median

from bench.running import run
from collector.storage.database import Database
from tests.analysts.page import queries

ROUNDS = 3

#: The page's week ends before this day.
PAGES_END = date(2026, 3, 9)


def main() -> None:
    url, *wanted = sys.argv[1:]
    if wanted:
        _export(url, *wanted)
        return
    shift = datetime.now(UTC).date() + timedelta(days=1) - PAGES_END
    with Database(url) as database:
        for question, query in queries(database.dialect).items():
            seconds, rows = _asked(database, _moved(query, shift))
            print(f"{seconds * 1000:9.1f} ms {rows:8} rows  {question}", flush=True)


def _export(url: str, view: str, form: str) -> None:
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        target = Path(folder) / f"{view}.{form}"
        exporting = ["-m", "collector", "export", view, "-o", str(target)]
        ran = run(exporting, {"COLLECTOR_DATABASE_URL": url})
        size = target.stat().st_size / 1e6
        print(f"{ran.seconds:.1f} s, {ran.peak_megabytes:.0f} MB in memory, {size:.0f} MB written")


def _moved(query: str, shift: timedelta) -> str:
    """The same question of another week."""
    return re.sub(
        r"2026-0[23]-\d\d", lambda day: f"{date.fromisoformat(day[0]) + shift:%Y-%m-%d}", query
    )


def _asked(database: Database, query: str) -> tuple[float, int]:
    taken, rows = [], 0
    for _ in range(ROUNDS + 1):
        with database.read() as connection:
            begun = time.perf_counter()
            plain = {"no_parameters": True}
            rows = len(connection.exec_driver_sql(query, execution_options=plain).all())
            taken.append(time.perf_counter() - begun)
    return median(taken[1:]), rows


if __name__ == "__main__":
    main()
