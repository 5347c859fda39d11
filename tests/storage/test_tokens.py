"""Bearer tokens: seen once, stored as a hash, each of one project and one scope."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from collector.domain.tokens import NOTED_EVERY, Token
from collector.storage import tokens
from collector.storage.database import Database
from collector.storage.tables import TokenRow
from tests.domain.samples import NOON, SECOND


def create(database: Database, project_id: int = 162, name: str = "pbx", at: int = 0) -> str:
    with database.write() as connection:
        return tokens.create(
            connection, project_id=project_id, scope="calls", name=name, now=NOON + at * SECOND
        )


def find(database: Database, token: str) -> Token | None:
    with database.read() as connection:
        return tokens.find(connection, token)


def test_a_token_tells_which_project_and_scope_it_opens(database: Database) -> None:
    one, other = find(database, create(database)), find(database, create(database, 2**53 - 1))
    assert one is not None
    assert other is not None
    assert (one.project_id, one.scope, one.name) == (162, "calls", "pbx")
    assert other.project_id == 2**53 - 1


def test_of_its_last_use_a_quarter_of_an_hour_is_noted_once(database: Database) -> None:
    text = create(database)

    def use(at: datetime) -> datetime | None:
        token = find(database, text)
        assert token is not None
        with database.write() as connection:
            tokens.note_use(connection, token, at)
        token = find(database, text)
        assert token is not None
        return token.last_used_at

    assert use(NOON) == NOON
    assert use(NOON + NOTED_EVERY - SECOND) == NOON
    assert use(NOON + NOTED_EVERY) == NOON + NOTED_EVERY
    neighbour = find(database, create(database))
    assert neighbour is not None
    assert neighbour.last_used_at is None


def test_what_is_no_token_opens_nothing(database: Database) -> None:
    token = create(database)
    prefix, project, token_id, secret = token.split("_", 3)
    last = "A" if secret[-1] != "A" else "B"
    forged = [
        "",
        "Bearer " + token,
        token + "x",
        token[:-1],
        token + "\n",
        token.upper(),
        f"{prefix}_{project}_{token_id}_{secret[:-1]}{last}",
        f"{prefix}_{project}_{'0' * 16}_{secret}",
        f"{prefix}_163_{token_id}_{secret}",
        f"{prefix}_{'9' * 17}_{token_id}_{secret}",
        f"{prefix}_{'9' * 16}_{token_id}_{secret}",
        f"{prefix}_-1_{token_id}_{secret}",
        f"{prefix}_{project}_{token_id}_' OR 1=1 --",
        "\x00",
        "\ud800",
    ]
    assert {text: find(database, text) for text in forged} == dict.fromkeys(forged)


def test_the_secret_is_nowhere_in_the_database(database: Database) -> None:
    secret = create(database).split("_", 3)[3]
    with database.read() as connection:
        row = connection.execute(sa.select(TokenRow.__table__)).one()
    assert secret not in str(row)
    assert len(secret) == 43


def test_every_token_is_another(database: Database) -> None:
    assert len({create(database) for _ in range(5)}) == 5


def test_tokens_are_listed_by_project_and_age_without_their_secrets(database: Database) -> None:
    made = [
        create(database, 163, "first", at=0),
        create(database, 162, "third", at=2),
        create(database, 162, "second", at=1),
    ]
    with database.read() as connection:
        listed = tokens.list_all(connection)
    assert [(token.project_id, token.name) for token in listed] == [
        (162, "second"),
        (162, "third"),
        (163, "first"),
    ]
    assert listed[-1] == Token(
        project_id=163,
        token_id=made[0].split("_")[2],
        scope="calls",
        name="first",
        created_at=NOON,
        expires_at=None,
        last_used_at=None,
    )
    with database.read() as connection:
        assert tokens.list_all(connection, 163) == listed[-1:]


def test_a_revoked_token_opens_nothing_and_its_neighbour_still_does(database: Database) -> None:
    gone, kept = create(database), create(database)
    with database.write() as connection:
        assert tokens.revoke(connection, gone.split("_")[2])
        assert not tokens.revoke(connection, gone.split("_")[2])
    assert find(database, gone) is None
    assert find(database, kept) is not None
