"""Measures how long a file of a million call records takes, beside pandas that checks nothing.

Both read the same file into a database of their own, each in a process of its own. Ours checks
every record, compares it with what is stored, and keeps the indexes that matching asks; the other
side writes one table without any.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench import imports_calls
from bench.comparing import Finding, Goal, in_turn
from bench.imports_calls import PROJECT
from bench.running import Bench, FailedError, Ran, run
from collector import resources
from collector.storage.secrets import generate_key

LINES = 1_000_000

#: At least a third of the speed, in bounded memory.
_SPEED = Goal(at_least=1 / 3)
_MEMORY = Goal(at_most=200)

#: A record that could not be read was told.
_SOME_REFUSED = 1

_TOLD = re.compile(r"(\d+) read: (\d+) new, (\d+) updated, (\d+) unchanged, 0 passed over, (\d+)")


def findings(bench: Bench) -> Iterator[Finding]:
    """All figures of this benchmark."""
    lines = bench.sized(LINES, least=1_000)
    environment = _environment(bench.folder)
    files = [bench.folder / f"{name}.csv" for name in ("first", "later", "random")]
    imports_calls.write(files[0], lines, seed=1)
    imports_calls.write(files[1], lines, seed=2, later=True)
    imports_calls.write(files[2], lines, seed=3, random_ids=True)
    for kind in bench.kinds:
        yield from _against_pandas(bench, kind, lines, files[0], environment)
        yield from _other_imports(bench, kind, lines, files, environment)
    for path in files:
        path.unlink()


def _against_pandas(
    bench: Bench, kind: str, lines: int, path: Path, environment: Mapping[str, str]
) -> Iterator[Finding]:
    """A fresh import into an empty project, beside pandas by either way."""
    memory: list[float] = []

    def ours() -> float:
        bench.say(f"import of {lines} lines, {kind}")
        url = bench.databases.create(kind)
        imports_calls.install(url)
        ran = _import(path, url, environment)
        bench.databases.drop(url)
        _check(ran, lines)
        memory.append(ran.peak_megabytes)
        return lines / ran.seconds

    def by(way: str) -> float:
        bench.say(f"pandas and {way} of {lines} lines, {kind}")
        url = bench.databases.create(kind, migrated=False)
        ran = run(["-m", "bench.imports_script", way, str(path), url])
        bench.databases.drop(url)
        return lines / ran.seconds

    ways = ["to_sql", "copy"] if kind == "postgresql" else ["to_sql"]
    contestants = {way: lambda way=way: by(way) for way in ways}
    speeds = in_turn(bench.rounds, ours=ours, **contestants)
    for way in ways:
        yield Finding(
            benchmark="imports",
            database=kind,
            what="speed of an import",
            unit="lines/s",
            ours=speeds["ours"],
            theirs=speeds[way],
            against=f"pandas.read_csv and {way.replace('copy', 'COPY')}",
            goal=_SPEED,
            notes={"lines": lines},
        )
    yield Finding(
        benchmark="imports",
        database=kind,
        what="memory of an import, at its peak",
        unit="MB",
        ours=memory,
        goal=_MEMORY,
    )


def _other_imports(
    bench: Bench, kind: str, lines: int, files: list[Path], environment: Mapping[str, str]
) -> Iterator[Finding]:
    """What else is imported, once each: it has no goal."""
    first, later, random_ids = files
    url = bench.databases.create(kind)
    imports_calls.install(url)
    _import(first, url, environment)
    bench.say(f"the same again, {kind}")
    again = _import(first, url, environment)
    _check(again, lines, new=False)
    bench.say(f"beside as many calls, {kind}")
    beside = _import(later, url, environment)
    _check(beside, lines)
    bench.databases.drop(url)
    url = bench.databases.create(kind)
    imports_calls.install(url)
    bench.say(f"random ids, {kind}")
    at_random = _import(random_ids, url, environment)
    _check(at_random, lines)
    bench.databases.drop(url)
    for what, ran in (
        ("speed of the same file again, all unchanged", again),
        ("speed of an import beside as many calls", beside),
        ("speed of an import of calls with random ids", at_random),
    ):
        yield Finding(
            benchmark="imports",
            database=kind,
            what=what,
            unit="lines/s",
            ours=[lines / ran.seconds],
            notes={"peak_megabytes": ran.peak_megabytes},
        )


def _import(path: Path, url: str, environment: Mapping[str, str]) -> Ran:
    return run(
        ["-m", "collector", "calls", "import", str(path), "--project-id", str(PROJECT)],
        {**environment, "COLLECTOR_DATABASE_URL": url},
        allowed=(0, _SOME_REFUSED),
    )


def _check(ran: Ran, lines: int, *, new: bool = True) -> None:
    """See that the import did what it was measured for.

    Raises:
        FailedError: it did something else.
    """
    told = _TOLD.search(ran.output)
    bad = imports_calls.bad_of(lines)
    expected = [lines, lines - bad, 0, 0, bad] if new else [lines, 0, 0, lines - bad, bad]
    if told is None or [int(number) for number in told.groups()] != expected:
        raise FailedError(f"The import should have told {expected}:\n{ran.output[-2000:]}")


def _environment(folder: Path) -> dict[str, str]:
    """The settings, with the example's definition that reads the caller and what was answered."""
    example = resources.path("examples") / "phone-calls"
    definition = (example / "integration.toml").read_text(encoding="utf-8")
    definition = definition.replace('# caller = "caller"', 'caller = "caller"').replace(
        '# [[calls.answered]]\n# column = "status"\n# is = ["completed"]',
        '[[calls.answered]]\ncolumn = "status"\nis = ["completed"]',
    )
    path = folder / "integration.toml"
    path.write_text(definition, encoding="utf-8")
    schema = "schema.v1.json"
    (folder / schema).write_text((example / schema).read_text(encoding="utf-8"), encoding="utf-8")
    return {"COLLECTOR_INTEGRATION": str(path), "COLLECTOR_SECRET_KEY": generate_key()}
