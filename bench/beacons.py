"""How many beacons are acknowledged, beside what stores nothing and what anyone would write.

The same server, machine, tables and durability for all; each measurement has a new database with
some days of history, and a new server. 64 connections, on which the next beacon goes out as soon
as the last one was answered; for latencies, beacons at half the rate of that.
"""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from bench import beacon_servers, beacon_traffic
from bench.beacon_load import Connections
from bench.beacon_servers import Address, Setup
from bench.comparing import Finding, Goal, in_turn
from bench.running import Bench
from collector.domain.beacon import Beacon, read_keys
from collector.domain.identifiers import parse_session_key
from collector.domain.installation import Installation
from collector.storage import installations, sessions
from collector.storage.database import Database
from collector.storage.sightings import Seen

CONNECTIONS = 64
SECONDS = 5.0
WARM_SECONDS = 1.0
#: So long each setup of the others is tried, to find the one that suits it best.
TRIAL_SECONDS = 1.5
#: More than any of them answers in a second on a machine of this kind.
REQUESTS_A_SECOND = 15_000
HISTORY = 50_000
REGION = "FR"

NOTHING = "a Flask view that stores nothing"
PLAIN = "SQLAlchemy upsert and commit per request"


class _Traffic:
    """Requests, made before anything is measured."""

    def __init__(self, bench: Bench) -> None:
        bench.say("beacons: making up the traffic")
        number = bench.sized(int(REQUESTS_A_SECOND * SECONDS), least=3000)
        self.history = beacon_traffic.requests(bench.sized(HISTORY, least=1000), seed=1)
        self.warming = beacon_traffic.requests(number // 5, seed=2)
        self.measured = beacon_traffic.requests(number, seed=3)


class _Contest:
    """Measures the contestants on one kind of database."""

    def __init__(self, bench: Bench, kind: str, traffic: _Traffic) -> None:
        self._bench, self._kind, self._traffic = bench, kind, traffic
        self._seconds = max(0.5, SECONDS * bench.scale)
        self.setups: dict[str, Setup] = {}

    def peak(self, who: str, setup: Setup | None = None, seconds: float | None = None) -> float:
        """Beacons a second, at full speed."""
        with self._loaded(who, setup or self.setups.get(who, Setup())) as connections:
            load = connections.at_full_speed(self._traffic.measured, seconds or self._seconds)
        return load.rate

    def p99(self, rate: float) -> float:
        """Milliseconds within which 99 of 100 are acknowledged, at this rate."""
        with self._loaded("ours", Setup()) as connections:
            load = connections.at_rate(self._traffic.measured, rate, self._seconds)
        return load.quantile(0.99) * 1000

    def choose_setup(self, who: str, candidates: Sequence[Setup]) -> None:
        """Find out with how many processes and threads this one is fastest here."""
        seconds = max(0.3, TRIAL_SECONDS * self._bench.scale)
        rates = {setup: self.peak(who, setup, seconds) for setup in candidates}
        self.setups[who] = max(rates, key=lambda setup: rates[setup])
        shown = ", ".join(f"{setup}: {rate:.0f}/s" for setup, rate in rates.items())
        self._bench.say(f"{self._kind}, {who}: {shown}")

    @contextmanager
    def _loaded(self, who: str, setup: Setup) -> Iterator[Connections]:
        url = self._bench.databases.create(self._kind)
        try:
            _fill(url, self._traffic.history)
            with (
                _server(who, url, setup, self._bench.folder) as address,
                Connections(address, CONNECTIONS) as connections,
            ):
                connections.at_full_speed(
                    self._traffic.warming, max(0.3, WARM_SECONDS * self._bench.scale)
                )
                yield connections
        finally:
            self._bench.databases.drop(url)


def findings(bench: Bench) -> Iterator[Finding]:
    """Throughput beside both others, and latency at half of it."""
    traffic = _Traffic(bench)
    for kind in bench.kinds:
        contest = _Contest(bench, kind, traffic)
        for who in ("nothing", "plain"):
            contest.choose_setup(who, _setups(who, kind))
        values = in_turn(
            bench.rounds,
            ours=lambda contest=contest: contest.peak("ours"),  # type: ignore[misc]
            nothing=lambda contest=contest: contest.peak("nothing"),  # type: ignore[misc]
            plain=lambda contest=contest: contest.peak("plain"),  # type: ignore[misc]
        )
        for who, against, least in (("nothing", NOTHING, 0.5), ("plain", PLAIN, 3.0)):
            yield Finding(
                benchmark="beacons",
                database=kind,
                what="beacons acknowledged a second",
                unit="/s",
                ours=values["ours"],
                theirs=values[who],
                against=against,
                goal=Goal(at_least=least),
                notes={"their setup": str(contest.setups[who]), "connections": CONNECTIONS},
            )
        rate = statistics.median(values["ours"]) / 2
        yield Finding(
            benchmark="beacons",
            database=kind,
            what="p99 of the latency at half the peak",
            unit="ms",
            ours=[contest.p99(rate) for _ in range(bench.rounds)],
            goal=Goal(at_most=50),
            notes={"beacons a second": rate},
        )


def _setups(who: str, kind: str) -> list[Setup]:
    """What is tried, so that each has as many processes and threads as suit it."""
    cores = len(os.sched_getaffinity(0))
    if who == "nothing":
        return [Setup(processes=cores, threads=threads) for threads in (1, 4, 16)]
    if kind == "sqlite":
        # It lets one writer in at a time.
        return [Setup(processes=1, threads=2), Setup(processes=1, threads=8)]
    return [Setup(processes=cores, threads=threads) for threads in (4, 8, 16)]


def _server(who: str, url: str, setup: Setup, folder: Path) -> AbstractContextManager[Address]:
    if who == "ours":
        return beacon_servers.collector(url, setup, folder)
    settings = {"BENCH_DATABASE_URL": url}
    return beacon_servers.contestant(f"bench.beacon_{who}", setup, folder, settings)


def _fill(url: str, history: Sequence[bytes]) -> None:
    """Installations, the history, and what the planner knows of it after a while."""
    now = datetime.now(UTC)
    seen = [Seen(beacon=_beacon(request), now=now) for request in history]
    with Database(url) as database:
        with database.write() as connection:
            for project_id in beacon_traffic.PROJECTS:
                installations.add(connection, _installation(project_id), "sealed", now)
        for start in range(0, len(seen), 2000):
            failed = [each for each in sessions.record_all(database, seen[start:][:2000]) if each]
            if failed:
                raise failed[0]
        with database.write() as connection:
            connection.exec_driver_sql("ANALYZE")


def _beacon(request: bytes) -> Beacon:
    told = json.loads(request.partition(b"\r\n\r\n")[2])
    return Beacon(
        project_id=told["projectId"],
        session=parse_session_key(told["sessionKey"]),
        keys=read_keys(told["keys"], REGION)[0],
    )


def _installation(project_id: int) -> Installation:
    return Installation(
        project_id=project_id,
        integration_id=project_id,
        name=f"Shop {project_id}",
        client_id="c",
        integration_version=1,
        origins=(beacon_traffic.origin_of(project_id),),
        region=REGION,
    )
