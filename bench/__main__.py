"""Measures this software side by side with what people would use instead.

    python -m bench [NAME ...] [--quick] [--rounds 5] [--database sqlite]

Run by ``make bench``. Each benchmark starts what it needs, warms up, repeats, and stops what it
started. Prints a table of every figure with its goal, and writes the figures as JSON and a chart
beside it. docs/performance.md says what they mean, and what they do not.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench import publishing
from bench.comparing import Finding
from bench.databases import KINDS, Databases
from bench.running import Bench

#: Each is a module of this package with a function ``findings(bench)``.
NAMES = ("beacons", "job", "delivery", "imports")

WRITTEN = Path(__file__).parent / "results.json"

QUICK_SCALE = 0.02


def main() -> int:
    options = _options()
    started = time.monotonic()

    def say(what: str) -> None:
        print(f"{time.monotonic() - started:6.0f} s  {what}", file=sys.stderr, flush=True)

    found: list[Finding] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, Databases(Path(folder)) as made:
        bench = Bench(
            rounds=options.rounds or (1 if options.quick else 5),
            scale=QUICK_SCALE if options.quick else 1.0,
            kinds=options.database or KINDS,
            databases=made,
            folder=Path(folder),
            say=say,
        )
        for name in options.names or NAMES:
            say(f"{name}:")
            for finding in _findings(name, bench):
                say(publishing.sentence(finding))
                found.append(finding)
    print(publishing.table(found))
    if options.quick:
        print("A quick look: the sizes are too small for the figures to mean anything.")
    else:
        chart = options.json.with_suffix(".svg")
        publishing.draw(publishing.write(found, options.json), chart)
        print(f"Written: {options.json} and {chart}")
    return 0


def _findings(name: str, bench: Bench) -> Iterator[Finding]:
    findings: Iterator[Finding] = importlib.import_module(f"bench.{name}").findings(bench)
    yield from findings


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure side by side with what people would use instead.",
        epilog="All four take three quarters of an hour; --quick only shows that they work.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(NAMES)}")
    parser.add_argument("--quick", action="store_true", help="small sizes, one round, no files")
    parser.add_argument("--rounds", type=int, help="how often each is measured [default: 5]")
    parser.add_argument(
        "--database", action="append", choices=KINDS, help="only this kind; may be repeated"
    )
    parser.add_argument(
        "--json", type=Path, default=WRITTEN, help=f"where figures go [{WRITTEN.name}]"
    )
    options = parser.parse_args()
    if not options.quick and publishing.file_system(Path(tempfile.gettempdir())) == "tmpfs":
        parser.error("the temporary folder is in memory; name one on a disk: TMPDIR=FOLDER")
    if unknown := set(options.names) - set(NAMES):
        parser.error(f"no benchmark is named {', '.join(sorted(unknown))}; choose from {NAMES}")
    return options


if __name__ == "__main__":
    sys.exit(main())
