"""The dashboard's users: passwords hashed, logins ended with the password they began with."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from collector.errors import NotFoundError
from collector.storage import passwords, users
from collector.storage.database import Database
from collector.storage.passwords import PasswordHash
from collector.storage.tables import UserAccountRow
from collector.storage.users import Credentials, User
from tests.domain.samples import NOON, SECOND

ONE, OTHER = PasswordHash("$argon2id$one"), PasswordHash("$argon2id$other")


def add(database: Database, name: str = "anna", at: int = 0) -> bool:
    with database.write() as connection:
        return users.add(connection, name, ONE, NOON + at * SECOND)


def credentials(database: Database, name: str = "anna") -> Credentials | None:
    with database.read() as connection:
        return users.find_credentials(connection, name)


def listed(database: Database) -> list[User]:
    with database.read() as connection:
        return users.list_all(connection)


def test_a_user_is_found_by_the_exact_name_and_no_other(database: Database) -> None:
    assert add(database)
    found = credentials(database)
    assert found is not None
    assert found.password_hash == ONE
    with database.read() as connection:
        assert users.stamp_of(connection, "anna") == found.stamp
        assert users.exists(connection, "anna")
        assert [users.exists(connection, name) for name in ("Anna", "anna ", "")] == [False] * 3


def test_nobody_is_added_twice(database: Database) -> None:
    add(database)
    before = credentials(database)
    assert not add(database, at=1)
    assert credentials(database) == before
    assert len(listed(database)) == 1


def test_another_password_is_another_stamp_of_that_user_alone(database: Database) -> None:
    add(database, "anna")
    add(database, "bert")
    before = credentials(database, "anna"), credentials(database, "bert")
    with database.write() as connection:
        users.set_password(connection, "anna", OTHER, NOON + SECOND)
    changed = credentials(database, "anna")
    assert changed is not None
    assert before[0] is not None
    assert changed.password_hash == OTHER
    assert changed.stamp != before[0].stamp
    assert credentials(database, "bert") == before[1]
    assert [(one.created_at, one.changed_at) for one in listed(database)] == [
        (NOON, NOON + SECOND),
        (NOON, NOON),
    ]


def test_a_login_is_noted_only_while_its_stamp_is_still_the_users(database: Database) -> None:
    add(database)
    began_with = credentials(database)
    assert began_with is not None
    with database.write() as connection:
        assert users.note_login(connection, "anna", began_with.stamp, NOON + SECOND)
        users.set_password(connection, "anna", OTHER, NOON + 2 * SECOND)
        assert not users.note_login(connection, "anna", began_with.stamp, NOON + 3 * SECOND)
        assert not users.note_login(connection, "bert", began_with.stamp, NOON + 3 * SECOND)
    assert [one.last_login_at for one in listed(database)] == [NOON + SECOND]


def test_users_are_listed_by_name_without_hash_and_stamp(database: Database) -> None:
    with database.read() as connection:
        assert not users.has_any(connection)
    add(database, "bert", at=0)
    add(database, "anna", at=1)
    assert [one.name for one in listed(database)] == ["anna", "bert"]
    assert listed(database)[1] == User(
        name="bert", created_at=NOON, changed_at=NOON, last_login_at=None
    )
    with database.read() as connection:
        assert users.has_any(connection)


def test_a_removed_user_is_gone_and_one_who_is_not_there_is_named(database: Database) -> None:
    add(database, "anna")
    add(database, "bert")
    with database.write() as connection:
        users.remove(connection, "anna")
    assert credentials(database, "anna") is None
    assert [one.name for one in listed(database)] == ["bert"]
    with (
        database.write() as connection,
        pytest.raises(NotFoundError, match=r"no user anna.*collector user list"),
    ):
        users.remove(connection, "anna")
    with database.write() as connection, pytest.raises(NotFoundError, match="no user anna"):
        users.set_password(connection, "anna", OTHER, NOON)


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_a_password_is_stored_as_a_salted_hash_of_argon2id(database: Database) -> None:
    one, again = passwords.hashed("crème brûlée 12"), passwords.hashed("crème brûlée 12")
    assert one != again
    assert one.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    with database.write() as connection:
        users.add(connection, "anna", one, NOON)
    with database.read() as connection:
        row = connection.execute(sa.select(UserAccountRow.__table__)).one()
    assert "brûlée" not in str(row)
    # As another keyboard composes the same characters.
    assert passwords.fits("cre\u0300me bru\u0302le\u0301e 12", one)
    assert not passwords.fits("creme brulee 12", one)


def test_who_is_unknown_has_no_password_and_costs_as_much_to_look_at() -> None:
    parameters = passwords.hashed("whatever it is").split("$")[:4]
    assert passwords.NOBODYS.split("$")[:4] == parameters
    assert not passwords.fits("", None)
