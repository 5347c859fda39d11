"""A Chromium that nobody debugs, and what its trace says of one script.

Playwright attaches a debugger to each page, which does work of its own there. This speaks to the
browser alone: it opens pages and writes a trace.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

SECONDS = 60

CATEGORIES = ("devtools.timeline", "disabled-by-default-devtools.timeline")

FLAGS = (
    "--headless=new",
    "--remote-debugging-port=0",
    "--no-first-run",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

Event = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a script cost one page's main thread, in milliseconds of processor time."""

    load: float
    ticks: tuple[float, ...]
    longest_task: float


class Chromium:
    """One running Chromium; see ``running``."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._commands = 0
        self._events: list[Event] = []
        self._complete = False
        self.version: str = self._ask("Browser.getVersion")["product"]

    def trace(self, url: str, times: int, seconds: float) -> list[Event]:
        """Load a page so many times, each in a fresh profile and looked at for so long.

        All in one trace: to begin and to end one takes Chromium many seconds.
        """
        self._events, self._complete = [], False
        self._ask(
            "Tracing.start",
            transferMode="ReportEvents",
            traceConfig={"includedCategories": list(CATEGORIES), "excludedCategories": ["*"]},
        )
        for _ in range(times):
            profile = self._ask("Target.createBrowserContext")["browserContextId"]
            self._ask("Target.createTarget", url=url, browserContextId=profile)
            time.sleep(seconds)
            self._ask("Target.disposeBrowserContext", browserContextId=profile)
        self._ask("Tracing.end")
        while not self._complete:
            self._hear()
        return self._events

    def _ask(self, method: str, **parameters: object) -> dict[str, Any]:
        self._commands += 1
        number = self._commands
        self._connection.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            heard = self._hear()
            if heard.get("id") == number:
                result: dict[str, Any] = heard["result"]
                return result

    def _hear(self) -> dict[str, Any]:
        heard: dict[str, Any] = json.loads(self._connection.recv(SECONDS))
        if heard.get("method") == "Tracing.dataCollected":
            self._events.extend(heard["params"]["value"])
        self._complete |= heard.get("method") == "Tracing.tracingComplete"
        return heard


@contextmanager
def running(path: str) -> Iterator[Chromium]:
    """Start this Chromium with a profile of its own, and end it afterwards."""
    flags = [*FLAGS, "--no-sandbox"] if os.geteuid() == 0 else list(FLAGS)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process = subprocess.Popen(
            [path, *flags, f"--user-data-dir={folder}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            with connect(_address(Path(folder)), proxy=None, max_size=None) as connection:
                yield Chromium(connection)
        finally:
            process.terminate()
            process.wait(SECONDS)


def _address(folder: Path) -> str:
    """Where it listens: it writes a port and a path into its profile."""
    told = folder / "DevToolsActivePort"
    give_up = time.monotonic() + SECONDS
    while not (told.exists() and "\n" in told.read_text()):
        if time.monotonic() > give_up:
            raise TimeoutError("Chromium has not started.")
        time.sleep(0.05)
    port, path = told.read_text().split("\n")[:2]
    return f"ws://127.0.0.1:{port}{path}"


def costs_of(script: str, trace: list[Event]) -> list[Cost]:
    """What the script with this address cost each page of the trace.

    Counted are its evaluation (with compiling), its timers and calls, and what promises continue
    later. For the last the trace names no script: the page must have no other that uses promises.
    """
    # What was under way when its page was closed has no duration.
    trace = [e for e in trace if "dur" in e]
    evaluated = [e for e in trace if e["name"] == "EvaluateScript" and _url(e) == script]
    threads = {(e["pid"], e["tid"]) for e in evaluated}
    if len(threads) < len(evaluated):
        raise ValueError("Two pages shared a process, so their costs cannot be told apart.")
    timed: dict[object, list[Event]] = {thread: [] for thread in threads}
    for event in trace:
        if (event["pid"], event["tid"]) in threads:
            timed[event["pid"], event["tid"]].append(event)
    return [_cost(script, e, timed[e["pid"], e["tid"]]) for e in evaluated]


def _cost(script: str, evaluated: Event, thread: list[Event]) -> Cost:
    main = [e for e in thread if e["ts"] >= evaluated["ts"]]
    calls = [e for e in main if e["name"] == "FunctionCall" and _url(e) == script]
    timers = [
        e for e in main if e["name"] == "TimerFire" and any(_inside(call, e) for call in calls)
    ]
    roots = [evaluated, *timers]
    later = [
        e
        for e in main
        if (e["name"] == "RunMicrotasks" or e in calls) and not any(_inside(e, r) for r in roots)
    ]
    tasks = [e for e in thread if e["name"] == "RunTask"]
    mine = [task for task in tasks if any(_inside(e, task) for e in [*roots, *later])]
    return Cost(
        load=_milliseconds(evaluated) + sum(map(_milliseconds, later)),
        ticks=tuple(map(_milliseconds, timers)),
        longest_task=max(task["dur"] / 1000 for task in mine),
    )


def _url(event: Event) -> str:
    found: str = event.get("args", {}).get("data", {}).get("url", "")
    return found


def _inside(inner: Event, outer: Event) -> bool:
    started: bool = outer["ts"] <= inner["ts"] < outer["ts"] + outer["dur"]
    return started


def _milliseconds(event: Event) -> float:
    """Processor time: what else the machine does meanwhile does not count."""
    spent: float = event["tdur"] if "tdur" in event else event["dur"]
    return spent / 1000
