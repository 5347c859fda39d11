"""Secrets of webhooks are kept apart by project and platform, replaced, resealed and removed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from collector.errors import SecretError
from collector.storage import webhooks
from collector.storage.database import Database
from collector.storage.secrets import SecretBox, generate_key

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def add(database: Database, project_id: int, preset: str, sealed: str) -> None:
    with database.write() as connection:
        webhooks.add(connection, project_id, preset, sealed, NOW)


def test_each_project_and_platform_has_its_own_secret(database: Database) -> None:
    add(database, 162, "twilio", "a")
    add(database, 162, "callrail", "b")
    add(database, 163, "twilio", "c")
    add(database, 162, "twilio", "d")
    with database.read() as connection:
        assert webhooks.find_secrets(connection, 162, "twilio", NOW) == ["d"]
        assert webhooks.find_secrets(connection, 163, "twilio", NOW) == ["c"]
        assert webhooks.find_secrets(connection, 163, "callrail", NOW) == []
        listed = webhooks.list_all(connection)
    assert [(item.project_id, item.preset) for item in listed] == [
        (162, "callrail"),
        (162, "twilio"),
        (163, "twilio"),
    ]
    assert {item.created_at for item in listed} == {NOW}


def test_an_earlier_secret_is_good_until_its_moment_and_ends_with_the_next(
    database: Database,
) -> None:
    day = timedelta(days=1)

    def good(at: datetime) -> list[str]:
        with database.read() as connection:
            return webhooks.find_secrets(connection, 162, "twilio", at)

    add(database, 162, "twilio", "a")
    with database.write() as connection:
        webhooks.add(connection, 162, "twilio", "b", NOW, earlier_until=NOW + day)
    assert (good(NOW), good(NOW + day)) == (["b", "a"], ["b"])
    with database.write() as connection:
        webhooks.add(connection, 162, "twilio", "c", NOW, earlier_until=NOW + day)
    assert good(NOW) == ["c", "b"]
    add(database, 162, "twilio", "d")
    assert good(NOW) == ["d"]


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
    add(database, 163, "twilio", SecretBox([old]).seal("earlier"))
    with database.write() as connection:
        webhooks.add(
            connection, 163, "twilio", SecretBox([old]).seal("another"), NOW,
            earlier_until=NOW + timedelta(days=1),
        )  # fmt: skip
    with pytest.raises(SecretError), database.write() as connection:
        webhooks.reseal_secrets(connection, SecretBox([new]))
    with database.write() as connection:
        assert webhooks.reseal_secrets(connection, SecretBox([new, old])) == 2
    with database.read() as connection:
        sealed = [
            *webhooks.find_secrets(connection, 162, "twilio", NOW),
            *webhooks.find_secrets(connection, 163, "twilio", NOW),
        ]
    assert [SecretBox([new]).open(each) for each in sealed] == ["s3cret", "another", "earlier"]
