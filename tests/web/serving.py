"""Runs ``collector serve`` as the operator does: a process of its own, real sockets, signals."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import requests

#: Long enough for a slow machine; a run that needs it has failed.
DEADLINE_SECONDS = 60


@dataclass(kw_only=True)
class Serving:
    """One server; ``url`` is where it says it listens."""

    process: subprocess.Popen[str]
    log_file: Path
    announced: str
    url: str = field(init=False)

    def __post_init__(self) -> None:
        found = re.search(r"http://[^\s/]+", self.announced)
        assert found, f"The server announced {self.announced!r}: {self.log()}"
        self.url = found[0]

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        assert parts.hostname
        assert parts.port
        return parts.hostname, parts.port

    def log(self) -> str:
        """What it has written, as far as it is a file: of /dev/full there would be no end."""
        return self.log_file.read_text(encoding="utf-8") if self.log_file.is_file() else ""

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Signal the server alone, as a supervisor does, and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(DEADLINE_SECONDS)

    def stop_group(self, number: int) -> int:
        """Signal all its processes, as a terminal's Ctrl-C does, and return the exit code."""
        os.killpg(self.process.pid, number)
        return self.process.wait(DEADLINE_SECONDS)

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while True:
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            try:
                if requests.get(f"{self.url}/readyz", timeout=10).ok:
                    return
            except requests.ConnectionError:
                time.sleep(0.05)

    def wait_until_closed(self) -> None:
        """Until it takes no new connection any more."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            try:
                socket.create_connection(self.address, timeout=1).close()
            except OSError:
                return
            time.sleep(0.05)
        raise AssertionError("The server still takes connections.")


def environment(database_url: str, **settings: str) -> dict[str, str]:
    """What the server's process sees: these settings, and none of the machine's."""
    clean = {name: value for name, value in os.environ.items() if "COLLECTOR_" not in name}
    return {**clean, "COLLECTOR_DATABASE_URL": database_url, **settings}


def run(database_url: str, *options: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """``collector serve`` where it is expected to refuse."""
    return subprocess.run(
        [sys.executable, "-m", "collector", "serve", *options],
        env=environment(database_url),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )


def start(
    database_url: str,
    *options: str,
    folder: Path,
    within: Sequence[str] = (),
    **settings: str,
) -> Serving:
    """``collector serve`` on a free port, ready; run by the command ``within``, if there is one."""
    log_file = folder / "server.log"
    with log_file.open("w") as log:
        process = subprocess.Popen(
            [*within, sys.executable, "-m", "collector", "serve", "--port", "0", *options],
            env=environment(database_url, **settings),
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
    assert process.stdout
    serving = Serving(process=process, log_file=log_file, announced=process.stdout.readline())
    serving.wait_until_ready()
    return serving
