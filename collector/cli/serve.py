"""``collector serve``: runs the HTTP interface under granian, with the express lane in front.

Any WSGI server can do the same with ``collector.web:create_app()``, which does without the lane.
"""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import signal
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import click
from granian import Granian
from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.common import AbstractServer

from collector import config, logs
from collector.config import Settings
from collector.errors import AddressError, SettingError
from collector.storage import revisions
from collector.storage.database import Database
from collector.web import capacity, create_app

#: How long requests in flight may take to finish after a signal to stop, in seconds.
STOP_SECONDS = 15

#: What one connection may hold unread: headers above it are refused; bodies flow through it.
BUFFER_BYTES = 64 * 1024

#: granian's own handlers write to standard output; this leaves its lines to collector.logs.
_GRANIAN_LOGS: dict[str, Any] = {
    "formatters": {},
    "handlers": {},
    "loggers": {"_granian": {"level": "ERROR"}},
}


@click.command()
@click.option("--host", metavar="ADDRESS", help="Address to listen on; 0.0.0.0 for all.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port; 0 takes any that is free.")
@click.option("--processes", type=click.IntRange(0, 256), help="Processes; 0 chooses by database.")
@click.option("--threads", type=click.IntRange(0, 1024), help="Threads of each process; 0 is 128.")
def serve(**overrides: Any) -> None:
    """Receive beacons and calls, serve the snippet, and show the dashboard.

    Listens where COLLECTOR_HOST and COLLECTOR_PORT say (127.0.0.1:8000), unless the options say
    otherwise. SQLite is served by one process; PostgreSQL by one for each two cores, at most 4.
    Each has up to 128 threads, started as they are needed, and at most 18 connections. Six times
    as many beacons may wait to be on disk; with more the answer is 503.

    The database must be migrated: run `collector db upgrade` first. SIGTERM and Ctrl-C stop it
    once the requests in flight are answered.

    Put a proxy with TLS in front, one that reads requests whole before it passes them on (nginx
    does): pages are served over https and may not talk to anything else.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    settings = replace(config.load(), **given)
    logs.configure(settings)
    with Database(settings.database_url, pool_size=1) as database:
        revisions.require_usable(database)
    address, port = _free_address(settings.host, settings.port)
    # A forked worker would begin with this process's signal handlers, and lose a signal to stop
    # that comes while it loads.
    multiprocessing.set_start_method("spawn", force=True)
    server = _server(settings, address, port)
    server.on_startup(partial(_announce, address, port))
    with _metrics_folder(settings) as folder:
        settings = replace(settings, metrics_folder=folder)
        try:
            server.serve(target_loader=partial(_load, settings), wrap_loader=False)
        except SystemExit:
            # Told to stop as a group, a worker may be gone before it was asked: that is no failure.
            if not server.interrupt_signal:
                raise


@contextmanager
def _metrics_folder(settings: Settings) -> Iterator[str]:
    """Where the workers add up their metrics: as set, else a folder that goes with this process."""
    if settings.metrics_folder:
        yield settings.metrics_folder
        return
    with tempfile.TemporaryDirectory(prefix="collector-metrics-") as folder:
        # What tidies up temporary files, as systemd does after days, leaves a locked folder alone.
        lock = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_SH)
            yield folder
        finally:
            os.close(lock)


def _server(settings: Settings, address: str, port: int) -> AbstractServer[Any]:
    return Granian(
        "collector.web:create_app",
        address=address,
        port=port,
        interface=Interfaces.RSGI,
        factory=True,
        workers=capacity.processes(settings),
        loop=Loops.asyncio,
        # Counts open connections, most of them idle: it must not follow the number of workers.
        backpressure=1024,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(
            header_read_timeout=1000 * settings.client_seconds, max_buffer_size=BUFFER_BYTES
        ),
        websockets=False,
        respawn_failed_workers=True,
        workers_kill_timeout=STOP_SECONDS,
        log_level=LogLevels.debug if settings.log_level == "debug" else LogLevels.error,
        log_dictconfig=_GRANIAN_LOGS,
    )


def _load(settings: Settings) -> Any:
    """The application, made in each worker process with the settings of the command."""
    # Ctrl-C reaches every process of the terminal, and the main process then stops the workers
    # itself: two signals at once can leave a worker waiting for itself.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    logs.keep_nothing_unwritten()
    # Loaded here alone: the process that starts the workers needs nothing of it.
    from collector.web.express import Express  # noqa: PLC0415

    logs.configure(settings)
    return Express(create_app(settings), threads=capacity.threads(settings))


def _free_address(host: str, port: int) -> tuple[str, int]:
    """The numeric address and port to listen on.

    The server shares its port between processes, and so would share it with a second server
    without a word. Binding it once without sharing finds out.

    Raises:
        SettingError: the host is unknown here.
        AddressError: the port is in use, or not allowed.
    """
    try:
        family, kind, _, _, where = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise SettingError(
            f"{host!r} is no address of this machine ({error.strerror}). "
            "Set COLLECTOR_HOST or --host to one such as 127.0.0.1 or 0.0.0.0."
        ) from error
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(where)
        except OSError as error:
            raise AddressError(
                f"Cannot listen on {host}, port {port}: {error.strerror}. "
                "Stop what listens there, or choose another port with --port."
            ) from error
        return str(where[0]), int(probe.getsockname()[1])


def _announce(address: str, port: int) -> None:
    shown = f"[{address}]" if ":" in address else address
    here = f"http://{shown}:{port}"
    click.echo(
        f"Listening on {here} (Ctrl-C stops). On the page: "
        f'<script async src="{here}/v1/snippet.js"></script>'
    )
