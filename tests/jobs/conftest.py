"""The world of the job's tests, on each database in turn."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from collector.sandbox import Sandbox
from collector.storage.database import Database
from tests.calls_database import CallsDatabase
from tests.sandbox_fixtures import PHONE_CALL_INSTALLATION
from tests.world import Clock, World


@pytest.fixture
def world(database: Database) -> Iterator[World]:
    clock = Clock()
    with Sandbox([PHONE_CALL_INSTALLATION], now=clock) as sandbox:
        made = World(database, sandbox, clock)
        made.install()
        yield made


@pytest.fixture
def provider(calls_url: str) -> CallsDatabase:
    return CallsDatabase(calls_url)
