"""Somebody who may look at the dashboard, and the way in."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from flask.testing import FlaskClient
from playwright.sync_api import Page

from collector.storage import users
from collector.storage.database import Database
from collector.storage.passwords import PasswordHash

NAME, PASSWORD = "anna@example.com", "four quiet words here"


def cheap(password: str) -> PasswordHash:
    """A hash that tells of itself that it was made with next to no work."""
    argon2id = Argon2id(salt=b"16 bytes of salt", length=32, iterations=1, lanes=1, memory_cost=8)
    return PasswordHash(argon2id.derive_phc_encoded(password.encode()))


def add_user(database: Database, name: str = NAME) -> None:
    """Let somebody in by this name, and by `PASSWORD`."""
    with database.write() as connection:
        users.add(connection, name, cheap(PASSWORD), datetime.now(UTC))


def enter(client: FlaskClient, **more: Any) -> FlaskClient:
    """The client, logged in; ``more`` is for each of its requests."""
    form = client.get("/login", **more).text
    (token,) = re.findall(r'name="form_token" value="([^"]+)"', form)
    fields = {"form_token": token, "name": NAME, "password": PASSWORD}
    assert client.post("/login", data=fields, **more).status_code == 303
    return client


def enter_by(page: Page, address: str) -> None:
    """Log in as a person does."""
    page.goto(f"{address}/login")
    page.get_by_label("Name").fill(NAME)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{address}/")
