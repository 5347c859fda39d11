"""Runs commands as a user would type them, in this process or as one of their own."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import pytest
import sqlalchemy as sa
import structlog

from collector.cli import main
from collector.domain.beacon import Beacon
from collector.domain.identifiers import parse_session_key
from collector.sandbox import Sandbox
from collector.storage import sessions
from collector.storage.database import Database
from tests.sandbox_fixtures import PHONE_CALL_INSTALLATION

PROJECT = str(PHONE_CALL_INSTALLATION.project_id)
SECRET = PHONE_CALL_INSTALLATION.client_secret
EXAMPLE = Path(__file__).parents[2] / "examples" / "phone-calls"

#: After so many seconds a child is taken for hanging, and killed.
CHILD_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        return self.out + self.err

    def told(self, beginning: str) -> list[str]:
        """The lines on standard error that begin so; the log stands between them."""
        return [line for line in self.err.splitlines() if line.startswith(beginning)]

    def json(self) -> Any:
        """The one document on standard output."""
        return json.loads(self.out)

    def refused(self, *words: str, code: int | None = None) -> None:
        """It said no in one clear sentence: no traceback, a few lines at most, a code."""
        assert self.code == code if code is not None else self.code in {1, 2}, self.said
        assert "Traceback" not in self.said
        lines = [line for line in self.err.splitlines() if line]
        told = [line for line in lines if not line.startswith(("Usage:", "Try "))]
        assert 1 <= len(told) <= 3, self.err
        assert told[0].startswith("Error: "), self.err
        assert len(self.err) < 800, self.err
        for word in words:
            assert word in self.err, self.err


class Written(io.TextIOWrapper):
    """What a command writes, as text or as bytes."""

    def __init__(self) -> None:
        self._bytes = io.BytesIO()
        super().__init__(self._bytes, encoding="utf-8", newline="", write_through=True)

    @property
    def text(self) -> str:
        return self._bytes.getvalue().decode()


class CommandLine:
    """A shell in a folder of its own, with no setting of the machine's environment."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._monkeypatch = monkeypatch
        for name in [name for name in os.environ if name.startswith("COLLECTOR_")]:
            monkeypatch.delenv(name)
        monkeypatch.chdir(folder)

    def set(self, **settings: str) -> None:
        """Set ``x`` as the variable COLLECTOR_X."""
        for name, value in settings.items():
            self._monkeypatch.setenv(f"COLLECTOR_{name.upper()}", value)

    def unset(self, *names: str) -> None:
        for name in names:
            self._monkeypatch.delenv(f"COLLECTOR_{name.upper()}", raising=False)

    def __call__(self, *arguments: str, stdin: str | BinaryIO = "") -> Ran:
        """Run ``collector ARGUMENTS`` in this process; its standard input is no terminal."""
        out, err = Written(), Written()
        with self._monkeypatch.context() as patch, _as_it_was():
            patch.setattr(sys, "argv", ["collector", *arguments])
            given = io.BytesIO(stdin.encode()) if isinstance(stdin, str) else stdin
            patch.setattr(sys, "stdin", io.TextIOWrapper(given, encoding="utf-8"))
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                try:
                    main.main()
                except SystemExit as stopped:
                    code = stopped.code
        assert isinstance(code, int)
        return Ran(code=code, out=out.text, err=err.text)

    def well(self, *arguments: str, stdin: str = "") -> Ran:
        """Run a command that has to succeed."""
        ran = self(*arguments, stdin=stdin)
        assert ran.code == 0, ran.said
        return ran

    @contextlib.contextmanager
    def child(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """``collector ARGUMENTS`` as a process of its own, killed if the test leaves it behind."""
        with subprocess.Popen(
            [sys.executable, "-m", "collector", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            # Whatever waits for a line or for the end of a child that hangs sees it ended.
            deadline = threading.Timer(CHILD_SECONDS, process.kill)
            deadline.start()
            try:
                yield process
            finally:
                deadline.cancel()
                process.kill()  # does nothing to one that has ended

    def finish(self, process: subprocess.Popen[str]) -> Ran:
        """Wait for the child's end, and read what nobody has read yet of what it said."""
        code = process.wait()
        said = []
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            # A part that the child has left behind would keep the stream open for ever.
            os.set_blocking(stream.fileno(), False)
            said.append(stream.read())
        return Ran(code=code, out=said[0], err=said[1])

    def run_child(self, *arguments: str) -> Ran:
        """Run ``collector ARGUMENTS`` as a process of its own, to its end."""
        with self.child(*arguments) as process:
            return self.finish(process)

    @property
    def database_url(self) -> str:
        return os.environ["COLLECTOR_DATABASE_URL"]

    def rows(self, query: str) -> list[dict[str, Any]]:
        """What ``query`` finds in the database."""
        with Database(self.database_url) as database, database.read() as connection:
            return [dict(row) for row in connection.execute(sa.text(query)).mappings()]

    def everything(self) -> list[Any]:
        """Every row of every table, to see that nothing has changed or what is in clear."""
        with Database(self.database_url) as database:
            tables = sorted(sa.inspect(database.engine).get_table_names())
        return [self.rows(f'SELECT * FROM "{table}" ORDER BY 1') for table in tables]

    def write(self, name: str, text: str) -> str:
        """A file in the folder; its name."""
        (self.folder / name).write_text(text, encoding="utf-8")
        return name

    def add(self, project_id: str = PROJECT, *options: str) -> Ran:
        """Add an installation that the sandbox knows, its secret by a file."""
        self.write("secret.txt", SECRET + "\n")
        return self.well(
            "installation", "add", "--project-id", project_id, "--integration-id", "42",
            "--client-id", PHONE_CALL_INSTALLATION.client_id,
            "--client-secret-file", "secret.txt", "--origin", "https://shop.example", *options,
        )  # fmt: skip

    def visit(self, session_key: str, project_id: str = PROJECT, **keys: str) -> None:
        """A beacon of this session arrives now."""
        beacon = Beacon(
            project_id=int(project_id), session=parse_session_key(session_key), keys=keys
        )
        with Database(self.database_url) as database:
            sessions.record(database, beacon, datetime.now(UTC))


@contextlib.contextmanager
def _as_it_was() -> Iterator[None]:
    """Commands own their process: what they set in it is put back after each."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    root = logging.getLogger()
    kept, level = list(root.handlers), root.level
    try:
        yield
    finally:
        root.handlers[:] = kept
        root.setLevel(level)
        structlog.reset_defaults()
        for number, handler in handlers.items():
            signal.signal(number, handler)


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """A shell without any setting, in an empty folder."""
    folder = tmp_path / "here"
    folder.mkdir()
    return CommandLine(folder, monkeypatch)


@pytest.fixture
def collector(bare: CommandLine, secret_key: str, sqlite_template: Path) -> CommandLine:
    """Settings, the example definition, and a migrated SQLite database without rows."""
    shutil.copy(sqlite_template, bare.folder / "collector.db")
    shutil.copytree(EXAMPLE, bare.folder, dirs_exist_ok=True)
    bare.set(database_url=f"sqlite:///{bare.folder / 'collector.db'}", secret_key=secret_key)
    return bare


@pytest.fixture
def provider(collector: CommandLine, sandbox: Sandbox) -> CommandLine:
    """A provider with one installation, project 162, whose Contentsquare is the sandbox."""
    collector.set(auth_url=sandbox.auth_url)
    collector.add()
    return collector


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A loopback port that refuses connections, and that nobody else can take meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield int(held.getsockname()[1])


CallFile = Callable[..., str]


@pytest.fixture
def call_file(bare: CommandLine) -> CallFile:
    """Writes a CSV file of calls that start now: the columns of each row as a mapping."""
    columns = ("call_id", "started", "duration_s", "status", "rating", "call_center", "visitor_id",
               "reference", "dialled_number", "session_key", "updated")  # fmt: skip

    def write(*records: dict[str, str], name: str = "calls.csv") -> str:
        standard = {
            "started": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "duration_s": "75",
            "status": "completed",
            "call_center": "RENNES",
        }
        lines = [",".join(columns)]
        lines += [
            ",".join({**standard, **record}.get(column, "") for column in columns)
            for record in records
        ]
        return bare.write(name, "\n".join(lines) + "\n")

    return write
