"""Reports come from the replica, and from nowhere else without a word; nothing is written there."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from collector.cli import shared
from collector.config import Settings
from collector.doctor import State, replica
from collector.doctor.findings import Finding
from collector.domain.ledger import MARGIN
from collector.errors import DatabaseUnavailableError
from collector.storage import replicas
from collector.storage.database import Database
from collector.storage.reports import overview
from collector.storage.reports.asking import Period
from collector.web import state
from collector.web.dashboard import reading
from tests.postgres import PostgresServer
from tests.standby import Standby, following
from tests.web.conftest import ORIGIN, PROJECT, Open
from tests.web.entering import add_user, enter

postgresql_only = pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)


@pytest.fixture
def standby(postgres: PostgresServer, database: Database) -> Iterator[Standby]:
    with following(postgres, Path(f"/tmp/sc-{uuid.uuid4().hex[:8]}")) as made:  # noqa: S108
        yield made


# One test, since a standby costs more than all that is asked of it.
@postgresql_only
@pytest.mark.usefixtures("installation")
def test_the_overview_is_read_from_the_replica_and_says_of_which_moment_it_is(
    standby: Standby, database_url: str, database: Database, open_app: Open, secret_key: str
) -> None:
    add_user(database)
    url = standby.url(str(sa.make_url(database_url).database))
    settings = Settings(
        database_url=database_url, report_database_url=url, secret_key=(secret_key,)
    )
    app = _app(open_app, settings)
    standby.wait_until_applied()
    assert [one.state for one in _examined(settings)] == [State.OK]

    standby.ask("SELECT pg_wal_replay_pause()")
    _beacon(app, "u.1")  # is taken, while the replica does not know of it
    assert _sessions(app) == (0, "from a replica, as of")
    standby.wait_until_received()
    assert _shown(app, minutes=10).is_behind
    (finding,) = _examined(settings, minutes=10)
    assert finding.state is State.WARNING
    assert re.search(r"is 6\d\d s behind", finding.text)

    standby.ask("SELECT pg_wal_replay_resume()")
    standby.wait_until_applied()
    assert _sessions(app) == (1, "from a replica, as of")
    assert not _shown(app, minutes=10).is_behind  # nothing has happened since
    with shared.open_report_database(settings) as reports, reports.read() as connection:
        assert replicas.standing(connection, datetime.now(UTC)).follows

    standby.stop()
    _beacon(app, "u.2")
    assert _sessions(app) == (2, "The replica that reports are read from cannot be read")
    with (
        pytest.raises(DatabaseUnavailableError, match="Check COLLECTOR_REPORT_DATABASE_URL"),
        shared.open_report_database(settings),
    ):
        pass


def _app(open_app: Open, settings: Settings) -> Flask:
    return open_app(
        settings.database_url,
        report_database_url=settings.report_database_url,
        secret_key=settings.secret_key,
    )


def _beacon(app: Flask, session_key: str) -> None:
    beacon = {"projectId": PROJECT, "sessionKey": session_key, "keys": {"visitor_id": "v"}}
    answer = app.test_client().post("/v1/sessions", json=beacon, headers={"Origin": ORIGIN})
    assert answer.status_code == 204


def _sessions(app: Flask) -> tuple[int, str | None]:
    """How many sessions the page tells, and what it says of the replica."""
    app.extensions["collector_overviews"] = type(app.extensions["collector_overviews"])()
    page = re.sub(r"<[^>]*>", " ", enter(app.test_client()).get("/").text)
    told = re.search(r"Sessions\s+(\d+)", page)
    said = re.search(r"from a replica, as of|The replica that reports [\w ]+ be read", page)
    assert told
    return int(told[1]), said and said[0]


def _shown(app: Flask, *, minutes: int) -> reading.Shown:
    now = datetime.now(UTC) + timedelta(minutes=minutes)
    period = Period(projects=(PROJECT,), first=now.date(), last=now.date())
    return reading.read(state.of(app), period, now)


def _examined(settings: Settings, *, minutes: int = 0) -> list[Finding]:
    return list(replica.examine(settings, lambda: datetime.now(UTC) + timedelta(minutes=minutes)))


def test_what_reports_are_read_from_is_never_written_to_and_need_follow_nobody(
    database_url: str, database: Database, open_app: Open
) -> None:
    with (
        replicas.opened(database_url) as reports,
        pytest.raises(DatabaseUnavailableError, match=r"read.?only"),
        reports.write() as connection,
    ):
        connection.execute(sa.text("DELETE FROM session"))
    with replicas.opened(database_url) as reports:
        now = datetime.now(UTC)
        period = Period(projects=(PROJECT,), first=now.date(), last=now.date())
        assert overview.read(reports, period, now, margin=MARGIN).as_of is None
    settings = Settings(database_url=database_url, report_database_url=database_url)
    (finding,) = _examined(settings)
    assert finding.state is State.WARNING
    assert "follows no other database" in finding.text
    assert _shown(_app(open_app, settings), minutes=0).is_of_unknown_age
