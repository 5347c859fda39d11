"""Plays the demo: starts every part, lets a day pass through them, and prints what comes of it.

The collector and its commands run as the processes that a provider runs, so that what is shown
is what will be had. Only the day is made up, and its times are set back, since nobody wants to
wait for it.
"""

from __future__ import annotations

import csv
import json
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import Any

import click
import requests
from werkzeug.serving import WSGIRequestHandler, make_server

from collector import config, resources
from collector.demo.day import COLUMNS, NUMBERS, Day, bodies, make_day
from collector.demo.shop import create_shop
from collector.domain.identifiers import SessionId
from collector.domain.verdicts import Verdict
from collector.errors import CollectorError
from collector.sandbox import Sandbox, SandboxInstallation
from collector.storage import examining, sessions
from collector.storage.database import Database
from collector.storage.secrets import generate_key

PROJECT, INTEGRATION = 162, 42
CLIENT_ID, CLIENT_SECRET = "demo-client", "demo-secret"
USER = "demo"
PORTS = {"collector": 8000, "sandbox": 8001, "shop": 8002}
EVERY = "5s"
TIMEOUT_SECONDS = 30
STATUSES = {"answered": "completed", "missed": "no-answer"}


def run(*, once: bool) -> None:
    """Play the demo; with ``once`` return when the funnel is printed, else on Ctrl-C.

    Raises:
        CollectorError: a part did not start, or a command of the demo failed.
    """
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="collector-demo-")))
        stage = Stage(stack, folder)
        stage.set_up()
        stage.play(make_day(datetime.now(UTC)))
        if not once:
            stage.stay_up(stop)


