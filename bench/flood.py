"""What a flood of invented sessions with one tracking number does to its calls, and to the job.

    python -m bench.flood [--sessions 1000000] [--seen-again SECONDS] [--database sqlite]

The sessions are poured into the tables by SQL, as if that many beacons had been acknowledged within
ten minutes. One visitor who has the number all day makes five hundred calls before the flood, in
it, and later than the rule's window after it. Told are what becomes of each five hundred, and how
long it takes to look them up and decide. docs/security.md has the figures.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from bench.databases import KINDS, Databases
from collector.domain import matching
from collector.domain.beacon import Beacon
from collector.domain.call import Call
from collector.domain.definition import Matching
from collector.domain.identifiers import SessionId
from collector.domain.matching import Match
from collector.storage import candidates, sessions
from collector.storage.database import Database

PROJECT = 162
NUMBER = "+33199001234"
BEGUN = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LENGTH = timedelta(minutes=10)
PAGE = 500
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)

#: When calls are made, by the moment of the first; one follows each second.
CALLS = {
    "before it": BEGUN - 10 * MINUTE,
    "in it": BEGUN + MINUTE,
    "after it": BEGUN + LENGTH + 20 * MINUTE,
}

_INVENTED = """
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {number})
INSERT INTO {table} ({told}, project_id, user_id, session_number, first_seen, last_seen)
SELECT {values}, {project}, '{name}-' || i, 1, {first}, {last} FROM n
"""
_MOMENTS = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f000', '{begun}', '+' || ({seconds}) || ' seconds')",
    "postgresql": "timestamptz '{begun}+00' + ({seconds}) * interval '1 second'",
}


def pour(
    database: Database,
    number: int,
    begun: datetime,
    length: timedelta = LENGTH,
    *,
    seen_again: timedelta = timedelta(0),
) -> None:
    """Store that many sessions that were shown the tracking number, one after the other.

    Args:
        seen_again: so long after its first beacon each had its last.
    """

    def moment(seconds: str) -> str:
        return _MOMENTS[database.dialect].format(begun=begun.replace(tzinfo=None), seconds=seconds)

    since = f"i * {length.total_seconds() / number:.9f}"
    shared = {
        "number": number,
        "project": PROJECT,
        "name": f"forged-{begun:%d%H%M%S}",
        "first": moment(since),
        "last": moment(f"{since} + {seen_again.total_seconds()}"),
    }
    tables = {
        "session": ("beacons", "1"),
        "sighting": ("kind, value", f"'tracking_number', '{NUMBER}'"),
    }
    with database.write() as connection:
        for table, (told, values) in tables.items():
            text = _INVENTED.format(table=table, told=told, values=values, **shared)
            connection.exec_driver_sql(text.strip())


def visit(database: Database) -> None:
    """The real visitor: a beacon each five minutes, from two hours before to two hours after."""
    beacon = Beacon(
        project_id=PROJECT,
        session=SessionId(user_id="visitor", session_number=1),
        keys={"tracking_number": NUMBER},
    )
    for minutes in range(-120, 130, 5):
        sessions.record(database, beacon, BEGUN + minutes * MINUTE)


def calls_from(begun: datetime, number: int = PAGE) -> list[Call]:
    """As many calls of the number, a second apart."""
    return [
        Call(
            call_id=f"{begun:%H%M}-{place}",
            started_at=begun + place * SECOND / 2,
            ended_at=None,
            updated_at=None,
            keys={"tracking_number": NUMBER},
            attributes={},
        )
        for place in range(number)
    ]


def decided(database: Database, calls: Sequence[Call]) -> Counter[str]:
    """What becomes of calls by the default rules: matched, or the reason why not."""
    rules, now = Matching(), BEGUN + timedelta(hours=3)
    with database.read() as connection:
        found = candidates.of_calls(connection, PROJECT, calls, rules)
    answers = (matching.decide(call, found[call.call_id], rules, now) for call in calls)
    return Counter(
        "matched" if isinstance(answer, Match) else answer.reason.value for answer in answers
    )


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, Databases(Path(folder)) as made:
        for kind in options.database or KINDS:
            with Database(made.create(kind)) as database:
                visit(database)
                _tell(database, f"{kind}, no flood")
                again = timedelta(seconds=options.seen_again)
                begun = time.perf_counter()
                pour(database, options.sessions, BEGUN, seen_again=again)
                if kind == "postgresql":
                    with database.engine.connect() as connection:
                        connection.execution_options(isolation_level="AUTOCOMMIT").execute(
                            sa.text("ANALYZE")
                        )
                print(f"{kind}: poured in {time.perf_counter() - begun:.0f} s", flush=True)
                _tell(database, f"{kind}, {options.sessions} sessions")


def _tell(database: Database, what: str) -> None:
    for when, begun in CALLS.items():
        calls = calls_from(begun)
        decided(database, calls[:1])
        started = time.perf_counter()
        found = decided(database, calls)
        seconds = time.perf_counter() - started
        told = ", ".join(f"{number} {name}" for name, number in found.most_common())
        print(f"{what}: {PAGE} calls {when}: {seconds:.2f} s, {told}", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sessions", type=int, default=1_000_000)
    parser.add_argument("--seen-again", type=float, default=0, help="seconds")
    parser.add_argument("--database", action="append", choices=KINDS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
