"""Lets Hypothesis drive the machine: a few sequences in the suite, any number by hand."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.properties.databases import CopyOfDatabase, copies_of
from tests.properties.machine import Ledger
from tests.properties.scene import Scene

#: So small that a few calls make several pages and batches.
SMALL = {
    "collector.jobs.pages.PAGE": 3,
    "collector.domain.limits.MAX_BATCH": 4,
    "collector.jobs.supply.CANARY": 2,
    "collector.domain.batching.MAX_CULPRITS": 3,
}

SETTINGS = settings(
    deadline=None,
    database=None,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


def explore(examples: int, seed_number: int, dialect: str, *, steps: int = 40) -> Counter[str]:
    """Try so many sequences of so many steps on ``sqlite`` or ``postgresql``.

    Returns:
        What was tried: examples, steps, runs, requests, mishaps of requests, deaths.

    Raises:
        AssertionError: a truth was broken; the shortest sequence that breaks it is noted with it.
    """
    with copies_of(dialect) as copy_of_database:
        return try_sequences(
            copy_of_database,
            settings(SETTINGS, max_examples=examples, stateful_step_count=steps),
            seed_number,
        )


def try_sequences(
    copy_of_database: CopyOfDatabase, how: settings, seed_number: int | None = None
) -> Counter[str]:
    """As `explore`, with databases and settings that are at hand."""
    tried: Counter[str] = Counter()
    with Scene(copy_of_database) as scene, pytest.MonkeyPatch.context() as patch:
        for name, size in SMALL.items():
            patch.setattr(name, size)
        machine = type("Ledger", (Ledger,), {"scene": scene, "tried": tried})
        run_state_machine_as_test(
            machine if seed_number is None else seed(seed_number)(machine), settings=how
        )
    return tried
