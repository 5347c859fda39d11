"""How many processes and threads serve which database."""

from __future__ import annotations

import os

import pytest

from collector.config import Settings
from collector.web import capacity

SQLITE = "sqlite:///collector.db"
POSTGRESQL = "postgresql://collector@db.example/collector"


@pytest.mark.parametrize(
    ("url", "cores", "processes", "threads"),
    [
        (SQLITE, 1, 1, 8),
        (SQLITE, 16, 1, 8),
        (POSTGRESQL, 1, 1, 16),
        (POSTGRESQL, 2, 2, 16),
        (POSTGRESQL, 16, 4, 16),
    ],
)
def test_the_database_at_hand_decides(
    monkeypatch: pytest.MonkeyPatch, url: str, cores: int, processes: int, threads: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(cores)), raising=False)
    settings = Settings(database_url=url)
    assert (capacity.processes(settings), capacity.threads(settings)) == (processes, threads)


@pytest.mark.parametrize("url", [SQLITE, POSTGRESQL])
def test_what_is_set_counts(url: str) -> None:
    settings = Settings(database_url=url, processes=3, threads=5)
    assert (capacity.processes(settings), capacity.threads(settings)) == (3, 5)
