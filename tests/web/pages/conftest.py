"""A small provider whose pages are looked at, by somebody who may."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from collector.sandbox import Sandbox
from collector.storage.database import Database
from tests.sandbox_fixtures import PHONE_CALL_INSTALLATION
from tests.web.conftest import Open
from tests.web.entering import add_user, enter
from tests.world import Clock, World

MINUTE = timedelta(minutes=1)


class Board:
    """The dashboard in one browser."""

    def __init__(self, app: Any) -> None:
        self._client = enter(app.test_client())

    def at(self, host: str) -> dict[str, Any]:
        """What makes a request go to this host, where somebody has logged in too."""
        to_host: dict[str, Any] = {"environ_overrides": {"HTTP_HOST": host}}
        if self.get("/calls", **to_host).status_code != 200:
            enter(self._client, **to_host)
        return to_host

    def get(self, path: str, accept: str = "text/html,*/*;q=0.8", **more: Any) -> TestResponse:
        answer: TestResponse = self._client.get(path, headers={"Accept": accept}, **more)
        return answer

    def json(self, path: str) -> TestResponse:
        return self.get(path, "application/json")

    def shows(self, path: str) -> str:
        """The page's text, with white space as a browser has it."""
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        assert answer.mimetype == "text/html"
        return text_of(answer)


def text_of(answer: TestResponse) -> str:
    """What a person reads of a page."""
    inline = re.sub(r"</?(a|code|span|time)\b[^>]*>", "", answer.text)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", inline)).split())


def links(answer: TestResponse) -> list[str]:
    """Where a page leads."""
    return [html.unescape(found) for found in re.findall(r'href="([^"]+)"', answer.text)]


def queries(answer: TestResponse) -> list[str]:
    """The queries by which a page says that its numbers can be repeated."""
    found = re.findall(r'<pre tabindex="0">(SELECT.*?)</pre>', answer.text, re.DOTALL)
    return [html.unescape(query) for query in found]


OpenBoard = Callable[..., Board]


@pytest.fixture
def open_board(
    open_app: Open, database_url: str, database: Database, definition_file: Path, secret_key: str
) -> OpenBoard:
    add_user(database)
    usual = {"integration": str(definition_file), "secret_key": (secret_key,)}

    def make(**settings: Any) -> Board:
        return Board(open_app(database_url, **{**usual, **settings}))

    return make


@pytest.fixture
def board(open_board: OpenBoard) -> Board:
    return open_board()


@pytest.fixture
def empty(database: Database) -> Iterator[World]:
    """An installation, some minutes ago, and nothing else."""
    clock = Clock(datetime.now(UTC) - 30 * MINUTE)
    with Sandbox([PHONE_CALL_INSTALLATION], now=clock) as sandbox:
        world = World(database, sandbox, clock)
        world.install()
        yield world


@pytest.fixture
def world(empty: World) -> World:
    """One visit with an accepted call, and a call without a key."""
    empty.visit("u.1", visitor_id="v-1")
    empty.clock.forward(minutes=10)
    empty.call("c-1", ago=MINUTE, visitor_id="v-1", caller="hash-of-caller")
    empty.call("c-2", ago=MINUTE)
    empty.run()
    return empty
