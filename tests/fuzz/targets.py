"""What is fuzzed, and by what: each a function that a process of its own runs.

`python -m tests.fuzz.targets NAME JOURNAL INPUTS SEED` is that process; `tests.fuzz` starts and
watches it.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import structlog

from tests.fuzz.journal import Journal

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

#: Hypothesis keeps what it has tried; with a new round it begins anew.
ROUND = 1000

#: So many inputs from one weighing to the next.
WEIGHED = 500


#: Caches that fill, and pages of the allocator. A leak of 700 bytes an input is more.
MAY_GROW = 48 * 1024 * 1024

#: libFuzzer keeps each input that has reached something new, and what it reached.
MAY_GROW_GUIDED = 128 * 1024 * 1024


class Trying(Protocol):
    """Tries inputs one by one."""

    def try_one(self, data: bytes) -> None:
        """Raises if the product does what it must not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """``run`` is told where to write what it tries, how many inputs, and the seed.

    ``may_grow`` is what the last three quarters of the inputs may add to its memory.
    """

    about: str
    run: Callable[[Journal, int, int], None]
    may_grow: int = MAY_GROW


def _document(journal: Journal, inputs: int, seed_number: int) -> None:
    from tests.fuzz import over_http

    over_http.run(journal, inputs, seed_number)


def _beacons() -> tuple[AbstractContextManager[Trying], SearchStrategy[bytes]]:
    from tests.fuzz.beacon import INPUTS, Beacons

    return Beacons(), INPUTS


def _records() -> tuple[AbstractContextManager[Trying], SearchStrategy[bytes]]:
    from tests.fuzz.records import INPUTS, Records

    return Records(), INPUTS


def _chosen(
    load: Callable[[], tuple[AbstractContextManager[Trying], SearchStrategy[bytes]]],
) -> Callable[[Journal, int, int], None]:
    """By Hypothesis: mostly well-formed, with something odd in it; a failure is made small."""

    def run(journal: Journal, inputs: int, seed_number: int) -> None:
        from hypothesis import HealthCheck, given, seed, settings

        how = settings(
            deadline=None,
            database=None,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        )
        loaded, strategy = load()
        with loaded as target:
            while (left := inputs - journal.tried) > 0:

                @seed(seed_number + journal.tried)
                @settings(how, max_examples=min(ROUND, left))
                @given(strategy)
                def try_some(data: bytes) -> None:
                    with journal.trying(data):
                        target.try_one(data)

                try_some()
                journal.weigh()

    return run


def _guided(
    load: Callable[[], tuple[AbstractContextManager[Trying], SearchStrategy[bytes]]],
) -> Callable[[Journal, int, int], None]:
    """By atheris: bytes that reach code which none before has reached."""

    def run(journal: Journal, inputs: int, seed_number: int) -> None:
        import atheris

        with atheris.instrument_imports(include=["collector"]):
            loaded, _ = load()
        target = loaded.__enter__()  # libFuzzer ends the process

        def try_one(data: bytes) -> None:
            with journal.trying(data):
                target.try_one(data)
            if journal.tried % WEIGHED == 0:
                journal.weigh()

        options = [f"-atheris_runs={inputs}", f"-seed={seed_number or 1}", "-max_len=4096"]
        atheris.Setup([sys.argv[0], *options, "-verbosity=0", "-rss_limit_mb=0"], try_one)
        atheris.Fuzz()

    return run


TARGETS = {
    "document": Target(about="the OpenAPI document, by schemathesis", run=_document),
    "beacons": Target(about="beacons, by Hypothesis", run=_chosen(_beacons)),
    "records": Target(about="call records, by Hypothesis", run=_chosen(_records)),
    "beacons-guided": Target(
        about="beacons, by atheris", run=_guided(_beacons), may_grow=MAY_GROW_GUIDED
    ),
    "records-guided": Target(
        about="call records, by atheris", run=_guided(_records), may_grow=MAY_GROW_GUIDED
    ),
}


def main() -> None:
    """Run one target; what it finds ends it with a traceback."""
    name, journal, inputs, seed_number = sys.argv[1:]
    # What is refused is logged, a hundred thousand times.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    TARGETS[name].run(Journal(Path(journal)), int(inputs), int(seed_number))


if __name__ == "__main__":
    main()
