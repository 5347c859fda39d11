"""Makes up a file of call records as a call platform exports them: a million lines, a few bad."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

from collector.domain.installation import Installation
from collector.storage import installations
from collector.storage.database import Database

PROJECT = 162

COLUMNS = (
    "call_id,started,duration_s,updated,status,dialled_number,caller,visitor_id,reference,"
    "call_center,rating"
)

#: One line in so many has no time, one as many a column too few.
BAD_ONE_IN = 10_000

#: How people and platforms write them. There are only so many numbers that nobody has; written in
#: many ways, they cost as much to read as those of as many more callers.
_CALLERS = (
    "+33199{0}{1}{2}", "0199{0}{1}{2}", "01 99 {0} {1} {2}", "+33 1 99 {0} {1} {2}",
    "01.99.{0}.{1}.{2}", "+33 199 {0}{1}{2}", "+33-1-99-{0}-{1}-{2}", "01-99-{0}-{1}-{2}",
    "0199 {0} {1} {2}", "+33.199.{0}.{1}.{2}",
)  # fmt: skip
_STATUS = ("completed", "completed", "completed", "completed", "no-answer", "busy")
_CENTRES = ("Lyon", "Lille", "Nantes", "Toulouse", "Strasbourg", "Saint-Étienne")
_INSTALLATION = Installation(
    project_id=PROJECT,
    integration_id=42,
    name="Shop",
    client_id="client",
    integration_version=1,
    origins=("https://shop.example",),
    region="FR",
)
_PARIS = timezone(timedelta(hours=1))


def write(
    path: Path, count: int, *, seed: int, random_ids: bool = False, later: bool = False
) -> None:
    """Write ``count`` records of the last thirty days, in the order of their start.

    Their ids grow with time, as those of most databases do, or are random, as some platforms' are.
    Ids that are ``later`` come after all others.
    """
    with path.open("w", encoding="utf-8", newline="") as stream:
        stream.write(f"{COLUMNS}\r\n")
        stream.writelines(_lines(random.Random(seed), count, random_ids=random_ids, later=later))  # noqa: S311 - no secret


def bad_of(count: int) -> int:
    """How many of so many lines cannot be read."""
    return (count + BAD_ONE_IN // 2 - 1) // BAD_ONE_IN + count // BAD_ONE_IN


def _lines(chance: random.Random, count: int, *, random_ids: bool, later: bool) -> Iterator[str]:
    begun = datetime.now(UTC).astimezone(_PARIS) - timedelta(days=30, hours=2)
    first = 2 * 10**8 if later else 10**8
    between = timedelta(days=30) / count
    for number in range(count):
        started = begun + number * between
        length = int(chance.expovariate(1 / 180))
        caller = chance.choice(_CALLERS).format(
            "00", f"{chance.randrange(100):02}", f"{chance.randrange(100):02}"
        )
        visitor = f"{chance.getrandbits(128):032x}" if chance.random() < 0.7 else ""
        reference = f"R-{chance.getrandbits(32):08x}" if chance.random() < 0.15 else ""
        rating = chance.choice(("", "", "1", "2", "3", "4", "4.5", "5"))
        told = "" if number % BAD_ONE_IN == BAD_ONE_IN // 2 else _written(started)
        call_id = f"CA{chance.getrandbits(128):032x}" if random_ids else f"c-{number + first}"
        line = (
            f"{call_id},{told},{length},"
            f"{_written(started + timedelta(seconds=length + 5))},{chance.choice(_STATUS)},"
            f"+331990011{chance.randrange(60):02},{caller},{visitor},{reference},"
            f"{chance.choice(_CENTRES)}"
        )
        short = number % BAD_ONE_IN == BAD_ONE_IN - 1
        yield f"{line}\r\n" if short else f"{line},{rating}\r\n"


def _written(time: datetime) -> str:
    return time.isoformat(timespec="seconds")


def install(url: str) -> None:
    """Add the installation whose calls these are."""
    with Database(url) as database, database.write() as connection:
        installations.add(connection, _INSTALLATION, "sealed", datetime.now(UTC))
