"""Runs each contestant under the same server, with as many processes and threads as asked."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench.running import FailedError

START_SECONDS = 60

#: Each process listens by itself once it has loaded the application: a client that comes at the
#: first answer would have all its connections with one of them.
SETTLE_SECONDS = 1.5

Address = tuple[str, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Setup:
    """How many processes, and threads in each; 0 leaves it to the collector."""

    processes: int = 0
    threads: int = 0

    def __str__(self) -> str:
        if not self.processes and not self.threads:
            return "as chosen by collector serve"
        return f"{self.processes} x {self.threads} threads"


@contextmanager
def collector(url: str, setup: Setup, folder: Path) -> Iterator[Address]:
    """``collector serve``, as it is run in production."""
    port = _free_port()
    arguments = ["-m", "collector", "serve", "--port", str(port)]
    arguments += ["--processes", str(setup.processes), "--threads", str(setup.threads)]
    settings = {
        "COLLECTOR_DATABASE_URL": url,
        # All of the load is one client. It is counted as any other, and never sent away.
        "COLLECTOR_PROXY_HOPS": "1",
        "COLLECTOR_LIMIT_CLIENT": "1000000000/minute",
        "COLLECTOR_LIMIT_PROJECT": "1000000000/minute",
    }
    with _running(arguments, settings, port, folder) as address:
        yield address


@contextmanager
def contestant(
    module: str, setup: Setup, folder: Path, settings: Mapping[str, str] | None = None
) -> Iterator[Address]:
    """Another WSGI application, under the same server."""
    port = _free_port()
    arguments = [
        *("-m", "granian", "--interface", "wsgi", "--http", "1", "--no-ws", "--no-log"),
        *("--port", str(port), "--backpressure", "1024"),
        *("--workers", str(setup.processes), "--blocking-threads", str(setup.threads)),
        f"{module}:app",
    ]
    given = {"BENCH_THREADS": str(setup.threads), **(settings or {})}
    with _running(arguments, given, port, folder) as address:
        yield address


@contextmanager
def _running(
    arguments: list[str], settings: Mapping[str, str], port: int, folder: Path
) -> Iterator[Address]:
    address = ("127.0.0.1", port)
    clean = {name: value for name, value in os.environ.items() if "COLLECTOR_" not in name}
    with (folder / "server.log").open("w+b") as written:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            env={**clean, **settings},
            stdout=written,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _await(process, address)
            yield address
        except FailedError as error:
            written.seek(0)
            raise FailedError(f"{error}\n{written.read().decode()[-4000:]}") from None
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(START_SECONDS)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)


def _await(process: subprocess.Popen[bytes], address: Address) -> None:
    give_up = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < give_up:
        with suppress(OSError), socket.create_connection(address, timeout=1) as connection:
            connection.settimeout(START_SECONDS)
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
            if connection.recv(100):
                time.sleep(SETTLE_SECONDS)
                return
        time.sleep(0.05)
    raise FailedError(f"The server on port {address[1]} does not answer.")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
