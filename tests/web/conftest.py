"""A customer's installation in a real database, and the application on top of it."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from collector.config import Settings
from collector.domain.installation import Installation
from collector.storage import installations, tokens
from collector.storage.database import Database
from collector.web import create_app
from tests.web import hooking, serving
from tests.web.serving import Serving

EXAMPLE = Path(__file__).parents[2] / "examples" / "phone-calls"
PROJECT = 162
ORIGIN = "https://shop.example"
BEACON = {
    "projectId": PROJECT,
    "userId": "ae267-6g87D-88Nn6od",
    "sessionNumber": 4,
    "keys": {"visitor_id": "v-1", "tracking_number": "01 99 00 12 34"},
}

#: For what is decided before any SQL is spoken: one dialect is enough.
before_sql = pytest.mark.parametrize("dialect", ["sqlite"])

Open = Callable[..., Flask]
Start = Callable[..., Serving]


@pytest.fixture
def installation(database: Database) -> Installation:
    """Project 162, whose pages live on two origins and whose numbers are French."""
    stored = Installation(
        project_id=PROJECT,
        integration_id=42,
        name="Shop",
        client_id="client",
        integration_version=1,
        origins=(ORIGIN, "http://localhost:8080"),
        region="FR",
    )
    with database.write() as connection:
        installations.add(connection, stored, "sealed", datetime.now(UTC))
    return stored


@pytest.fixture
def definition_file(tmp_path: Path) -> Path:
    """The documents' phone-call example, where a test may change it."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "definition")) / "integration.toml"


@pytest.fixture
def open_app() -> Iterator[Open]:
    """Makes applications that are closed after the test."""
    opened: list[Flask] = []

    def make(url: str, **settings: Any) -> Flask:
        app = create_app(Settings(database_url=url, **settings))
        opened.append(app)
        return app

    yield make
    for app in opened:
        app.extensions["collector"].close()


@pytest.fixture
def app(
    open_app: Open, database_url: str, installation: Installation, definition_file: Path
) -> Flask:
    return open_app(database_url, integration=str(definition_file))


@pytest.fixture
def start(database_url: str, installation: Installation, tmp_path: Path) -> Iterator[Start]:
    """Starts servers on the test's database, and ends those that the test did not."""
    started: list[Serving] = []

    def make(*options: str, **settings: str) -> Serving:
        one = serving.start(database_url, *options, folder=tmp_path, **settings)
        started.append(one)
        return one

    yield make
    for one in started:
        if one.process.poll() is None:
            one.stop()
        assert one.process.stdout
        one.process.stdout.close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def hooks(
    open_app: Open, database_url: str, installation: Installation, secret_key: str
) -> FlaskClient:
    """A server whose definition is that of a provider on these platforms."""
    return open_app(
        database_url,
        integration=str(hooking.DEFINITION),
        secret_key=(secret_key,),
        public_url=hooking.PUBLIC_URL,
    ).test_client()


@pytest.fixture
def twilio(database: Database, hooks: FlaskClient, secret_key: str) -> FlaskClient:
    """Twilio's secret is stored."""
    hooking.store_secret(database, secret_key, "twilio")
    return hooks


@pytest.fixture
def token(database: Database, installation: Installation) -> str:
    """A token with which calls of project 162 can be posted."""
    return make_token(database)


def make_token(
    database: Database,
    scope: str = "calls",
    project_id: int = PROJECT,
    expires_at: datetime | None = None,
) -> str:
    with database.write() as connection:
        return tokens.create(
            connection,
            project_id=project_id,
            scope=scope,
            name="",
            now=datetime.now(UTC),
            expires_at=expires_at,
        )


def rows(database: Database, query: str) -> list[dict[str, Any]]:
    """What ``query`` finds, as an analyst would see it."""
    with database.read() as connection:
        return [dict(row._mapping) for row in connection.execute(sa.text(query))]


def reported_sessions(database: Database) -> list[dict[str, Any]]:
    return rows(database, "SELECT * FROM report_sessions ORDER BY user_id, session_number")


def stored_keys(database: Database) -> dict[str, str]:
    found = rows(database, "SELECT kind, value FROM sighting")
    return {row["kind"]: row["value"] for row in found}


def counted(database: Database) -> dict[tuple[int, str, str], int]:
    """Beacons by project, outcome and origin, over all days."""
    found: Counter[tuple[int, str, str]] = Counter()
    for row in rows(database, "SELECT * FROM report_beacons_daily"):
        found[row["project_id"], row["outcome"], row["origin"]] += row["beacons"]
    return dict(found)
