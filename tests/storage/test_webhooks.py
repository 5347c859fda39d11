"""Secrets of webhooks are kept apart by project and platform, replaced, resealed and removed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from collector.errors import SecretError
from collector.storage import webhooks
from collector.storage.database import Database
from collector.storage.secrets import SecretBox, generate_key

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def add(database: Database, project_id: int, preset: str, sealed: str) -> bool:
    with database.write() as connection:
        return webhooks.add(connection, project_id, preset, sealed, NOW)


def test_each_project_and_platform_has_its_own_secret(database: Database) -> None:
    assert not add(database, 162, "twilio", "a")
    assert not add(database, 162, "callrail", "b")
    assert not add(database, 163, "twilio", "c")
    assert add(database, 162, "twilio", "d")
    with database.read() as connection:
        assert webhooks.find_secret(connection, 162, "twilio") == "d"
        assert webhooks.find_secret(connection, 163, "twilio") == "c"
        assert webhooks.find_secret(connection, 163, "callrail") is None
        listed = webhooks.list_all(connection)
    assert [(item.project_id, item.preset) for item in listed] == [
        (162, "callrail"),
        (162, "twilio"),
        (163, "twilio"),
    ]
    assert {item.created_at for item in listed} == {NOW}


def test_one_secret_is_removed_at_a_time(database: Database) -> None:
    add(database, 162, "twilio", "a")
    add(database, 163, "twilio", "b")
    with database.write() as connection:
        assert webhooks.remove(connection, 162, "twilio")
        assert not webhooks.remove(connection, 162, "twilio")
        assert [item.project_id for item in webhooks.list_all(connection)] == [163]


def test_all_secrets_are_resealed_or_none(database: Database) -> None:
    old, new = generate_key(), generate_key()
    add(database, 162, "twilio", SecretBox([old]).seal("s3cret"))
    add(database, 163, "twilio", SecretBox([old]).seal("another"))
    with pytest.raises(SecretError), database.write() as connection:
        webhooks.reseal_secrets(connection, SecretBox([new]))
    with database.write() as connection:
        assert webhooks.reseal_secrets(connection, SecretBox([new, old])) == 2
    with database.read() as connection:
        sealed = [webhooks.find_secret(connection, number, "twilio") for number in (162, 163)]
    assert [SecretBox([new]).open(each or "") for each in sealed] == ["s3cret", "another"]
