"""What one process counts of its work, for `GET /metrics`: beacons, commits, waiting, answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import structlog
from flask import Flask, Response, g, request
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
)
from prometheus_client.core import Metric

from collector.domain.outcomes import ACCEPTED, KEY_IGNORED, REMEDIES
from collector.web import sharing

#: Where the event loop leaves when a request was there.
BEGUN = "collector.begun"

#: What is counted by `Meter.beacon` though it has no remedy, besides those that have one.
_OUTCOMES = (ACCEPTED, KEY_IGNORED, *REMEDIES, "database_unavailable", "too_busy", "internal_error")

#: In seconds. A lone beacon takes a few milliseconds, the slowest wait for a lock of the database.
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

#: Up to `collector.web.committing.MAX_TOGETHER`.
SIZES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)


_log = structlog.get_logger(__name__)


class Meter:
    """The numbers of one process."""

    def __init__(self, folder: Path | None, *, parked: int, waiting: int) -> None:
        """Make the metrics, and find once what is counted with each beacon.

        Args:
            folder: where the processes of the server count together; None in one that is alone.
            parked: how many beacons may wait in the event loop.
            waiting: how many may in threads.

        Raises:
            OSError: the folder cannot be used.
        """
        disable_created_metrics()  # of processes together there are none
        self._registry = CollectorRegistry()
        if folder is None:
            sharing.alone()
        self._told = self._registry if folder is None else sharing.Folder(folder)
        self._count_beacons()
        self._count_commits()
        self._tell_levels(parked, waiting)
        self._answers = Counter(
            "collector_http_responses",
            "Answers to all requests but posted beacons; the endpoint is empty where there is "
            "none.",
            ("endpoint", "status"),
            registry=self._registry,
        )

    def _count_beacons(self) -> None:
        self._beacons = Counter(
            "collector_beacons",
            "Beacons by what became of them: accepted, key_ignored besides, or the refusal's code.",
            ("outcome",),
            registry=self._registry,
        )
        for outcome in _OUTCOMES:
            self._beacons.labels(outcome)  # told from the start, as 0
        seconds = Histogram(
            "collector_beacon_duration_seconds",
            "From when a beacon was there until it was answered; express: by the event loop.",
            ("lane",),
            buckets=SECONDS,
            registry=self._registry,
        )
        self.express, self.flask = seconds.labels("express"), seconds.labels("flask")

    def _count_commits(self) -> None:
        self.commit_beacons = Histogram(
            "collector_commit_beacons",
            "Beacons that were written together.",
            buckets=SIZES,
            registry=self._registry,
        )
        self.commit_seconds = Histogram(
            "collector_commit_duration_seconds",
            "From the first statement of such a write to its last byte on disk.",
            buckets=SECONDS,
            registry=self._registry,
        )

    def _tell_levels(self, parked: int, waiting: int) -> None:
        level = partial(Gauge, multiprocess_mode="livesum", registry=self._registry)
        level("collector_server_processes", "Processes of the server that live.").set(1)
        self.limits_alone = level(
            "collector_limits_alone",
            "Processes that cannot reach the Redis of COLLECTOR_LIMITS_URL, and count for "
            "themselves.",
        )
        self.limits_alone.set(0)
        now = level(
            "collector_beacons_waiting",
            "Beacons that wait to be on disk now; parked: in the event loop, threads: in threads "
            "of Flask.",
            ("place",),
        )
        limit = level(
            "collector_beacons_waiting_limit",
            "How many may wait before others are answered 503.",
            ("place",),
        )
        self.parked, self.waiting = now.labels("parked"), now.labels("threads")
        # A file may still have those of a process that had the same id.
        self.parked.set(0)
        self.waiting.set(0)
        limit.labels("parked").set(parked)
        limit.labels("threads").set(waiting)

    def collect(self) -> Iterable[Metric]:
        """What all processes of the server have counted, for a registry of prometheus-client."""
        return self._told.collect()

    def beacon(self, outcome: str) -> Counter:
        """The count of beacons with this outcome."""
        return self._beacons.labels(outcome)

    def answered(self, endpoint: str, status: int) -> None:
        """A request was answered that was no beacon."""
        self._answers.labels(endpoint, status).inc()


def begin(folder: str, *, parked: int, waiting: int) -> Meter:
    """The meter of this process, which counts for itself alone where the folder cannot be used."""
    if folder:
        try:
            return Meter(Path(folder), parked=parked, waiting=waiting)
        except Exception as error:  # noqa: BLE001 - a beacon must not fail for a statistic
            _log.warning("metrics_not_shared", error=str(error))
    return Meter(None, parked=parked, waiting=waiting)


def install(app: Flask, meter: Callable[[], Meter], *, beacons: str) -> None:
    """Have all that the application answers counted.

    Args:
        meter: the one of this process, made at its first request.
        beacons: the endpoint of beacons, which are counted by their outcome instead.
    """

    @app.before_request
    def begin() -> None:
        g.begun = request.environ.get(BEGUN) or time.perf_counter()

    @app.after_request
    def end(response: Response) -> Response:
        if request.endpoint == beacons:
            meter().flask.observe(time.perf_counter() - g.begun)
        else:
            meter().answered(request.endpoint or "", response.status_code)
        return response
