"""Pages of calls are read ahead of being written, and nothing is decided by what is outdated."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import timedelta
from queue import Queue
from typing import Any, cast

import pytest
import sqlalchemy as sa

from collector.jobs.examine import Examiner, Found
from collector.jobs.pages import Pages
from collector.storage import enrichments, leases
from collector.storage.examining import Examined
from tests.world import PROJECT, World

MINUTE = timedelta(minutes=1)


class Watched(Examiner):
    """Tells which calls it has looked at, before anybody else knows."""

    def __init__(self, world: World) -> None:
        super().__init__(PROJECT, world.definition, world.definition.versions[1])
        self.looked_at: Queue[list[str]] = Queue()
        self.meanwhile: Callable[[], object] = lambda: None

    def find(self, connection: Any, page: Sequence[Examined], now: Any) -> Found:
        found = super().find(connection, page, now)
        self.meanwhile()
        self.looked_at.put([examined.call.call_id for examined in page])
        return found


@pytest.fixture
def examiner(world: World, monkeypatch: pytest.MonkeyPatch) -> Watched:
    monkeypatch.setattr("collector.jobs.pages.PAGE", 2)
    for number in range(4):
        world.visit(f"user{number}.1", visitor_id=f"v{number}")
    world.clock.forward(minutes=10)
    for number in range(4):
        ago = (4 - number) * MINUTE
        world.call(f"c{number}", ago=ago, visitor_id=f"v{number}", attributes={"rating": "1"})
    return Watched(world)


@pytest.fixture
def pages(world: World, examiner: Watched) -> Iterator[Pages]:
    with world.database.write() as connection:
        lease = leases.take(connection, PROJECT, "me", world.clock())
    assert lease is not None
    with closing(Pages(world.database, examiner, lease, world.clock)) as pages:
        yield pages


def all_of(pages: Pages) -> list[list[str]]:
    """The ids of each page that is written from here on."""
    plans = iter(pages.write_next, None)
    return [[decision.call_id for decision in plan.decisions] for plan in plans if plan]


def first_page_written(pages: Pages, examiner: Watched) -> None:
    assert pages.write_next() is not None
    assert examiner.looked_at.get(timeout=20) == ["c0", "c1"]
    assert examiner.looked_at.get(timeout=20) == ["c2", "c3"]


def fields(world: World, call_id: str) -> Mapping[str, Any]:
    with world.database.read() as connection:
        (enrichment,) = enrichments.of_call(connection, PROJECT, call_id)
    return cast("Mapping[str, Any]", enrichment["payload"])


def test_all_calls_are_decided_page_by_page(pages: Pages) -> None:
    assert all_of(pages) == [["c0", "c1"], ["c2", "c3"]]


def test_a_record_changed_after_it_was_read_is_decided_by_what_it_says_now(
    world: World, pages: Pages, examiner: Watched
) -> None:
    first_page_written(pages, examiner)
    world.call("c2", ago=2 * MINUTE, visitor_id="v2", attributes={"rating": "5"})
    assert all_of(pages) == [["c2", "c3"]]
    assert examiner.looked_at.get(timeout=20) == ["c2", "c3"]
    assert fields(world, "c2")["call_client_rating"] == 5.0


def test_a_call_that_was_moved_away_meanwhile_is_left_out_and_what_follows_is_not(
    world: World, pages: Pages, examiner: Watched
) -> None:
    first_page_written(pages, examiner)
    for call_id, ago in (("c2", 9 * MINUTE), ("late", timedelta(0))):
        world.call(call_id, ago=ago, visitor_id="v2", attributes={"rating": "5"})
    # It stands before the pages that are done with now, so that the next run looks at it.
    assert all_of(pages) == [["c3", "late"]]
    assert world.verdict("c2") == "waiting"


def test_what_an_operator_has_sent_again_meanwhile_is_not_overlooked(
    world: World, pages: Pages, examiner: Watched
) -> None:
    first_page_written(pages, examiner)
    with world.database.write() as connection:
        connection.execute(sa.text("UPDATE call SET verdict = 'pending' WHERE call_id = 'c3'"))
    assert all_of(pages) == [["c2", "c3"]]
    assert examiner.looked_at.get(timeout=20) == ["c2", "c3"]


def test_beacons_are_stored_while_sessions_are_looked_up(
    world: World, pages: Pages, examiner: Watched
) -> None:
    examiner.meanwhile = lambda: world.visit("beacon.1", visitor_id="v")
    assert len(all_of(pages)) == 2
    assert world.rows("SELECT beacons FROM session WHERE user_id = 'beacon'") == [{"beacons": 2}]
