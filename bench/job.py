"""The job beside the script that one would write instead, and beside its own past.

Each contestant is a process from its start to its end, on a fresh copy of the same database, with
a sandbox of its own that holds nothing yet.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bench.comparing import Finding, Goal, in_turn
from bench.job_loading import CLIENT_ID, CLIENT_SECRET, integration_id
from bench.job_sandbox import EXAMPLE, running
from bench.job_world import FIRST_PROJECT, Size
from bench.running import Bench, Ran, run
from collector.storage.secrets import generate_key

SEED = 6

SCRIPT = "pandas merge_asof and requests.post, remembering nothing"

#: A whole round takes about two minutes.
MOST_ROUNDS = 2


@dataclass(kw_only=True)
class Prepared:
    """A database to copy, and what the processes have to be told of it."""

    bench: Bench
    kind: str
    size: Size
    projects: int = 1
    key: str = field(default_factory=generate_key)
    url: str = ""
    since: str = ""

    def __post_init__(self) -> None:
        self.bench.say(f"  loading {self.projects} project(s) of {self.size} into {self.kind}")
        self.url = self.bench.databases.create(self.kind)
        size = (self.size.recent, self.size.sessions, self.size.calls)
        numbers = map(str, (self.projects, *size, SEED))
        environment = {"COLLECTOR_SECRET_KEY": self.key}
        ran = run(["-m", "bench.job_loading", self.url, *numbers], environment)
        self.since = ran.output.splitlines()[-1]

    @property
    def project_ids(self) -> range:
        return range(FIRST_PROJECT, FIRST_PROJECT + self.projects)

    def script(self) -> Ran:
        """The script, from its start to its end."""
        url = self.bench.databases.copy(self.url)
        projects = [f"{number}:{integration_id(number)}" for number in self.project_ids]
        with running(self.project_ids) as auth_url:
            told = (url, auth_url, CLIENT_ID, CLIENT_SECRET, self.since)
            ran = run(["-m", "bench.job_script", *told, *projects])
        self.bench.databases.drop(url)
        return ran

    def job(self) -> tuple[Ran, Ran]:
        """``reconcile``, and ``reconcile`` again, with nothing new."""
        url = self.bench.databases.copy(self.url)
        with running(self.project_ids) as auth_url:
            environment = {
                "COLLECTOR_DATABASE_URL": url,
                "COLLECTOR_SECRET_KEY": self.key,
                "COLLECTOR_AUTH_URL": auth_url,
                "COLLECTOR_INTEGRATION": str(EXAMPLE / "integration.toml"),
                "COLLECTOR_LOG_LEVEL": "warning",
            }
            reconcile = ["-m", "collector", "reconcile", "--json"]
            ran, again = run(reconcile, environment), run(reconcile, environment)
        self.bench.databases.drop(url)
        return ran, again

    def close(self) -> None:
        self.bench.databases.drop(self.url)


class Measured:
    """What the contestants' processes took, besides their seconds."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self.peaks: list[float] = []
        self.again: list[float] = []
        self.told: list[str] = []

    def ours(self, prepared: Prepared) -> float:
        ran, again = prepared.job()
        self.peaks.append(max(ran.peak_megabytes, again.peak_megabytes))
        self.again.append(again.seconds)
        self.told.append(_told(ran))
        self._bench.say(f"  the job: {ran.seconds:.1f} s, again {again.seconds:.2f} s")
        return ran.seconds

    def theirs(self, prepared: Prepared) -> float:
        ran = prepared.script()
        self._bench.say(f"  the script: {ran.seconds:.1f} s, {ran.peak_megabytes:.0f} MB")
        return ran.seconds


def findings(bench: Bench) -> Iterator[Finding]:
    bench = replace(bench, rounds=min(bench.rounds, MOST_ROUNDS))
    for kind in bench.kinds:
        yield from _one_project(bench, kind)
        yield from _ten_projects(bench, kind)


def _one_project(bench: Bench, kind: str) -> Iterator[Finding]:
    recent, calls = bench.sized(100_000), bench.sized(100_000)
    long = Prepared(
        bench=bench, kind=kind, size=Size(recent=recent, sessions=10 * recent, calls=calls)
    )
    short = Prepared(bench=bench, kind=kind, size=Size(recent=recent, sessions=recent, calls=calls))
    seen, aside = Measured(bench), Measured(bench)
    taken = in_turn(
        bench.rounds,
        ours=lambda: seen.ours(long),
        theirs=lambda: seen.theirs(long),
        short=lambda: aside.ours(short),
    )
    long.close()
    short.close()
    what = f"{calls:,} new calls, {10 * recent:,} sessions"
    notes = {"calls": calls, "sessions": 10 * recent, "rounds at most": MOST_ROUNDS}
    yield _against(kind, what, taken["ours"], taken["theirs"], {**notes, "ended": seen.told})
    yield _alone(kind, f"peak memory of {what}", "MB", seen.peaks, 300, notes)
    yield _alone(kind, f"again with nothing new, {what}", "s", seen.again, 1, notes)
    yield Finding(
        benchmark="job",
        database=kind,
        what=f"{calls:,} new calls behind {10 * recent:,} sessions",
        unit="s",
        ours=taken["ours"],
        theirs=taken["short"],
        against=f"the same calls behind {recent:,}",
        goal=Goal(at_most=1.2),
        notes=notes,
    )


def _ten_projects(bench: Bench, kind: str) -> Iterator[Finding]:
    size = Size(
        recent=bench.sized(10_000), sessions=bench.sized(100_000), calls=bench.sized(10_000)
    )
    ten = Prepared(bench=bench, kind=kind, size=size, projects=10)
    seen = Measured(bench)
    taken = in_turn(1, ours=lambda: seen.ours(ten), theirs=lambda: seen.theirs(ten))
    ten.close()
    what = f"ten projects of {size.calls:,} new calls, {size.sessions:,} sessions"
    notes = {"calls": size.calls, "sessions": size.sessions, "rounds at most": 1}
    yield _against(kind, what, taken["ours"], taken["theirs"], {**notes, "ended": seen.told})
    yield _alone(kind, f"peak memory of {what}", "MB", seen.peaks, 300, notes)
    yield _alone(kind, f"again with nothing new, {what}", "s", seen.again, 1, notes)


def _against(
    kind: str,
    what: str,
    ours: Sequence[float],
    theirs: Sequence[float],
    notes: Mapping[str, object],
) -> Finding:
    return Finding(
        benchmark="job",
        database=kind,
        what=what,
        unit="s",
        ours=ours,
        theirs=theirs,
        against=SCRIPT,
        goal=Goal(at_most=2),
        notes=notes,
    )


def _alone(
    kind: str,
    what: str,
    unit: str,
    values: Sequence[float],
    most: float,
    notes: Mapping[str, object],
) -> Finding:
    return Finding(
        benchmark="job",
        database=kind,
        what=what,
        unit=unit,
        ours=values,
        goal=Goal(at_most=most),
        notes=notes,
    )


def _told(ran: Ran) -> str:
    """The funnel after the run: that it did the work."""
    verdicts = json.loads(ran.output.splitlines()[-1])["verdicts"]
    return ", ".join(f"{number} {verdict}" for verdict, number in verdicts.items() if number)
