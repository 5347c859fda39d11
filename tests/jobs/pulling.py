"""What tests of pulling from the provider's database share."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from collector.domain.definition import SqlSource
from collector.jobs.progress import Unwatched
from collector.jobs.pull import Pull
from collector.jobs.report import ProjectReport, Pulled
from collector.storage import installations, leases, pulls
from tests.world import PROJECT, START, World

MINUTE = timedelta(minutes=1)

#: Each kind of provider's database with the other kind of ours.
CROSSWISE = [("sqlite", "postgresql"), ("postgresql", "sqlite")]
crosswise = pytest.mark.parametrize(("calls_kind", "dialect"), CROSSWISE, indirect=True)
once = pytest.mark.parametrize(("calls_kind", "dialect"), [("sqlite", "sqlite")], indirect=True)
on_sqlite = pytest.mark.parametrize("calls_kind", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize("calls_kind", ["postgresql"], indirect=True)


def use(world: World, source: SqlSource | None) -> None:
    world.definition = replace(world.definition, sql=source)


def run(world: World, **changes: Any) -> Pulled:
    """One run of the whole job; what it pulled for the one installation."""
    (project,) = world.run(PROJECT, **changes).projects
    assert project.pulled is not None
    return project.pulled


def counts(pulled: Pulled) -> tuple[int, int, int, int, int]:
    told = pulled.counted()
    assert told.pop("forgotten") == 0
    assert list(told) == ["new", "updated", "unchanged", "too_old", "passed_over", "refused"]
    assert told.pop("too_old") == 0
    return tuple(told.values())  # type: ignore[return-value]


def stored(world: World) -> list[str]:
    return [row["call_id"] for row in world.rows("SELECT call_id FROM call ORDER BY call_id")]


def until(world: World, project_id: int = PROJECT) -> datetime | None:
    with world.database.read() as connection:
        state = pulls.find(connection, project_id)
    return state.pulled_until if state else None


def call(number: int, ago: timedelta = MINUTE, **content: Any) -> dict[str, Any]:
    return {"call_id": f"c-{number:05}", "updated": START - ago, **content}


class Watching:
    """Does something each time a few more rows are stored."""

    def __init__(self, then: Any) -> None:
        self._then = then

    def begin(self, step: str, total: int | None) -> None:
        assert (step, total) == ("pulling", None)

    def advance(self, done: int) -> None:
        self._then(done)


def alone(world: World, **changes: Any) -> Pulled:
    """Only the reading, under a lease of its own, whoever held it before."""
    assert world.definition.sql is not None
    with world.database.write() as connection:
        connection.execute(sa.text("UPDATE installation SET lease_until = NULL"))
        lease = leases.take(connection, PROJECT, "reader", world.clock())
        assert lease is not None
        installation = installations.get(connection, PROJECT)
    report = ProjectReport(project_id=PROJECT, name=installation.name)
    Pull(
        **{
            "database": world.database,
            "definition": world.definition,
            "source": world.definition.sql,
            "url": None,
            "secrets": world.secrets,
            "caller_hash": None,
            "installation": installation,
            "lease": lease,
            "report": report,
            "progress": Unwatched(),
            "clock": world.clock,
            "stopping": lambda: False,
            **changes,
        }
    ).run()
    assert report.pulled is not None
    return report.pulled
