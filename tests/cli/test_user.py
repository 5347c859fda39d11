"""Users are added, given another password and removed; no password is shown, or an argument."""

from __future__ import annotations

import re

import pytest

from collector.storage import passwords
from tests.cli.conftest import CommandLine
from tests.cli.prompting import answer_prompts

PASSWORD = "four quiet words here"


@pytest.fixture
def shell(collector: CommandLine) -> CommandLine:
    """A password is in a file, as a machine that sets up users would hand it over."""
    collector.write("password.txt", PASSWORD + "\n")
    collector.set(user_password_file="password.txt")
    return collector


def stored(shell: CommandLine) -> dict[str, str]:
    found = shell.rows("SELECT name, password_hash FROM user_account")
    return {row["name"]: row["password_hash"] for row in found}


def test_a_user_is_added_with_a_password_that_is_nowhere_to_be_seen(shell: CommandLine) -> None:
    told = shell.well("user", "add", "anna@example.com").said
    assert "http://127.0.0.1:8000/login" in told
    assert passwords.fits(PASSWORD, stored(shell)["anna@example.com"])
    told += shell.well("user", "list").said + shell.well("user", "list", "--json").said
    assert PASSWORD not in told + str(shell.everything())


def test_a_name_that_is_taken_is_told_before_a_password_is_asked_for(shell: CommandLine) -> None:
    shell.well("user", "add", "anna")
    before = shell.everything()
    shell.unset("user_password_file")
    shell("user", "add", "anna").refused("collector user password anna", code=2)
    assert shell.everything() == before


def test_a_password_is_changed_by_the_variable(shell: CommandLine) -> None:
    shell.well("user", "add", "anna")
    shell.unset("user_password_file")
    shell.set(user_password="another four quiet words")
    assert "logged out everywhere" in shell.well("user", "password", "anna").out
    assert passwords.fits("another four quiet words", stored(shell)["anna"])


@pytest.mark.parametrize(
    ("password", "told"),
    [
        ("eleven char", "has 11 characters; it must have 12 to 200"),
        ("x" * 201, "has 201 characters"),
        ("twelve\tcharacters", "one line"),
    ],
)
def test_a_password_that_is_none_is_refused(shell: CommandLine, password: str, told: str) -> None:
    shell.write("password.txt", password)
    shell("user", "add", "anna").refused(told, code=2)
    assert stored(shell) == {}


def test_without_a_terminal_the_variable_is_named(shell: CommandLine) -> None:
    shell.unset("user_password_file")
    shell("user", "add", "anna").refused("COLLECTOR_USER_PASSWORD;", code=2)


@pytest.mark.parametrize("name", ["", " ", "an na", "a" * 101, "anna\n", "<b>"])
def test_a_name_that_nobody_could_log_in_by_is_refused(shell: CommandLine, name: str) -> None:
    shell("user", "add", name).refused("must be 1 to 100 letters", code=2)


@pytest.mark.parametrize("command", ["password", "remove"])
def test_who_is_not_there_is_named_with_the_command_that_lists(
    shell: CommandLine, command: str
) -> None:
    shell("user", command, "bert").refused("no user bert", "collector user list", code=1)


def test_a_removed_user_is_gone_from_the_list(shell: CommandLine) -> None:
    assert "collector user add" in shell.well("user", "list").out
    shell.well("user", "add", "anna")
    (listed,) = shell.well("user", "list", "--json").json()
    assert (listed["name"], listed["last_login_at"]) == ("anna", None)
    assert re.match(r"20\d\d-\d\d-\d\dT", listed["created_at"])
    lines = shell.well("user", "list").out.splitlines()
    assert (lines[0].split()[0], lines[1].split()[0]) == ("NAME", "anna")
    assert lines[1].endswith("never")
    shell.well("user", "remove", "anna")
    assert shell.well("user", "list", "--json").json() == []


def test_who_adds_a_user_is_told_what_is_still_missing(shell: CommandLine) -> None:
    shell.unset("secret_key")
    shell.set(public_url="https://collector.example.com")
    told = shell.well("user", "add", "anna")
    assert "https://collector.example.com/login" in told.out
    assert "collector keys generate" in told.err


def test_at_the_prompt_a_password_is_typed_twice_and_a_slip_is_found(shell: CommandLine) -> None:
    shell.unset("user_password_file")
    code, shown = answer_prompts(
        ("user", "add", "anna"),
        ("Password:", PASSWORD),
        ("confirmation:", "a slip of the hand"),
        ("Password:", f" {PASSWORD} "),
        ("confirmation:", f" {PASSWORD} "),
    )
    assert code == 0, shown
    assert "do not match" in shown
    assert PASSWORD not in shown
    assert passwords.fits(f" {PASSWORD} ", stored(shell)["anna"])
