"""How right the matching is, measured on made-up visits and calls of which the truth is known.

Run by ``make bench-matching``. Prints precision and recall by rule, their spread over the seeds,
and how they depend on what is hardest; writes bench/matching_quality.json. docs/matching.md says
what the numbers mean.

    python -m bench.matching_quality [--seed 11 12 13] [--calls 20000] [--vary] [--set unseen=0.5 …]
        [--window 7m] [--database URL]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from bench.matching_run import Quality, Score, run
from bench.matching_world import BEGIN, Scenario, make
from collector.domain.altering import Alteration
from collector.domain.definition import Matching
from collector.domain.identifiers import TRACKING_NUMBER
from collector.domain.installation import Installation
from collector.domain.times import parse_duration
from collector.storage import installations, migrate
from collector.storage.database import Database

WRITTEN = Path(__file__).with_suffix(".json")

#: What precision depends on most, from easy to hard.
VARIED: Sequence[tuple[str, Sequence[float]]] = (
    ("unseen", (0.1, 0.5)),
    ("pool", (2.0, 0.5)),
    ("later", (0.0, 0.05)),
    ("redialled", (0.0, 0.15)),
)


@contextmanager
def emptied(url: str | None, projects: int) -> Iterator[Database]:
    """A database with these projects and nothing else: a new SQLite file, or the one at ``url``."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Database(url or f"sqlite:///{folder}/matching.db") as database,
    ):
        if url:
            migrate.downgrade(database, "base")
        migrate.upgrade(database)
        with database.write() as connection:
            for project_id in range(1, projects + 1):
                installations.add(connection, _installation(project_id), "sealed", BEGIN)
        yield database


def _installation(project_id: int) -> Installation:
    return Installation(
        project_id=project_id,
        integration_id=project_id,
        name=f"Project {project_id}",
        client_id="c",
        integration_version=1,
        origins=("https://shop.example",),
        region="FR",
    )


def measure(scenario: Scenario, seed: int, rules: Matching, url: str | None = None) -> Quality:
    """The quality of the matching in one world."""
    with emptied(url, scenario.projects) as database:
        return run(database, make(scenario, seed), rules)


def as_json(quality: Quality) -> dict[str, Any]:
    """The counts and shares of one measurement."""
    return {
        "whole": _score(quality.whole),
        "rules": {rule: _score(score) for rule, score in sorted(quality.rules.items())},
        "verdicts": dict(quality.verdicts),
        "mistakes": {" / ".join(at): n for at, n in quality.mistakes.most_common()},
    }


def _score(score: Score) -> dict[str, Any]:
    return {
        "right": score.right,
        "wrong": score.wrong,
        "precision": round(score.precision, 5),
        "recall": round(score.recall, 5) if score.findable else None,
    }


def _print(label: str, qualities: Sequence[Quality]) -> None:
    shares = [quality.whole.precision for quality in qualities]
    recalls = [quality.whole.recall for quality in qualities]
    right = sum(quality.whole.right for quality in qualities)
    wrong = sum(quality.whole.wrong for quality in qualities)
    _say(
        f"{label:<24} precision {right / max(1, right + wrong):8.3%} "
        f"({min(shares):.3%} to {max(shares):.3%}), "
        f"recall {sum(recalls) / len(recalls):6.2%}, {right} right, {wrong} wrong"
    )


def _print_rules(qualities: Sequence[Quality]) -> None:
    for rule in sorted({rule for quality in qualities for rule in quality.rules}):
        right = sum(quality.rules[rule].right for quality in qualities)
        wrong = sum(quality.rules[rule].wrong for quality in qualities)
        _say(f"  {rule:<22} precision {right / max(1, right + wrong):8.3%}, {right} right, "
             f"{wrong} wrong")  # fmt: skip


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, nargs="+", default=[11, 12, 13])
    parser.add_argument("--calls", type=int, default=20000)
    parser.add_argument("--vary", action="store_true", help="vary the hardest parameters too")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=NUMBER")
    parser.add_argument("--window", help="of the tracking number, instead of the default")
    parser.add_argument("--database", help="URL of a database that is EMPTIED; default: SQLite")
    return parser.parse_args()


def _scenario(arguments: argparse.Namespace) -> Scenario:
    known = {name: type(value) for name, value in asdict(Scenario()).items()}
    changes: dict[str, Any] = {"calls": arguments.calls}
    for setting in arguments.set:
        name, _, number = setting.partition("=")
        changes[name] = known[name](float(number))
    return replace(Scenario(), **changes)


def main() -> None:
    """Measure, print, and write."""
    arguments = _arguments()
    scenario = _scenario(arguments)
    rules = Matching()
    if arguments.window:
        window = {TRACKING_NUMBER: parse_duration(arguments.window)}
        rules = Alteration(windows=window).of(rules)

    def several(one: Scenario) -> list[Quality]:
        return [measure(one, seed, rules, arguments.database) for seed in arguments.seed]

    standard = several(scenario)
    _print("as assumed", standard)
    _print_rules(standard)
    document: dict[str, Any] = {
        "scenario": asdict(scenario),
        "seeds": {
            seed: as_json(quality) for seed, quality in zip(arguments.seed, standard, strict=True)
        },
        "varied": [],
    }
    for name, numbers in VARIED if arguments.vary else ():
        for number in numbers:
            changed: dict[str, Any] = {name: number}
            qualities = several(replace(scenario, **changed))
            _print(f"{name} = {number}", qualities)
            document["varied"] += [{"parameter": name, "value": number, **as_json(quality)}
                                   for quality in qualities]  # fmt: skip
    WRITTEN.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
