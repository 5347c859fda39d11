"""The process that is killed. It has everything imported, and forks a child for each order.

Orders come as lines of JSON on standard input, and each is answered by a line on standard output.
Run as ``python -m tests.torture.worker``.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import random
import signal
import sys
import traceback
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg as psycopg  # noqa: PLC0414 - else each child would import it anew
import structlog

from collector.contentsquare import Answer, EnrichmentApi
from collector.domain import limits
from collector.domain.installation import Installation
from collector.domain.reading import CallReader
from collector.jobs import import_calls, pages
from collector.jobs.reconcile import Job
from collector.sources.files import Line
from collector.storage import installations
from collector.storage.database import Database
from collector.storage.secrets import SecretBox
from tests.torture import scenario
from tests.torture.clock import SharedClock
from tests.torture.points import CAN_STALL, Points, Tally, end_of, kill_quietly

#: A child that has not ended by then, in real seconds, hangs, which is a fault.
PATIENCE_SECONDS = 60

#: Small, so that a few calls make many pages and batches.
PAGE = 3
MAX_BATCH = 4
CHUNK = 2

#: For all four customers, and for each of them; with one, everything happens in one order.
CONNECTIONS, CONNECTIONS_EACH = 3, 2


class PointedSender:
    """The API's client, with a point before it is asked to send."""

    def __init__(self, api: EnrichmentApi, points: Points) -> None:
        self._api = api
        self._points = points

    def send(self, *arguments: Any, **named: Any) -> Answer:
        self._points.reach("before sending")
        return self._api.send(*arguments, **named)


class Zygote:
    """Forks, waits, and tells."""

    def __init__(self) -> None:
        self._children: dict[int, Tally] = {}

    def serve(self) -> None:
        """Carry out orders until there are no more."""
        for line in sys.stdin:
            order = json.loads(line)
            print(json.dumps(self._carry_out(order)), flush=True)  # noqa: T201 - it is the answer
        for pid in self._children:
            kill_quietly(pid)

    def _carry_out(self, order: Mapping[str, Any]) -> dict[str, Any]:
        match order["do"]:
            case "wait":
                return self._wait(int(order["pid"]))
            case "go on":
                os.kill(int(order["pid"]), signal.SIGCONT)
                return self._wait(int(order["pid"]))
        tally = Tally()
        pid = os.fork()
        if pid == 0:
            _be_child(order, tally)
        self._children[pid] = tally
        return {"pid": pid}

    def _wait(self, pid: int) -> dict[str, Any]:
        _, status = os.waitpid(pid, os.WUNTRACED)
        how, number = end_of(status)
        told = self._children[pid].read()
        if how != "stopped":
            del self._children[pid]
        return {
            "pid": pid,
            "how": how,
            "number": number,
            "points": told.points,
            "written": told.written,
            "said": told.said,
        }


def _be_child(order: Mapping[str, Any], tally: Tally) -> None:
    """Carry out one order and end, without a return into the zygote's code."""
    code = 1
    try:
        signal.alarm(PATIENCE_SECONDS)
        stalls = order["stall"]
        points = Points(
            tally,
            order["at"],
            signal.SIGSTOP if stalls else signal.SIGKILL,
            CAN_STALL if stalls else None,
        )
        clock = SharedClock(Path(order["clock"]))
        with Database(order["database"]) as database:
            points.watch_database(database)
            if order["do"] == "import":
                _import(order, database, clock)
            else:
                _reconcile(order, database, clock, points)
        code = 0
    except BaseException as error:  # noqa: BLE001 - all that can be done is to tell
        tally.said = f"{type(error).__name__}: {error}"
        tally.note()
        traceback.print_exc()
    finally:
        os._exit(code)


def _reconcile(
    order: Mapping[str, Any], database: Database, clock: SharedClock, points: Points
) -> None:
    points.watch_http()
    with EnrichmentApi(
        order["auth_url"],
        sleep=points.pausing(lambda seconds: clock.forward(seconds=seconds)),
        monotonic=clock.monotonic,
        random=random.Random(order["seed"]).random,  # noqa: S311 - it has to be repeatable
        read_timeout=order["read_timeout"],
        connections=CONNECTIONS,
    ) as api:
        Job(
            database=database,
            definition=scenario.definition(),
            sender=PointedSender(api, points),
            secrets=SecretBox([scenario.SECRET_KEY]),
            clock=clock,
            monotonic=clock.monotonic,
            connections=CONNECTIONS,
            connections_per_installation=CONNECTIONS_EACH,
        ).run()


def _import(order: Mapping[str, Any], database: Database, clock: SharedClock) -> None:
    records = scenario.records(datetime.fromisoformat(order["since"]))
    lines = [Line(number=number, record=record) for number, record in enumerate(records, 2)]
    reader = CallReader.of(
        scenario.definition(), None, region=_installation(database).region, caller_hash=None
    )
    import_calls.Importer(
        database=database, project_id=scenario.SHOP, reader=reader, clock=clock
    ).run(lines, "calls.csv")


def _installation(database: Database) -> Installation:
    with database.read() as connection:
        return installations.get(connection, scenario.SHOP)


def main() -> None:
    """Serve as the process that everything is forked from."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    pages.PAGE = PAGE  # type: ignore[attr-defined]
    limits.MAX_BATCH = MAX_BATCH
    import_calls.CHUNK = CHUNK
    scenario.definition()
    gc.freeze()  # what a child does not touch, it does not copy
    gc.disable()
    Zygote().serve()


if __name__ == "__main__":
    main()
