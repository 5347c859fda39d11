"""One trial: the scenario, set up anew, with the means to disturb it and to see what came of it."""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.torture import compare, scenario
from tests.torture.compare import DifferenceError
from tests.torture.processes import Ended, Worker
from tests.world import World

#: Longer than a lease, and than a request may take to arrive after all.
LAPSE_MINUTES = 6

#: So many runs at most until everything is done; the faults end before.
MOST_RUNS = 24
FAULTY_RUNS = 12

#: How long the sandbox may take with the requests that it was sent, in real seconds.
PATIENCE_SECONDS = 20.0

READ_TIMEOUT = 30.0


@dataclass(kw_only=True, slots=True)
class Tried:
    """What a trial has done."""

    runs: int = 0
    kills: int = 0
    stalls: int = 0
    requests: int = 0
    points: list[str] = field(default_factory=list)


class Trial:
    """The scenario, set up anew, with the means to disturb it."""

    def __init__(
        self, world: World, worker: Worker, *, url: str, clock_path: Path, tried: Tried
    ) -> None:
        self.world = world
        self.began = world.clock()
        self.tried = tried
        self._worker = worker
        self._url = url
        self._clock_path = clock_path
        self._before = len(world.sandbox.requests)
        self._counted = 0
        self._begun = 0
        self._written: dict[int, int] = {}

    def begin(self, do: str = "reconcile", **order: Any) -> int:
        """Have a child start, and do not wait for it; returns its id."""
        self.tried.runs += 1
        self._begun += 1
        return self._worker.begin(
            **{
                "do": do, "at": 0, "stall": False, "seed": self._begun,
                "database": self._url, "clock": str(self._clock_path),
                "auth_url": self.world.sandbox.auth_url, "read_timeout": READ_TIMEOUT,
                "since": self.began.isoformat(), **order,
            }
        )  # fmt: skip

    def wait(self, pid: int) -> Ended:
        """How a child ended. Raises `DifferenceError` if it failed."""
        return self._note(self._worker.wait(pid))

    def run(self, do: str = "reconcile", **order: Any) -> Ended:
        """One child, to its end or to the point at which it is killed."""
        return self.wait(self.begin(do, **order))

    def go_on(self, stopped: Ended) -> Ended:
        """Wake what stalls, and wait for its end."""
        return self._note(self._worker.go_on(stopped.pid))

    def _note(self, ended: Ended) -> Ended:
        self._written[ended.pid] = ended.written
        if ended.was_killed or ended.is_stopped:
            self.tried.kills += ended.was_killed
            self.tried.stalls += ended.is_stopped
            self.tried.points.append(ended.said)
        elif not ended.is_well:
            raise DifferenceError(f"a run failed ({ended.how} {ended.number}): {ended.said}")
        return ended

    def be_quiet(self) -> None:
        """Wait until every request that was written has been dealt with, then look."""
        until = time.monotonic() + PATIENCE_SECONDS
        while self._on_their_way:
            if time.monotonic() > until:
                raise DifferenceError(f"{self._on_their_way} requests never reached the sandbox")
            time.sleep(0.002)
        self.tried.requests += self._seen - self._counted
        self._counted = self._seen
        self.look()

    def look(self) -> None:
        """What is true at every moment at which nothing is on its way."""
        try:
            self.world.check()
        except AssertionError as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            raise DifferenceError(
                f"the ledger contradicts itself, see {where.filename}:{where.lineno}"
            ) from error
        compare.require_true(self.world)
        if self.world.sandbox.dropped:
            raise DifferenceError(f"sent too late: {self.world.sandbox.dropped[0].key}")

    @property
    def _seen(self) -> int:
        return len(self.world.sandbox.requests) - self._before

    @property
    def _on_their_way(self) -> int:
        return sum(self._written.values()) - self._seen

    def lapse(self) -> None:
        """Once nothing is on its way any more, let time pass until every lease has lapsed."""
        self.be_quiet()
        self.world.clock.forward(minutes=LAPSE_MINUTES)

    def finish(self, workers: int = 1) -> None:
        """Start the job again, so many at once, until everything is done."""
        for number in range(MOST_RUNS):
            if number == FAULTY_RUNS:
                self.world.sandbox.clear()
            self.lapse()
            for pid in [self.begin() for _ in range(workers)]:
                self.wait(pid)
            self.be_quiet()
            if not self._pending:
                return
        raise DifferenceError(f"after {MOST_RUNS} runs still pending: {self._pending}")

    @property
    def _pending(self) -> list[str]:
        rows = self.world.rows("SELECT call_id FROM call WHERE verdict = 'pending' ORDER BY 1")
        return [str(row["call_id"]) for row in rows]

    def change(self) -> None:
        """What happens while the job lies dead."""
        scenario.change(self.world, self.began)