class Stage:
    """The parts of the demo, and the steps of it in their order."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self._stack = stack
        self._folder = folder
        self._collector = f"http://127.0.0.1:{_free_port(PORTS['collector'])}"
        self._database = f"sqlite:///{folder / 'collector.db'}"
        self._sandbox = stack.enter_context(_sandbox())
        self._password = secrets.token_urlsafe(12)
        self._environment = config.environment_with(
            database_url=self._database,
            secret_key=generate_key(),
            auth_url=self._sandbox.auth_url,
            integration=str(resources.path("examples") / "phone-calls" / "integration.toml"),
            log_level="error",  # what a warning tells is told below it anyway
            client_secret=CLIENT_SECRET,
            user_password=self._password,
            port=self._collector.rpartition(":")[2],
        )
        shop_port = _free_port(PORTS["shop"])
        self._shop = f"http://127.0.0.1:{shop_port}"
        self._token = ""
        application = create_shop(
            collector_url=self._collector,
            project_id=PROJECT,
            tracking_numbers=NUMBERS,
            place_call=self._place_call,
        )
        server = make_server(
            "127.0.0.1", shop_port, application, threaded=True, request_handler=_Quiet
        )
        stack.callback(server.shutdown)
        Thread(target=server.serve_forever, daemon=True).start()

    def set_up(self) -> None:
        """What a provider does once: database, installation, server."""
        _title("A provider sets up: a database, an installation, the server")
        self._command("db upgrade")
        self._command(
            f"installation add --project-id {PROJECT} --integration-id {INTEGRATION} "
            f"--client-id {CLIENT_ID} --origin {self._shop} --region FR --name 'Demo shop'"
        )
        self._command(f"installation check {PROJECT}")
        self._command(f"user add {USER}")
        self._token = self._command(
            f"token create --scope calls --project-id {PROJECT}", show=False
        ).strip()
        click.secho("$ collector serve", fg="cyan")
        self._stack.enter_context(self._child("serve", "--processes", "1"))
        _await(f"{self._collector}/readyz")

    def play(self, day: Day) -> None:
        """The day passes: visits, calls, the job."""
        _title(f"A day passes: {len(day.visits)} visits send their beacon")
        self._send_beacons(day)
        _title("The call platform hands over its records of the day")
        file = self._folder / "calls.csv"
        with file.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, COLUMNS)
            writer.writeheader()
            writer.writerows(day.records)
        self._command(f"calls import {file.name} --project-id {PROJECT}", allowed=(0, 1))
        _title("The job joins calls and sessions, and delivers what it has built")
        self._command("reconcile", allowed=(0, 1))
        _title("Every call is explained")
        self._command(f"explain {self._an_ambiguous_call()} --project-id {PROJECT}")
        held = len(self._sandbox.held)
        click.echo(f"\nThe sandbox, in Contentsquare's place, holds {held} enrichments.")

    def stay_up(self, stop: Event) -> None:
        """Keep the job running until told to stop, so that the shop can be tried."""
        _title("It is your turn")
        click.secho(f"$ collector reconcile --every {EVERY}", fg="cyan")
        self._stack.enter_context(self._child("reconcile", "--every", EVERY, quiet=True))
        click.echo(
            f"  The shop       {self._shop}/contact  (visit it, and place a call)\n"
            f"  The dashboard  {self._collector}/  (user {USER}, password {self._password})\n"
            f"  The sandbox    {self._sandbox.url}/  (your call appears within {EVERY})\n"
            f"  The database   {self._folder / 'collector.db'}  (SQLite: read report_calls)\n"
            "Ctrl-C ends it and removes everything."
        )
        stop.wait()

    def _command(self, line: str, *, allowed: tuple[int, ...] = (0,), show: bool = True) -> str:
        """Run one command as a user would type it."""
        click.secho(f"$ collector {line}", fg="cyan")
        done = subprocess.run(  # noqa: S603 - our own command line, with our own arguments
            [sys.executable, "-m", "collector", *shlex.split(line)],
            env=self._environment,
            cwd=self._folder,
            capture_output=True,
            text=True,
            timeout=2 * TIMEOUT_SECONDS,
            check=False,
        )
        if done.returncode not in allowed:
            raise CollectorError(f"`collector {line}` failed: {done.stderr.strip()}")
        if show:
            click.echo((done.stdout + done.stderr).rstrip())
        return done.stdout

    @contextmanager
    def _child(self, *arguments: str, quiet: bool = False) -> Iterator[None]:
        """A command that runs beside the demo until it is told to stop."""
        output = subprocess.DEVNULL if quiet else None
        child = subprocess.Popen(  # noqa: S603 - our own command line, with our own arguments
            [sys.executable, "-m", "collector", *arguments],
            env=self._environment,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for the demo, which then stops its parts
        )
        try:
            yield
        finally:
            child.terminate()
            try:
                child.wait(TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()

    def _send_beacons(self, day: Day) -> None:
        with requests.Session() as http:
            for body in bodies(day, PROJECT):
                answer = http.post(
                    f"{self._collector}/v1/sessions",
                    data=json.dumps(body),
                    headers={"Content-Type": "text/plain", "Origin": self._shop},
                    timeout=TIMEOUT_SECONDS,
                )
                if answer.status_code != requests.codes.no_content:
                    raise CollectorError(f"A beacon was refused: {answer.text}")
        ages = {
            SessionId(user_id=visit.user_id, session_number=visit.session_number): visit.ago
            for visit in day.visits
        }
        with Database(self._database) as database, database.write() as connection:
            sessions.move_back(connection, PROJECT, ages)
        click.echo(
            f"{len(ages)} sessions are stored; their times are set back, to make a day of a moment."
        )

    def _an_ambiguous_call(self) -> str:
        with Database(self._database) as database, database.read() as connection:
            found = examining.first_with(connection, PROJECT, Verdict.AMBIGUOUS)
        if found is None:
            raise CollectorError("The demo's day should have had ambiguous calls.")
        return found

    def _place_call(self, made: Mapping[str, Any]) -> None:
        """The shop's call platform reports a call as soon as it has ended."""
        record = {
            "call_id": made["call_id"],
            "started": made["started"],
            "duration_s": made["duration"],
            "status": STATUSES[made["status"]],
            "rating": made["rating"],
            "call_center": made["center_name"],
            "visitor_id": made["visitor_id"],
            "dialled_number": made["tracking_number"],
        }
        answer = requests.post(
            f"{self._collector}/v1/calls",
            json=record,
            headers={"Authorization": f"Bearer {self._token}"},
            timeout=TIMEOUT_SECONDS,
        )
        answer.raise_for_status()


class _Quiet(WSGIRequestHandler):
    """The shop says nothing of its requests."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


def _title(text: str) -> None:
    click.secho(f"\n== {text}", bold=True)


def _sandbox() -> Sandbox:
    schema = resources.path("examples") / "phone-calls" / "schema.v1.json"
    installation = SandboxInstallation(
        project_id=PROJECT,
        integration_id=INTEGRATION,
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        schemas={1: json.loads(schema.read_text(encoding="utf-8"))},
    )
    return Sandbox([installation], port=_free_port(PORTS["sandbox"]))


def _free_port(wanted: int) -> int:
    """The wanted port if it is free, else any that is."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise CollectorError("No free port on 127.0.0.1.")


def _await(url: str) -> None:
    """Wait until ``url`` answers 200."""
    give_up = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < give_up:
        try:
            if requests.get(url, timeout=1).ok:
                return
        except requests.RequestException:
            time.sleep(0.1)
    raise CollectorError(f"{url} did not answer within {TIMEOUT_SECONDS} seconds.")
