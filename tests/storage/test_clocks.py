"""All who work on one database go by one clock, whatever happens to their machines'."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from collector.domain.installation import Installation
from collector.storage import clocks, installations, leases
from collector.storage.database import Database
from tests.world import Clock

HOUR = timedelta(hours=1)
A_MOMENT = timedelta(seconds=30)


class Elapsed:
    """Seconds since the machine was started."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.mark.parametrize("jump", [HOUR, -HOUR, timedelta(days=400)])
def test_a_run_does_not_notice_that_its_machines_clock_is_set(
    database: Database, jump: timedelta
) -> None:
    own, passed = Clock(datetime.now(UTC)), Elapsed()
    clock = clocks.read(database, own=own, elapsed=passed)
    begun = clock()
    own.now += jump
    passed.seconds += 20
    assert clock() == begun + timedelta(seconds=20)
    assert abs(begun - datetime.now(UTC)) < A_MOMENT


@pytest.mark.parametrize("dialect", ["postgresql"])
@pytest.mark.parametrize("ahead", [HOUR, -HOUR])
def test_of_machines_whose_clocks_differ_one_holds_the_lease(
    database: Database, ahead: timedelta
) -> None:
    installation = Installation(
        project_id=162, integration_id=42, name="Shop", client_id="c", integration_version=1,
        origins=(),
    )  # fmt: skip
    right, wrong = (
        clocks.read(database),
        clocks.read(database, own=Clock(datetime.now(UTC) + ahead)),
    )
    assert abs(right() - wrong()) < A_MOMENT
    with database.write() as connection:
        installations.add(connection, installation, "sealed", right())
        assert leases.take(connection, 162, "a", right()) is not None
        assert leases.take(connection, 162, "b", wrong()) is None
