"""The long form: a hundred thousand inputs of each kind, from a seed that repeats them.

Run by ``make fuzz``. Exit code 1 if anything was found, with the input.

    python -m tests.fuzz [--inputs N] [--seed S] [--only TARGET] [--lanes N]
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests.fuzz.targets import TARGETS
from tests.fuzz.watching import Result, watch

INPUTS = 100_000

#: Of an input as much as fits on a few lines.
SHOWN = 600


def main() -> int:
    """Try what the arguments say; returns the exit code."""
    asked = _arguments()
    names = asked.only or [name for name in TARGETS if _is_there(name)]
    console = Console()
    results: dict[str, Result] = {}
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    )  # fmt: skip
    with (
        tempfile.TemporaryDirectory() as folder,
        Progress(*columns, console=Console(stderr=True)) as progress,
        ThreadPoolExecutor(asked.lanes) as lanes,
    ):

        def one(name: str) -> None:
            bar = progress.add_task(TARGETS[name].about, total=asked.inputs)
            results[name] = watch(
                name,
                asked.inputs,
                asked.seed,
                Path(folder),
                lambda tried: progress.update(bar, completed=tried),
            )
            progress.update(bar, completed=results[name].tried)

        list(lanes.map(one, names))
    console.print(_table(results), f"Seed {asked.seed}")
    for name, result in results.items():
        if result.problem is not None:
            _tell(console, name, result, asked.seed)
    for name in TARGETS:
        if not asked.only and not _is_there(name):
            console.print(f"{name}: not tried, since atheris is not installed (extra fuzz).")
    return 1 if any(result.problem for result in results.values()) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz", description="Try anything, and see that nothing fails."
    )
    parser.add_argument("--inputs", type=int, default=INPUTS, help="how many of each target")
    parser.add_argument("--seed", type=int, default=1, help="another one tries other inputs")
    parser.add_argument(
        "--only", choices=list(TARGETS), action="append", help="this target (may be repeated)"
    )
    parser.add_argument("--lanes", type=int, default=os.cpu_count() or 1, help="targets at a time")
    return parser.parse_args()


def _is_there(name: str) -> bool:
    return not name.endswith("-guided") or importlib.util.find_spec("atheris") is not None


def _table(results: dict[str, Result]) -> Table:
    table = Table(title="What was tried, and found", box=box.SIMPLE, padding=(0, 1, 0, 0))
    table.add_column("target")
    for heading in ("inputs", "failures", "slowest, ms", "MiB after ¼", "at the end", "seconds"):
        table.add_column(heading, justify="right")
    for name, result in results.items():
        table.add_row(
            name,
            f"{result.tried:,}",
            str(int(result.problem is not None)),
            f"{result.slowest * 1000:.0f}",
            str(result.before >> 20),
            str(result.after >> 20),
            f"{result.seconds:.0f}",
        )
    return table


def _tell(console: Console, name: str, result: Result, seed: int) -> None:
    console.print(f"\n{name}, input {result.tried + 1}: {result.input[:SHOWN]!r}", markup=False)
    console.print(result.problem, markup=False, highlight=False)
    console.print(
        f"repeat it: python -m tests.fuzz --only {name} --inputs {result.tried + 1} --seed {seed}"
    )


if __name__ == "__main__":
    sys.exit(main())
