"""The page of one installation tells how it does, and while no beacon came, how it begins."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bench import flood
from collector.storage import beacon_counts
from collector.storage.beacon_counts import NO_PROJECT, BeaconCount
from tests.web.conftest import before_sql
from tests.web.pages.conftest import MINUTE, Board, OpenBoard, links, text_of
from tests.world import PROJECT, World

SHOP = "https://shop.example"


def count(world: World, outcome: str, origin: str = SHOP, **changes: Any) -> None:
    now = datetime.now(UTC)
    standard: dict[str, Any] = {
        "project_id": PROJECT, "beacons": 1, "day": now.date(), "last_at": now,
    }  # fmt: skip
    counted = BeaconCount(outcome=outcome, origin=origin, **(standard | changes))
    beacon_counts.add(world.database, [counted], installed={SHOP})


def heard(board: Board) -> dict[str, Any]:
    answer = board.json("/installations/162/heard")
    assert answer.json is not None
    return dict(answer.json)


def test_a_new_installation_leads_with_the_tag_and_waits(empty: World, board: Board) -> None:
    answer = board.get("/installations/162")
    text = text_of(answer)
    assert text.index("Waiting for the first beacon") < text.index("State active")
    assert '<script async src="http://localhost/v1/snippet.js"></script>' in text
    assert "the address of this page: COLLECTOR_PUBLIC_URL is not set" in text
    assert "collector verify https://shop.example/" in text
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in answer.text
    assert heard(board) == {
        "heard": False, "refused": 0, "sentence": "No beacon has come yet.",
    }  # fmt: skip


def test_what_was_refused_meanwhile_is_told_with_its_remedy(empty: World, board: Board) -> None:
    count(empty, "origin_not_allowed", "https://www.shop.example", beacons=2)
    count(empty, "malformed_body", project_id=NO_PROJECT)
    count(empty, "malformed_body", "https://stranger.example", project_id=NO_PROJECT)
    count(empty, "key_ignored", project_id=163)
    assert heard(board)["refused"] == 3
    assert heard(board)["sentence"] == "No beacon has come yet. 3 were refused."
    text = board.shows("/installations/162")
    assert "Waiting for the first beacon" in text
    assert (
        "origin_not_allowed needs a person 2 beacons, the last less than a minute ago, "
        "from https://www.shop.example"
    ) in text
    assert "collector installation edit 162 --add-origin https://www.shop.example" in text
    assert "origin_not_allowed 2" in text


def test_the_first_beacon_is_told_with_its_keys_and_what_comes_next(
    empty: World, board: Board
) -> None:
    empty.visit("u.1", visitor_id="v-1", reference="r-1")
    assert heard(board) == {
        "heard": True,
        "refused": 0,
        "sentence": "The first beacon has come, of session u.1, with reference, visitor_id.",
    }
    answer = board.get("/installations/162")
    text = text_of(answer)
    assert "The first beacon has come It came 30 minutes ago" in text
    assert "That session carries: reference, visitor_id." in text
    assert "collector calls import calls.csv --project-id 162" in text
    assert "collector reconcile --every 5m" in text
    assert "refresh" not in answer.text
    assert "/sessions/162/u.1" in links(answer)
    empty.call("c-1", ago=-MINUTE, visitor_id="v-1")
    assert "Calls have come in. Done." in board.shows("/installations/162")
    empty.run()
    assert "What comes next" not in board.shows("/installations/162")


def test_a_first_beacon_without_a_key_is_warned_of(empty: World, board: Board) -> None:
    empty.visit("u.1")
    assert heard(board)["sentence"].endswith("of session u.1, without any key.")
    assert "That session carries no match key" in board.shows("/installations/162")


def test_an_installation_at_work_tells_what_came_of_it(world: World, board: Board) -> None:
    count(world, "accepted", beacons=3)
    world.edit(honour_gpc=False)
    answer = board.get("/installations/162")
    text = text_of(answer)
    for told in (
        "42, version 1, under which something was accepted",
        "are of FR",
        "is ignored",
        "accepted 3 new sessions 1",
        "Nothing was refused or left out.",
        "Match keys of the 1 sessions",
        "visitor_id 1 100.0 %",
        "none 0 0.0 %",
        "unmatched no session was found 1 calls that are unmatched",
        "calls 2",
        "No pending enrichment does.",
        "HTTP 200",
        'data-gpc="ignore"></script>',
    ):
        assert told in text
    assert "client" not in text
    (unmatched,) = [url for url in links(answer) if "verdict=unmatched" in url]
    assert "c-2" in board.shows(unmatched)


def test_what_expires_and_what_is_wrong_is_told_first(world: World, board: Board) -> None:
    world.clock.now -= timedelta(days=6, hours=12)
    world.visit("old.1", visitor_id="v-9")
    world.clock.forward(minutes=1)
    world.call("c-9", visitor_id="v-9")
    world.edit(paused=True, problem="too much was refused")
    world.run()
    text = board.shows("/installations/162")
    assert "State paused too much was refused It is paused (too much was refused); go on" in text
    assert "Pending enrichments, the first deadline first" in text
    assert "c-9 20" in text


@before_sql
@pytest.mark.parametrize(
    ("settings", "host", "origin", "says"),
    [
        ({"public_url": "https://c.example"}, "other.example", "https://c.example", "as COLLECTOR"),
        ({}, "c.example:8000", "http://c.example:8000", "Pages of https load no script from http"),
        ({}, "localhost:8000", "http://localhost:8000", "is not set"),
        ({}, "bad_host<script>", "https://collector.example.com", "is an example"),
    ],
)
def test_the_tag_has_the_address_that_is_known(
    empty: World, open_board: OpenBoard, settings: dict[str, str], host: str, origin: str, says: str
) -> None:
    board = open_board(**settings)
    answer = board.get("/installations/162", **board.at(host))
    text = text_of(answer)
    assert f'src="{origin}/v1/snippet.js"' in text
    assert says in text


@before_sql
def test_a_flood_of_invented_sessions_is_told_with_what_it_did(empty: World, board: Board) -> None:
    now = empty.clock()
    flood.pour(empty.database, 1200, now - 2 * MINUTE, MINUTE)
    call_id = empty.call(tracking_number=flood.NUMBER)
    empty.run()
    assert empty.verdict(call_id) == "ambiguous"
    text = board.shows("/installations/162")
    assert f"1,200 sessions with tracking_number {flood.NUMBER} within 60 seconds from" in text
    assert "probably invented; 1 call ambiguous by it" in text
    assert "they are invented, or everybody is shown it" in board.shows(f"/calls/162/{call_id}")
