"""Calls and sessions are found by their names, and listed by what they have in common."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from collector.domain.reading import Refusal
from collector.storage import refusals
from tests.web.conftest import before_sql
from tests.web.pages.conftest import MINUTE, Board, links, queries, text_of
from tests.world import World

DAY = timedelta(days=1)


def listed(board: Board, **conditions: Any) -> list[str]:
    """The calls of a list, all pages of it."""
    answer = board.get("/calls", query_string=conditions)
    found = []
    while True:
        assert answer.status_code == 200
        found += re.findall(
            r'<th scope="row" class="long"><a href="/calls/[^"]+">([^<]+)</a>', answer.text
        )
        older = re.search(r'<a href="([^"]+)" rel="next">', answer.text)
        if older is None:
            return found
        answer = board.get(older[1].replace("&amp;", "&"))


@pytest.mark.parametrize(
    ("text", "url"),
    [("c-1", "/calls/162/c-1"), (" c-1 ", "/calls/162/c-1"), ("u.1", "/sessions/162/u.1")],
)
def test_a_name_that_one_thing_has_leads_to_it(
    world: World, board: Board, text: str, url: str
) -> None:
    answer = board.get("/calls", query_string={"q": text})
    assert (answer.status_code, answer.location) == (303, url)


def test_a_name_that_several_have_leads_to_all(world: World, board: Board) -> None:
    world.install(project_id=163, integration_id=43, name="Other shop")
    world.call("c-1", project_id=163)
    world.call("u.1", project_id=163)
    answer = board.get("/calls?q=c-1")
    assert {"/calls/162/c-1", "/calls/163/c-1"} <= set(links(answer))
    assert {"/calls/163/u.1", "/sessions/162/u.1"} <= set(links(board.get("/calls?q=u.1")))
    assert board.get("/calls?q=c-1&project=163").location == "/calls/163/c-1"


def test_a_name_that_nothing_has_is_said_to_be_none(world: World, board: Board) -> None:
    with world.database.write() as connection:
        refused = Refusal(
            number=1, call_id="c-9", code="no_start", message="column 'started' is empty", record=""
        )
        refusals.keep(
            connection,
            162,
            [refused],
            source="own",
            origin="calls.csv",
            now=world.clock(),
            secrets=None,
        )
    text = board.shows("/calls?q=c-9")
    assert "No call has this id, and no session this key." in text
    assert "column 'started' is empty" in text
    assert "No call has this id" in board.shows("/calls?q=c%00-8")


def test_lists_go_on_page_by_page_and_forget_no_condition(world: World, board: Board) -> None:
    world.install(project_id=163, integration_id=43, name="Other shop")
    for number in range(104):
        world.call(f"n-{number}", project_id=162 + number % 2, ago=number // 4 * MINUTE)
    world.call("long-ago", ago=60 * DAY)
    found = listed(board, reason="new")
    assert len(found) == 104
    assert sorted(found) == sorted(f"n-{number}" for number in range(104))
    by_start = [int(call_id[2:]) // 4 for call_id in found]
    assert by_start == sorted(by_start)
    assert len(listed(board, reason="new", project=163)) == 52
    then = (world.clock() - 60 * DAY).date()
    assert listed(board, **{"from": then - DAY, "to": then + DAY}) == ["long-ago"]


def test_lists_are_chosen_by_verdict_reason_rule_and_days(world: World, board: Board) -> None:
    today = world.clock().date()
    assert listed(board) == ["c-2", "c-1"]
    assert listed(board, verdict="accepted") == ["c-1"]
    assert listed(board, reason="no_keys") == ["c-2"]
    assert listed(board, rule="visitor_id") == ["c-1"]
    assert listed(board, **{"from": today + DAY, "to": today + DAY}) == []
    assert "These are all: 2." in board.shows("/calls")
    (query,) = queries(board.get("/calls?verdict=accepted"))
    with world.database.read() as connection:
        assert [row.call_id for row in connection.execute(sa.text(query))] == ["c-1"]


@before_sql
@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("project=999", "There is no installation of project 999, so all are shown."),
        ("project=" + "9" * 40, "There is no installation of project 999"),
        ("verdict=lost", "“lost” is no verdict"),
        ("reason=lost", "“lost” is no reason"),
        ("rule=DROP TABLE", "“DROP TABLE” is no kind of match key"),
        ("from=yesterday", "A day is one such as 20"),
        ("to=9999-12-31", "A day is one such as 20"),
        ("from=2026-03-02&to=2026-03-01", "2026-03-02 comes after 2026-03-01"),
        ("from=2020-01-01&to=2026-03-01", "A list has at most 366 days"),
        ("after=nowhere", "Where this page begins cannot be read"),
        ("after=2026-01-01T00:00:00%2B00:00,162,c%00", ""),
    ],
)
def test_nonsense_gets_a_sentence_and_the_default(
    world: World, board: Board, query: str, says: str
) -> None:
    assert says in board.shows(f"/calls?{query}")


@before_sql
def test_without_any_installation_the_list_says_what_comes_first(
    world: World, board: Board
) -> None:
    with world.database.write() as connection:
        for table in ("enrichment", "sighting", "session", "call", "installation"):
            connection.execute(sa.text(f"DELETE FROM {table}"))
    assert "There is no installation yet." in board.shows("/calls")
    assert "No call has this id" in board.shows("/calls?q=c-1")


def test_text_from_outside_is_text_on_every_page(world: World, board: Board) -> None:
    hostile = "<script>alert(1)</script>\"'&{{7*7}}"
    world.edit(name=hostile, problem=hostile, origins=["https://shop.example", hostile])
    world.visit("h.1", visitor_id=hostile, reference=hostile)
    world.call(hostile, ago=MINUTE, visitor_id=hostile, attributes={"call_center": "<b>\"'"})
    world.run()
    world.edit(problem=hostile)
    call = next(url for url in links(board.get("/calls")) if "script" in url)
    for path in (
        call,
        "/sessions/162/h.1",
        "/installations/162",
        "/calls",
        "/calls/162/%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "/calls?q=%3Cscript%3Ealert(1)%3C%2Fscript%3E%22'",
        "/calls?rule=%22%3E%3Cscript%3Ealert(1)",
    ):
        answer = board.get(path)
        assert "<script>alert" not in answer.text, path
        assert "<b>" not in answer.text, path
        assert "alert(1)" in text_of(answer) or "no kind of match key" in answer.text, path
        assert "script-src 'self';" in answer.headers["Content-Security-Policy"]
    assert hostile in text_of(board.get(call))
