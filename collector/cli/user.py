"""``collector user``: who may look at the dashboard."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from collector.cli import secrets, shared
from collector.cli.output import moment, print_table
from collector.config import USER_PASSWORD_VARIABLE, Settings
from collector.domain.users import NAME_RULE, is_name, normal, objection_to
from collector.errors import UsageError
from collector.storage import passwords, users
from collector.storage.passwords import PasswordHash


class UserName(click.ParamType[str]):
    """The name of a user, as it is stored."""

    name = "name"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not is_name(normal(value)):
            self.fail(NAME_RULE, param, ctx)
        return normal(value)


_name = click.argument("name", type=UserName())


@click.group()
def user() -> None:
    """Say who may look at the dashboard, which `collector serve` shows to whoever logs in.

    A password has 12 to 200 characters. It is asked for, or read from COLLECTOR_USER_PASSWORD or
    the file that COLLECTOR_USER_PASSWORD_FILE names; it is never an argument, which others on the
    machine could see.
    """


@user.command()
@_name
def add(name: str) -> None:
    """Add a user, such as anna, who may look at everything."""
    settings = shared.load_settings()
    with shared.open_database(settings) as database:
        with database.read() as connection:
            if users.exists(connection, name):
                raise _taken(name)
        password_hash = _new_password()
        with database.write() as connection:
            if not users.add(connection, name, password_hash, datetime.now(UTC)):
                raise _taken(name)
    click.echo(f"Added {name}. Log in at {_address(settings)}")
    if not settings.secret_key:
        click.echo(
            "Nobody can log in while `collector serve` runs without COLLECTOR_SECRET_KEY, which "
            "signs logins. Make one with: collector keys generate",
            err=True,
        )


@user.command()
@_name
def password(name: str) -> None:
    """Give a user another password.

    Whoever has logged in with the old one is logged out at once.
    """
    with shared.open_database(shared.load_settings()) as database:
        with database.read() as connection:
            if not users.exists(connection, name):
                raise users.unknown(name)
        password_hash = _new_password()
        with database.write() as connection:
            users.set_password(connection, name, password_hash, datetime.now(UTC))
    click.echo(f"Changed the password of {name}, who is logged out everywhere.")


@user.command()
@_name
def remove(name: str) -> None:
    """Remove a user, who is logged out at once."""
    with shared.open_database(shared.load_settings()) as database, database.write() as connection:
        users.remove(connection, name)
    click.echo(f"Removed {name}, who is logged out everywhere.")


@user.command("list")
@shared.json_option
def list_(as_json: bool) -> None:
    """List the users, with when each logged in last."""
    with shared.open_database(shared.load_settings()) as database, database.read() as connection:
        found = users.list_all(connection)
    rows: list[dict[str, Any]] = [
        {
            "name": one.name,
            "created_at": one.created_at,
            "changed_at": one.changed_at,
            "last_login_at": one.last_login_at,
        }
        for one in found
    ]
    if as_json:
        shared.echo_json(rows)
    elif not rows:
        click.echo("Nobody may look at the dashboard yet. Add somebody with: collector user add")
    else:
        print_table(
            ("NAME", "ADDED", "PASSWORD SET", "LAST LOGIN"),
            [
                [
                    one.name,
                    moment(one.created_at),
                    moment(one.changed_at),
                    "never" if one.last_login_at is None else moment(one.last_login_at),
                ]
                for one in found
            ],
        )


def _new_password() -> PasswordHash:
    given = secrets.ask("password", variable=USER_PASSWORD_VARIABLE, is_new=True)
    objection = objection_to(given)
    if objection is not None:
        raise UsageError(objection)
    return passwords.hashed(given)


def _taken(name: str) -> UsageError:
    return UsageError(
        f"There is a user {name} already. For another password: collector user password {name}"
    )


def _address(settings: Settings) -> str:
    return (settings.public_url or f"http://{settings.host}:{settings.port}") + "/login"
