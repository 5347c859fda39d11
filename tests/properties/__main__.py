"""The long form: as many sequences as wanted, from a seed that repeats them.

    python -m tests.properties [--examples N] [--steps N] [--seed S]
                               [--database sqlite|postgresql]

Exit code 1 if a truth was broken; the sequence that breaks it is printed.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time

import structlog

from tests.conftest import DIALECTS
from tests.properties.exploring import explore


def main() -> None:
    """Explore as the arguments say; what breaks a truth ends it, with its sequence."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.properties", description="Try sequences, and see that all stays true."
    )
    parser.add_argument("--examples", type=int, default=100, metavar="N")
    parser.add_argument("--steps", type=int, default=40, metavar="N")
    parser.add_argument("--seed", type=int, default=0, metavar="S")
    parser.add_argument("--database", choices=DIALECTS, default="sqlite")
    asked = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    began = time.monotonic()
    tried = explore(asked.examples, asked.seed, asked.database, steps=asked.steps)
    told = ", ".join(f"{number} {name}" for name, number in sorted(tried.items()))
    sys.stdout.write(
        f"Nothing was found with seed {asked.seed} on {asked.database}: {told}, "
        f"{time.monotonic() - began:.0f} s\n"
    )


if __name__ == "__main__":
    main()
