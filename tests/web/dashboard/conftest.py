"""Somebody who may look at the dashboard, and the browser in which that is done."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from collector.storage.database import Database
from tests.web.conftest import Open
from tests.web.entering import NAME, PASSWORD, add_user


class Browser:
    """One browser: it keeps cookies, prefers pages, and posts the forms that it was shown."""

    def __init__(self, app: Flask, address: str = "127.0.0.1") -> None:
        self.client = app.test_client()
        self.client.environ_base["REMOTE_ADDR"] = address

    def get(self, path: str, **headers: str) -> TestResponse:
        accept = {"Accept": "text/html,*/*;q=0.8"}
        return self.client.get(path, headers={**accept, **headers}, buffered=True)

    def token(self, path: str = "/login") -> str:
        """The token of the form that is shown at ``path``; empty if there is none."""
        found = re.search(r'name="form_token" value="([^"]+)"', self.get(path).text)
        return found[1] if found else ""

    def post(self, path: str, fields: dict[str, str], **headers: str) -> TestResponse:
        return self.client.post(
            path, data=fields, headers={"Accept": "text/html,*/*;q=0.8", **headers}
        )

    def log_in(self, name: str = NAME, password: str = PASSWORD, **fields: str) -> TestResponse:
        return self.post(
            "/login", {"form_token": self.token(), "name": name, "password": password, **fields}
        )

    def is_logged_in(self) -> bool:
        return self.get("/").status_code == 200


OpenBoard = Callable[..., Browser]


@pytest.fixture
def open_board(open_app: Open, database_url: str, database: Database, secret_key: str) -> OpenBoard:
    """Opens a browser on a server of its own, where one user is known."""
    add_user(database)

    def make(keys: tuple[str, ...] = (secret_key,), **settings: Any) -> Browser:
        return Browser(open_app(database_url, secret_key=keys, **settings))

    return make


@pytest.fixture
def browser(open_board: OpenBoard) -> Browser:
    return open_board()
