"""What one process counts of its work, for `GET /metrics`: beacons, commits, waiting, answers.

What is counted with each beacon is found once, when the process starts.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from flask import Flask, Response, g, request

from collector.domain.outcomes import ACCEPTED, KEY_IGNORED, REMEDIES
from collector.web.slots import Count, Level, Slots, Spread

#: Where the event loop leaves when a request was there.
BEGUN = "collector.begun"

#: What is counted by `Meter.beacon` though it has no remedy, besides those that have one.
_OUTCOMES = (ACCEPTED, KEY_IGNORED, *REMEDIES, "database_unavailable", "too_busy", "internal_error")

#: In seconds. A lone beacon takes a few milliseconds, the slowest wait for a lock of the database.
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

#: Up to `collector.web.committing.MAX_TOGETHER`.
SIZES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """A metric as it is told: its kind for Prometheus, its help, and the names of its labels."""

    kind: str
    about: str
    labels: tuple[str, ...] = ()


BEACONS = "collector_beacons"
BEACON_SECONDS = "collector_beacon_duration_seconds"
COMMIT_BEACONS = "collector_commit_beacons"
COMMIT_SECONDS = "collector_commit_duration_seconds"
WAITING = "collector_beacons_waiting"
WAITING_LIMIT = "collector_beacons_waiting_limit"
ANSWERS = "collector_http_responses"

FAMILIES: Mapping[str, Family] = {
    BEACONS: Family(
        kind="counter",
        about="Beacons by what became of them: accepted, key_ignored besides, or the refusal's "
        "code.",
        labels=("outcome",),
    ),
    BEACON_SECONDS: Family(
        kind="histogram",
        about="From when a beacon was there until it was answered; express: by the event loop.",
        labels=("lane",),
    ),
    COMMIT_BEACONS: Family(kind="histogram", about="Beacons that were written together."),
    COMMIT_SECONDS: Family(
        kind="histogram", about="From the first statement of such a write to its last byte on disk."
    ),
    WAITING: Family(
        kind="gauge",
        about="Beacons that wait to be on disk now; parked: in the event loop, threads: in threads "
        "of Flask.",
        labels=("place",),
    ),
    WAITING_LIMIT: Family(
        kind="gauge", about="How many may wait before others are answered 503.", labels=("place",)
    ),
    ANSWERS: Family(
        kind="counter",
        about="Answers to all requests but posted beacons; the endpoint is empty where there is "
        "none.",
        labels=("endpoint", "status"),
    ),
}


class Meter:
    """The numbers of one process."""

    def __init__(self, slots: Slots, *, parked: int, waiting: int) -> None:
        """Find the slots.

        Args:
            parked: how many beacons may wait in the event loop.
            waiting: how many may in threads.
        """
        self.slots = slots
        count, spread = partial(Count, slots), partial(Spread, slots)
        self._beacons = {outcome: count(f"{BEACONS}|{outcome}") for outcome in _OUTCOMES}
        self.express = spread(f"{BEACON_SECONDS}|express", SECONDS)
        self.flask = spread(f"{BEACON_SECONDS}|flask", SECONDS)
        self.commit_beacons = spread(COMMIT_BEACONS, SIZES)
        self.commit_seconds = spread(COMMIT_SECONDS, SECONDS)
        self.parked = Level(slots, f"{WAITING}|parked")
        self.waiting = Level(slots, f"{WAITING}|threads")
        Level(slots, f"{WAITING_LIMIT}|parked").set(parked)
        Level(slots, f"{WAITING_LIMIT}|threads").set(waiting)
        self._answers: dict[tuple[str, int], Count] = {}

    def beacon(self, outcome: str) -> Count:
        """The count of beacons with this outcome."""
        found = self._beacons.get(outcome)
        if found is None:
            found = self._beacons[outcome] = Count(self.slots, f"{BEACONS}|{outcome}")
        return found

    def answered(self, endpoint: str, status: int) -> None:
        """A request was answered that was no beacon."""
        found = self._answers.get((endpoint, status))
        if found is None:
            name = f"{ANSWERS}|{endpoint}|{status}"
            found = self._answers[endpoint, status] = Count(self.slots, name)
        found.add()


def install(app: Flask, meter: Meter, *, beacons: str) -> None:
    """Have all that the application answers counted.

    Args:
        beacons: the endpoint of beacons, which are counted by their outcome instead.
    """

    @app.before_request
    def begin() -> None:
        meter.slots.open()
        g.begun = request.environ.get(BEGUN) or time.perf_counter()

    @app.after_request
    def end(response: Response) -> Response:
        if request.endpoint == beacons:
            meter.flask.add(time.perf_counter() - g.begun)
        else:
            meter.answered(request.endpoint or "", response.status_code)
        return response
