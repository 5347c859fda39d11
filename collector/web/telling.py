"""Makes Prometheus's metrics of what the database says, and of which version this is."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Iterable, Iterator
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily, Metric

from collector.domain.verdicts import Verdict
from collector.storage.measures import Measures, Project
from collector.web.measured import Reading

_VERSION = importlib.metadata.version("session-collector")

#: An installation is in one of these.
STATES = ("active", "paused", "problem")


class Told:
    """What one scrape tells besides what is counted, for a registry of prometheus-client."""

    def __init__(self, reading: Reading | None, now: datetime) -> None:
        self._reading, self._now = reading, now

    def collect(self) -> Iterator[Metric]:
        yield _gauge(
            "collector_build_info",
            "This software; the value is always 1.",
            ("version", "python"),
            [((_VERSION, platform.python_version()), 1)],
        )
        reading = self._reading
        yield _gauge(
            "collector_database_up",
            "Whether the database answered, in time, what follows.",
            (),
            [((), int(reading is not None))],
        )
        if reading is not None:
            yield _gauge(
                "collector_database_read_seconds",
                "How long the database took to answer what follows.",
                (),
                [((), reading.seconds)],
            )
            yield from _measured(reading.measures, self._now)


def _measured(measures: Measures, now: datetime) -> Iterator[Metric]:
    projects = measures.projects
    yield from _of_calls(projects)
    yield from _of_enrichments(projects, now)
    yield from _of_installations(projects)
    yield _gauge(
        "collector_last_run_timestamp_seconds",
        "When the job last ended with this outcome.",
        ("job_name", "outcome"),
        [((each.job, each.outcome), each.ended_at.timestamp()) for each in measures.ended],
    )


def _of_calls(projects: Iterable[Project]) -> Iterator[Metric]:
    yield _gauge(
        "collector_calls",
        "Calls by their verdict.",
        ("project", "verdict"),
        [
            ((str(each.project_id), verdict.value), each.calls.get(verdict, 0))
            for each in projects
            for verdict in Verdict
        ],
    )
    yield _gauge(
        "collector_batches_last_hour",
        "Batches that were sent within the last hour, by outcome and status of HTTP; the status is "
        "empty where no answer came.",
        ("project", "outcome", "status"),
        [
            ((str(each.project_id), outcome, "" if status is None else str(status)), number)
            for each in projects
            for (outcome, status), number in each.batches.items()
        ],
    )


def _of_enrichments(projects: Iterable[Project], now: datetime) -> Iterator[Metric]:
    yield _gauge(
        "collector_enrichments_pending",
        "Enrichments that are to be sent.",
        ("project",),
        [((str(each.project_id),), each.pending) for each in projects],
    )
    yield _gauge(
        "collector_enrichments_expiring",
        "Those pending whose deadline comes within 24 hours, or has passed.",
        ("project",),
        [((str(each.project_id),), each.expiring) for each in projects],
    )
    yield _gauge(
        "collector_deadline_slack_seconds",
        "Time until the first deadline of a pending enrichment; below 0 it has passed. Missing "
        "where nothing is pending.",
        ("project",),
        [
            ((str(each.project_id),), (each.first_deadline - now).total_seconds())
            for each in projects
            if each.first_deadline is not None
        ],
    )


def _of_installations(projects: Iterable[Project]) -> Iterator[Metric]:
    yield _gauge(
        "collector_installation_state",
        "1 for the state that the installation is in, 0 for the others.",
        ("project", "state"),
        [
            ((str(each.project_id), state), int(each.state == state))
            for each in projects
            for state in STATES
        ],
    )
    yield _gauge(
        "collector_lease_held",
        "1 while a job is at work for the installation.",
        ("project",),
        [((str(each.project_id),), int(each.is_leased)) for each in projects],
    )
    yield _gauge(
        "collector_last_beacon_timestamp_seconds",
        "When the last beacon was accepted. Missing where none ever was.",
        ("project",),
        [
            ((str(each.project_id),), each.last_beacon.timestamp())
            for each in projects
            if each.last_beacon is not None
        ],
    )


def _gauge(
    name: str,
    about: str,
    labels: tuple[str, ...],
    values: Iterable[tuple[tuple[str, ...], float]],
) -> Metric:
    metric = GaugeMetricFamily(name, about, labels=labels)
    for given, value in values:
        metric.add_metric(given, value)
    return metric
