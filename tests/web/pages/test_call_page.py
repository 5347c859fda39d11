"""The page of one call tells why it stands where it stands."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from collector.domain.verdicts import Reason
from collector.insight import advice
from collector.insight.explain import explain
from tests.web.conftest import before_sql
from tests.web.pages.conftest import MINUTE, Board, links, text_of
from tests.world import PROJECT, World


def test_an_accepted_call_is_told_with_its_session_its_rules_and_its_payload(
    world: World, board: Board
) -> None:
    answer = board.get("/calls/162/c-1")
    text = text_of(answer)
    for told in (
        "accepted: delivered",
        "(delivered)",
        "Nothing to do: Contentsquare holds its newest content.",
        "u.1, found by visitor_id",
        "Caller known by a keyed hash",
        "visitor_id v-1",
        "tracking_number the record carries no such key",
        "There is no runner-up.",
        "1; accepted: 1",
        "HTTP 200",
        '"call_center_name": "RENNES"',
        "collector explain --project-id 162 c-1",
    ):
        assert told in text
    assert "hash-of-caller" not in answer.text
    assert {"/sessions/162/u.1", "/installations/162"} <= set(links(answer))


def test_a_call_without_session_says_what_to_do(world: World, board: Board) -> None:
    text = board.shows("/calls/162/c-2")
    assert "unmatched: no session was found" in text
    assert "No session can be found for a record without a match key." in text
    assert "No rule finds a candidate now." in text
    assert "It has none." in text


def test_what_the_rules_would_say_now_is_told_where_it_differs(world: World, board: Board) -> None:
    world.call("c-3", ago=MINUTE, visitor_id="v-2")
    world.run()
    world.visit("w.1", visitor_id="v-2", tracking_number="+33199001234")
    text = board.shows("/calls/162/c-3")
    assert "waiting: no session yet" in text
    world.visit("x.1", visitor_id="v-3")
    world.call("c-1", visitor_id="v-3")
    assert "By the rules now: x.1." in board.shows("/calls/162/c-1")
    world.run()
    text = board.shows("/calls/162/c-1")
    assert "what Contentsquare holds cannot be recalled" in text
    assert "u.1 1 yes" in text


@before_sql
def test_pending_enrichments_say_what_keeps_them(world: World, board: Board) -> None:
    world.call("c-3", ago=MINUTE, visitor_id="v-1")
    world.edit(paused=True)
    world.run()
    text = board.shows("/calls/162/c-3")
    assert "It is paused; go on with: collector installation resume 162" in text


def test_the_explanation_is_the_one_of_the_command(world: World, board: Board) -> None:
    document = board.json("/calls/162/c-1").json
    assert document is not None
    expected = explain(world.database, world.definition, PROJECT, "c-1").as_json()
    assert document["started_at"] == expected["started_at"].isoformat()
    for name in ("keys", "verdict", "match", "by_the_rules_now", "left_behind"):
        assert document[name] == expected[name]
    assert datetime.fromisoformat(document["candidates"][0]["session_first_seen"])
    downloaded = board.get("/calls/162/c-1?format=json")
    assert downloaded.mimetype == "application/json"
    assert downloaded.json is not None
    assert downloaded.json["match"] == document["match"]
    assert downloaded.headers["Content-Disposition"].startswith("attachment")


@before_sql
def test_without_the_definition_the_page_tells_what_the_views_tell(
    world: World, board: Board, definition_file: Path
) -> None:
    definition_file.unlink()
    text = board.shows("/calls/162/c-1")
    assert "accepted: delivered" in text
    assert '"call_center_name": "RENNES"' in text
    assert "The rules, and what they find, cannot be told:" in text
    assert str(definition_file) in text
    answer = board.json("/calls/162/c-1")
    assert answer.status_code == 503
    assert answer.headers["X-Collector-Error"] == "definition_unavailable"


#: Whatever a platform writes for an id, and what a browser, a proxy or a shell could make of it.
IDS = (
    "a/b", "../x", "..", ".", "./..", "a//b/", "/x", "/", "é ü 😀", "a?b#c%2F&d=e;f", "x.json",
    "line\nbreak", "-x", "<script>alert(1)</script>", "\"quoted' \\ back", "O'Brien",
)  # fmt: skip


def test_any_call_id_leads_to_its_page(world: World, board: Board) -> None:
    for call_id in IDS:
        world.call(call_id, ago=MINUTE, visitor_id="v-1")
    listed = [url for url in links(board.get("/calls")) if url.startswith("/calls/162")]
    assert len(listed) == len(IDS) + 2
    found = set()
    for url in listed:
        assert not {".", ".."} & set(url.partition("?")[0].split("/")), url
        answer = board.get(url)
        assert answer.status_code == 200, url
        explained = board.json(url).json
        assert explained is not None
        found.add(explained["call_id"])
        download = next(link for link in links(answer) if "format=json" in link)
        again = board.get(url.partition("?")[0] + download).json
        assert again is not None
        assert again["call_id"] == explained["call_id"]
    assert found == {*IDS, "c-1", "c-2"}
    # The same by its name alone, but for what a field of one line cannot hold.
    for call_id in set(IDS) - {"line\nbreak"}:
        answer = board.get("/calls", query_string={"q": call_id})
        assert (answer.status_code, answer.location in listed) == (303, True), call_id


@before_sql
@pytest.mark.parametrize(
    ("path", "code", "says"),
    [
        ("/calls/162/c-9", "unknown_call", "Project 162 has no call 'c-9'."),
        ("/calls/162/c%00", "unknown_call", "Project 162 has no call"),
        ("/calls/162", "unknown_call", "Project 162 has no call"),
        ("/calls/163/c-1", "unknown_project", "Project 163 has no installation."),
        ("/sessions/162/u.2", "unknown_session", "Project 162 has no session u.2"),
        ("/sessions/162/nonsense", "unknown_session", "'nonsense' is not a session key"),
        ("/sessions/163/u.1", "unknown_project", "Project 163 has no installation."),
        ("/installations/163", "unknown_project", "Project 163 has no installation."),
        ("/installations/" + "9" * 30, "unknown_project", "has no installation."),
        ("/installations/163/heard", "unknown_project", "Project 163 has no installation."),
    ],
)
def test_what_is_not_there_is_said_with_a_way_back(
    world: World, board: Board, path: str, code: str, says: str
) -> None:
    answer = board.get(path)
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert says in text_of(answer)
    assert "/calls" in links(answer)
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    as_json = board.json(path)
    assert as_json.status_code == 404
    assert as_json.json is not None
    assert as_json.json["error"]["code"] == code


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_next_step(reason: Reason) -> None:
    step = advice.next_step(reason, PROJECT, "c 1", pending="It is paused")
    assert step
    assert "{" not in step
    assert "'c 1'" in step or "--call-id" not in step
