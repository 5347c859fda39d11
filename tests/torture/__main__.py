"""The long form: tries hundreds of points on both databases, and tells what it found.

Run by ``make torture``. Exit code 1 if anything differed, with the command that repeats it.

    python -m tests.torture [--database sqlite|postgresql|both] [--points N|all] [--seed S]
                            [--only VARIANT] [--at POINT] [--lanes N]
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import defaultdict

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests.conftest import DIALECTS
from tests.torture.lanes import Planned, Result, Wanted, work
from tests.torture.variants import VARIANTS

#: How many points of each variant, where nothing else is said: as many as take ten minutes.
POINTS = 24
POINTS_OF = {"kill": 300, "import": 100}


def main() -> int:
    """Try what the arguments say; returns the exit code."""
    asked = _arguments()
    names = asked.only or list(VARIANTS)
    wanted = Wanted(
        databases=DIALECTS if asked.database == "both" else (asked.database,),
        points={name: _number(asked.points, name) for name in names},
        at=tuple(asked.at),
        seed=asked.seed,
    )
    began = time.monotonic()
    results: list[Result] = []
    interrupted = False
    try:
        _try(wanted, asked.lanes, results)
    except KeyboardInterrupt:
        interrupted = True  # then what was found until now is told
    console = Console()
    for name in names:
        console.print(f"[bold]{name:>7}[/bold]  {VARIANTS[name].sentence}")
    console.print(_table(results))
    different = [result for result in results if result.difference is not None]
    console.print(
        f"{len(results)} trials with seed {wanted.seed}, {_sum(results, 'kills')} kills, "
        f"{_sum(results, 'runs')} runs, {len(different)} differences, "
        f"{time.monotonic() - began:.0f} s"
    )
    return 1 if different else 130 if interrupted else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.torture", description="Kill the job, and see that it does not matter."
    )
    parser.add_argument("--database", choices=[*DIALECTS, "both"], default="both")
    parser.add_argument(
        "--points",
        type=_number_or_all,
        metavar="N|all",
        help=f"how many of each variant, or all; else {POINTS}, but {POINTS_OF['kill']} of kill",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=1, help="another one tries other points")
    parser.add_argument(
        "--only", choices=list(VARIANTS), action="append", help="this variant (may be repeated)"
    )
    parser.add_argument(
        "--at", type=int, action="append", default=[], help="just this point (may be repeated)"
    )
    parser.add_argument("--lanes", type=int, default=os.cpu_count() or 1, help="trials at a time")
    return parser.parse_args()


def _number_or_all(text: str) -> str:
    if text != "all" and int(text) < 1:
        raise ValueError
    return text


def _number(points: str | None, name: str) -> int | None:
    """How many points of this variant; None for every one."""
    if points is None:
        return POINTS_OF.get(name, POINTS)
    return None if points == "all" else int(points)


def _try(wanted: Wanted, lanes: int, results: list[Result]) -> None:
    """Try everything, with a bar for each database and variant."""
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bars = {
            (database, name): progress.add_task(f"{database}, {name}", total=None, start=False)
            for database in wanted.databases
            for name in wanted.points
        }
        planned: dict[tuple[str, str], int] = defaultdict(int)
        for item in work(wanted, lanes):
            bar = bars[item.database, item.variant]
            if isinstance(item, Planned):
                planned[item.database, item.variant] += item.trials
                progress.update(bar, total=planned[item.database, item.variant])
                progress.start_task(bar)
            else:
                results.append(item)
                progress.advance(bar)
                if item.difference is not None:
                    progress.console.print(_told(item, wanted.seed))


def _table(results: list[Result]) -> Table:
    table = Table(title="What was tried, and found", box=box.SIMPLE, padding=(0, 1, 0, 0))
    for heading in ("database", "variant"):
        table.add_column(heading)
    numbers = ("points", "kills", "stalls", "runs", "requests", "differ", "seconds")
    for heading in numbers:
        table.add_column(heading, justify="right")
    grouped: dict[tuple[str, str], list[Result]] = defaultdict(list)
    for result in results:
        grouped[result.database, result.variant].append(result)
    for (database, name), group in grouped.items():
        table.add_row(
            database,
            name,
            str(len(group)),
            *(str(_sum(group, what)) for what in ("kills", "stalls", "runs", "requests")),
            str(sum(result.difference is not None for result in group)),
            f"{sum(result.seconds for result in group):.0f}",
        )
    return table


def _sum(results: list[Result], what: str) -> int:
    return sum(getattr(result.tried, what) for result in results)


def _told(result: Result, seed: int) -> str:
    at = ", ".join(result.tried.points)
    return (
        f"[bold]{result.database}, {result.variant}, point {result.point}[/bold] "
        f"({escape(at)}): {escape(str(result.difference))}\n"
        f"  repeat it: python -m tests.torture --database {result.database} "
        f"--only {result.variant} --at {result.point} --seed {seed}"
    )


if __name__ == "__main__":
    sys.exit(main())
