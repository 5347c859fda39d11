"""The page of one session tells what was seen of it, and what was joined to it."""

from __future__ import annotations

import sqlalchemy as sa

from tests.web.pages.conftest import MINUTE, Board, links, queries, text_of
from tests.world import World


def test_a_session_is_told_with_its_keys_its_calls_and_its_three_numbers(
    world: World, board: Board
) -> None:
    answer = board.get("/sessions/162/u.1")
    text = text_of(answer)
    for told in (
        "Session u.1",
        "Beacons 1",
        "These values are of a person.",
        "visitor_id v-1",
        "accepted visitor_id",
        "1 c-1 accepted 1; accepted: 1",
        "2 free",
        "3 free",
    ):
        assert told in text
    assert {"/calls/162/c-1", "/installations/162"} <= set(links(answer))


def test_a_number_that_its_call_has_left_says_so(world: World, board: Board) -> None:
    world.visit("w.1", visitor_id="v-2")
    world.call("c-1", ago=-MINUTE, visitor_id="v-2")
    world.run()
    assert "1 c-1 superseded: the call points elsewhere" in board.shows("/sessions/162/u.1")


def test_a_session_without_keys_and_calls_says_so(world: World, board: Board) -> None:
    world.visit("x.1")
    text = board.shows("/sessions/162/x.1")
    assert "Its beacons told none" in text
    assert "None yet." in text


def test_the_values_of_keys_stand_nowhere_but_with_their_session_and_call(
    world: World, board: Board
) -> None:
    world.visit("u.1", reference="ref-of-a-person")
    assert "ref-of-a-person" in board.get("/sessions/162/u.1").text
    for path in ("/calls", "/installations/162", "/installations/162/heard", "/calls/162/c-2"):
        assert "of-a-person" not in board.get(path).text


def test_every_query_that_a_page_shows_can_be_repeated(world: World, board: Board) -> None:
    for path, least in (
        ("/calls/162/c-1", 3),
        ("/sessions/162/u.1", 3),
        ("/installations/162", 7),
        ("/calls", 1),
    ):
        shown = queries(board.get(path))
        assert len(shown) >= least, path
        for query in shown:
            assert " FROM report_" in query.replace("\n", " ")
            with world.database.read() as connection:
                connection.execute(sa.text(query.replace(":", "\\:"))).all()
