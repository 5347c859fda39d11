"""Real databases for every test: a fresh, migrated SQLite file or PostgreSQL database each."""

from __future__ import annotations

import logging
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from collector.storage import migrate
from collector.storage.database import Database
from collector.storage.secrets import generate_key
from tests import compiling
from tests.postgres import PostgresServer

pytest_plugins = ("tests.sandbox_fixtures",)

DIALECTS = ("sqlite", "postgresql")

compiling.share()


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: many tests wait for a browser or a server."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    # A short path: PostgreSQL's socket lives in it, and socket paths are limited.
    folder = Path(f"/tmp/sc-{uuid.uuid4().hex[:8]}")  # noqa: S108
    folder.mkdir(mode=0o700)
    server = PostgresServer(folder)
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "migrated.db"
    with Database(f"sqlite:///{path}") as database:
        migrate.upgrade(database)
    return path


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def empty_database_url(
    dialect: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[str]:
    """The URL of a database without tables, of each dialect in turn."""
    if dialect == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    name = server.create()
    yield server.url(name)
    server.drop(name)


@pytest.fixture
def database_url(dialect: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a migrated database without rows, of each dialect in turn."""
    if dialect == "sqlite":
        path = tmp_path / "collector.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    name = server.lend()
    yield server.url(name)
    server.take_back(name)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A migrated database without rows, of each dialect in turn."""
    with Database(database_url) as opened:
        yield opened


@pytest.fixture(scope="session")
def secret_key() -> str:
    return generate_key()


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, secret_key: str) -> Callable[[str], None]:
    """Points the settings at a database, and at nothing else of the machine's environment."""

    def point_at(url: str) -> None:
        monkeypatch.setenv("COLLECTOR_DATABASE_URL", url)
        monkeypatch.setenv("COLLECTOR_SECRET_KEY", secret_key)

    return point_at


@pytest.fixture(params=DIALECTS)
def calls_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def calls_url(calls_kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of an empty database that a provider keeps calls in, of each kind in turn."""
    if calls_kind == "sqlite":
        yield f"sqlite:///{tmp_path / 'calls.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    name = server.create()
    yield server.url(name)
    server.drop(name)


@pytest.fixture
def restored_logs() -> Iterator[None]:
    """Lets a test set up the logs of this process, and undoes it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
