"""How many processes and threads serve which database."""

from __future__ import annotations

import os

import pytest

from collector.config import Settings
from collector.web import capacity

SQLITE = "sqlite:///collector.db"
POSTGRESQL = "postgresql://collector@db.example/collector"


@pytest.mark.parametrize(
    ("url", "cores", "processes"),
    [(SQLITE, 1, 1), (SQLITE, 16, 1), (POSTGRESQL, 1, 1), (POSTGRESQL, 5, 2), (POSTGRESQL, 16, 4)],
)
def test_the_database_at_hand_decides(
    monkeypatch: pytest.MonkeyPatch, url: str, cores: int, processes: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(cores)), raising=False)
    assert capacity.processes(Settings(database_url=url)) == processes


@pytest.mark.parametrize("url", [SQLITE, POSTGRESQL])
def test_what_is_set_counts(url: str) -> None:
    settings = Settings(database_url=url, processes=3, threads=5)
    assert (capacity.processes(settings), capacity.threads(settings)) == (3, 5)


@pytest.mark.parametrize("threads", [0, 1, 2, 5, 1024])
def test_those_that_wait_for_the_disk_leave_threads_and_connections(threads: int) -> None:
    settings = Settings(database_url=POSTGRESQL, threads=threads)
    assert 1 <= capacity.waiting(settings) <= max(1, capacity.threads(settings) - 1)
    assert 3 <= capacity.connections(settings) <= 18
