"""Tries many points, a part of them in each of several processes."""

from __future__ import annotations

import logging
import queue
import signal
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.queues import Queue
from pathlib import Path
from types import FrameType

import structlog

from collector.storage import migrate
from collector.storage.database import Database
from tests.postgres import PostgresServer
from tests.torture import plan
from tests.torture.compare import DifferenceError
from tests.torture.databases import PostgresCopies, SqliteFiles
from tests.torture.stage import Stage
from tests.torture.trial import Tried
from tests.torture.variants import VARIANTS


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What is to be tried: of each variant so many points, None for every one, or just ``at``."""

    databases: tuple[str, ...]
    points: dict[str, int | None]
    at: tuple[int, ...] = ()
    seed: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """So many trials of this are to come."""

    database: str
    variant: str
    trials: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """How one trial went; ``difference`` is what was found, if anything."""

    database: str
    variant: str
    point: int
    tried: Tried
    difference: str | None
    seconds: float


def work(wanted: Wanted, lanes: int) -> Iterator[Planned | Result]:
    """Try everything, and tell as it goes on."""
    context = get_context("spawn")
    said: Queue[Planned | Result | None] = context.Queue()
    processes = [
        context.Process(target=_lane, args=(wanted, index, lanes, said)) for index in range(lanes)
    ]
    for process in processes:
        process.start()
    try:
        running = lanes
        while running:
            try:
                item = said.get(timeout=1)
            except queue.Empty:
                if any(process.exitcode for process in processes):
                    raise RuntimeError("a lane has failed; see above") from None
                continue
            if item is None:
                running -= 1
            else:
                yield item
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _lane(wanted: Wanted, index: int, lanes: int, said: Queue[Planned | Result | None]) -> None:
    """Try every ``lanes``-th of the points, from the ``index``-th on."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started the lanes also ends them
    signal.signal(signal.SIGTERM, _leave)  # so that nothing stays behind
    for database in wanted.databases:
        with set_up(database) as stage:
            for name, number in wanted.points.items():
                total = VARIANTS[name].count_points(stage)
                chosen = wanted.at or plan.choose(total, number, f"{wanted.seed} {name}")
                mine = chosen[index::lanes]
                said.put(Planned(database=database, variant=name, trials=len(mine)))
                for point in mine:
                    said.put(_try(stage, database, name, point, wanted.seed))
    said.put(None)


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def _try(stage: Stage, database: str, name: str, point: int, seed: int) -> Result:
    began = time.monotonic()
    tried, difference = Tried(), None
    try:
        VARIANTS[name].try_at(stage, point, seed, tried)
    except DifferenceError as error:
        difference = str(error)
    except Exception as error:  # noqa: BLE001
        # What a trial was not made for must not end all the others.
        difference = "".join(traceback.format_exception(error))
    return Result(
        database=database,
        variant=name,
        point=point,
        tried=tried,
        difference=difference,
        seconds=time.monotonic() - began,
    )


@contextmanager
def set_up(database: str) -> Iterator[Stage]:
    """A stage on a database server of its own."""
    # A short path: PostgreSQL's socket lives in it, and socket paths are limited.
    with tempfile.TemporaryDirectory(
        prefix="sc-",
        dir="/tmp",
        ignore_cleanup_errors=True,  # the server may still be removing its files
    ) as folder:
        if database == "sqlite":
            migrated = Path(folder) / "migrated.db"
            with Database(f"sqlite:///{migrated}") as opened:
                migrate.upgrade(opened)
            with Stage(SqliteFiles(migrated, Path(folder))) as stage:
                yield stage
            return
        server = PostgresServer(Path(folder))
        try:
            with Stage(PostgresCopies(server)) as stage:
                yield stage
        finally:
            server.stop()
