"""What the commands print that need little more than themselves: help, config, tokens and more."""

from __future__ import annotations

import os
import re
from dataclasses import fields
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from collector import config
from collector.cli.main import cli
from collector.config import SECRET_ARGUMENTS, Settings
from collector.errors import DatabaseUnavailableError
from collector.storage import tokens
from collector.storage.database import Database
from collector.storage.secrets import SecretBox
from tests.cli.conftest import EXAMPLE, PROJECT, CommandLine
from tests.cli.lines import COMMANDS, leaves

GROUPS = sorted({path.split()[0] for path in leaves(cli) if " " in path})
SETTINGS = [f"COLLECTOR_{item.name.upper()}" for item in fields(Settings)]
VARIABLES = [*SETTINGS, *SECRET_ARGUMENTS]

SECOND_VERSION = """
[versions.2]
schema = "schema.v2.json"

[versions.2.fields]
answered = { source = "status", map = { completed = true } }
call_duration = { source = "duration_s", multiply = 1000 }
call_center_name = { source = "call_center", truncate = true, default = "UNKNOWN" }
call_datetime = { call = "started" }
"""


@pytest.fixture
def shell(collector: CommandLine) -> CommandLine:
    """A provider with one installation; nobody is asked for a token here."""
    collector.add()
    return collector


@pytest.mark.parametrize("path", ["", *GROUPS, *leaves(cli)])
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_every_command_helps_without_any_setting(bare: CommandLine, path: str, option: str) -> None:
    bare.set(port="eight", database_url="nonsense")
    ran = bare.well(*path.split(), option)
    assert ran.out.startswith(f"Usage: collector {path}".rstrip())
    assert ran.err == ""


def test_the_groups_help_lists_every_setting_and_every_command(bare: CommandLine) -> None:
    told = bare.well("--help").out
    for word in [*VARIABLES, *(line.split()[0] for line in COMMANDS)]:
        assert re.search(rf"\b{word}\b", told), word


def test_the_version_is_told(bare: CommandLine) -> None:
    assert re.fullmatch(r"collector, version \d+\.\d+\.\d+\n", bare.well("--version").out)


def test_a_key_is_new_each_time_and_fit_for_use(bare: CommandLine) -> None:
    first, second = (bare.well("keys", "generate").out.strip() for _ in range(2))
    assert first != second
    box = SecretBox([first, second])
    assert box.open(box.seal("x")) == "x"


def test_config_shows_every_setting_and_no_secret(collector: CommandLine, secret_key: str) -> None:
    collector.set(
        database_url="postgresql://collector:hunter2@db.example.com/collector",
        client_secret="hunter3",
        port="8123",
    )
    document = collector.well("config", "--json").json()
    assert [item["variable"] for item in document] == VARIABLES
    values = {item["variable"]: item["value"] for item in document}
    shown = "postgresql://collector:***@db.example.com/collector"
    assert values["COLLECTOR_DATABASE_URL"] == shown
    assert values["COLLECTOR_SECRET_KEY"] == "1 key(s), hidden"
    assert values["COLLECTOR_PORT"] == "8123"
    assert values["COLLECTOR_CLIENT_SECRET"] == "hidden"
    assert all(item["about"] for item in document)
    told = collector.well("config")
    lines = told.out.splitlines()
    assert [line.split()[0] for line in lines] == ["VARIABLE", *VARIABLES]
    for secret in ("hunter2", "hunter3", secret_key):
        assert secret not in told.said + str(document)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://collector:hunter2@db.example.com/collector",
        "postgresql://collector@db.example.com/collector?password=hunter2",
        "postgresql://collector:hunter2/x@db.example.com/collector",
        "postgresql://collector:hunter2#x@db.example.com/collector",
    ],
)
def test_a_password_is_masked_wherever_the_url_carries_it(collector: CommandLine, url: str) -> None:
    collector.set(database_url=url)
    told = collector.well("config").said + collector.well("config", "--json").said
    assert "hunter2" not in told
    assert "***" in told


def test_a_setting_may_be_in_a_file(collector: CommandLine) -> None:
    collector.write("url.txt", "sqlite:///elsewhere.db\n")
    collector.unset("database_url")
    collector.set(database_url_file=str(collector.folder / "url.txt"))
    collector.well("db", "upgrade")
    assert Path("elsewhere.db").exists()


def test_tokens_are_made_listed_without_secret_and_revoked(shell: CommandLine) -> None:
    made = shell.well(
        "token", "create", "--scope", "calls", "--project-id", PROJECT, "--name", "platform"
    )
    token = made.out.strip()
    secret = token.split("_", 3)[3]
    assert "cannot be shown again" in made.err
    assert secret not in str(shell.everything())
    (listed,) = shell.well("token", "list", "--json").json()
    assert (listed["project_id"], listed["scope"], listed["name"]) == (162, "calls", "platform")
    table = shell.well("token", "list").out
    assert listed["token_id"] in table
    assert secret not in table
    with Database(shell.database_url) as database:
        with database.read() as connection:
            assert tokens.find(connection, token) is not None
        shell.well("token", "revoke", listed["token_id"])
        with database.read() as connection:
            assert tokens.find(connection, token) is None
    shell("token", "revoke", listed["token_id"]).refused(listed["token_id"], code=1)


def test_a_token_ends_after_a_year_or_when_somebody_says(shell: CommandLine) -> None:
    create = ("token", "create", "--scope", "calls", "--project-id", PROJECT)
    shell.well(*create, "--name", "year")
    shell.well(*create, "--name", "week", "--expires", "7d")
    shell.well(*create, "--name", "day", "--expires", "2097-01-31")
    assert "never ends" in shell.well(*create, "--name", "never", "--expires", "never").err
    found = {each["name"]: each for each in shell.well("token", "list", "--json").json()}
    ends = {name: each["expires_at"] for name, each in found.items()}
    assert ends["never"] is None
    assert ends["day"] == "2097-02-01T00:00:00+00:00"
    for name, days in (("year", 365), ("week", 7)):
        lasts = datetime.fromisoformat(ends[name]) - datetime.fromisoformat(
            found[name]["created_at"]
        )
        assert abs(lasts - timedelta(days=days)) < timedelta(minutes=1)
    assert {name: each["standing"] for name, each in found.items()} == {
        "year": "active", "week": "expiring", "day": "active", "never": "active",
    }  # fmt: skip
    anew = f"collector token create --scope calls --project-id {PROJECT}"
    for command in (("token", "list"), ("status",), ("doctor", "--offline")):
        said = shell(*command).said
        assert f"{found['week']['token_id']} (week) expires at" in said
        assert anew in said
        assert said.count("expires at") == 1
    (row,) = [line for line in shell.well("token", "list").out.splitlines() if " never " in line]
    assert row.endswith("never")  # used, too
    for wrong in ("0d", "2020-01-01", "soon", "4000d", "-1d", "2027-13-01", "9999-12-31", ""):
        shell(*create, "--expires", wrong).refused("--expires", code=2)
    assert len(shell.rows("SELECT * FROM token")) == len(found)


def test_the_example_definition_is_copied_and_valid(bare: CommandLine) -> None:
    bare.well("integration", "example", "mine")
    assert sorted(path.name for path in Path("mine").iterdir()) == sorted(
        path.name for path in EXAMPLE.iterdir()
    )
    told = bare.well("integration", "check", "--file", "mine/integration.toml").out
    assert "Phone calls: the definition is valid." in told
    assert '"call_duration": 75000' in told
    bare("integration", "example", "mine").refused("nothing is overwritten", code=2)
    assert bare.well("integration", "example").out.count("Wrote") == 2
    assert Path("integration.toml").exists()


def test_the_example_payload_can_be_made_from_a_record_of_ones_own(
    collector: CommandLine,
) -> None:
    collector.write(
        "calls.csv",
        "call_id,started,duration_s,call_center,dialled_number\n"
        "a,2026-01-31 14:05,12,LILLE,01 99 00 12 34\n",
    )
    told = collector.well("integration", "check", "--records", "calls.csv", "--region", "FR").out
    assert '"call_duration": 12000' in told
    assert '"call_center_name": "LILLE"' in told
    assert '"call_datetime": "2026-01-31T13:05:00Z"' in told


def test_a_record_without_payload_says_which_field_and_why(collector: CommandLine) -> None:
    collector.write(
        "calls.csv", "call_id,started,duration_s,rating\na,2026-01-31T14:05:00Z,12,great\n"
    )
    collector("integration", "check", "--records", "calls.csv").refused(
        "Call a has no payload", "call_client_rating: 'great' is not a number", code=2
    )


def test_every_problem_of_a_definition_is_told_at_once(collector: CommandLine) -> None:
    good = Path("integration.toml").read_text(encoding="utf-8")
    bad = good.replace("Europe/Paris", "Europe/Atlantis").replace("call_duration =", "nobody =")
    collector.write("integration.toml", bad)
    ran = collector("integration", "check")
    assert ran.code == 2
    head, *problems = ran.err.splitlines()
    assert (
        head
        == f"Error: The integration definition integration.toml has {len(problems)} problem(s):"
    )
    assert all(problem.startswith("  - ") for problem in problems)
    for word in ("Europe/Atlantis", "nobody", "call_duration"):
        assert word in "".join(problems)


def test_a_difference_is_told_field_by_field(collector: CommandLine) -> None:
    schema = Path("schema.v1.json").read_text(encoding="utf-8")
    lines = [line for line in schema.splitlines() if "call_client_rating" not in line]
    collector.write(
        "schema.v2.json",
        "\n".join(lines).replace('"BOOL", "optional": true', '"BOOL", "optional": false'),
    )
    definition = Path("integration.toml").read_text(encoding="utf-8")
    collector.write("integration.toml", definition + SECOND_VERSION)
    told = collector.well("integration", "diff", "1", "2").out
    assert "- call_client_rating (FLOAT)" in told
    assert "~ answered: optional becomes required" in told
    assert "mapped: completed" in told
    assert "call_duration" not in told
    assert "+ call_client_rating" in collector.well("integration", "diff", "2", "1").out
    assert collector.well("integration", "diff", "1", "1").out == "No difference.\n"


def test_the_status_of_an_empty_database_says_what_to_do_next(collector: CommandLine) -> None:
    told = collector.well("status").out
    assert "collector installation add" in told
    assert "collector reconcile" in told


def test_a_rotated_key_lets_the_old_one_go(shell: CommandLine) -> None:
    (before,) = shell.rows("SELECT client_secret FROM installation")
    old, new = os.environ["COLLECTOR_SECRET_KEY"], shell.well("keys", "generate").out.strip()
    shell.set(secret_key=f"{new},{old}")
    assert "1 secret(s)" in shell.well("keys", "rotate").out
    (after,) = shell.rows("SELECT client_secret FROM installation")
    assert after != before
    with_old = SecretBox([old]).open(before["client_secret"])
    assert SecretBox([new]).open(after["client_secret"]) == with_old


def test_a_rotation_without_the_old_key_changes_nothing(shell: CommandLine) -> None:
    before = shell.everything()
    shell.set(secret_key=shell.well("keys", "generate").out.strip())
    shell("keys", "rotate").refused("COLLECTOR_SECRET_KEY", code=1)
    assert shell.everything() == before


def test_what_comes_of_cancelling_a_query_is_a_stop_and_no_failure(
    bare: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a server's own time limit is quicker than the cancelling."""

    def stopped() -> Settings:
        error = DatabaseUnavailableError("canceling statement due to lock timeout")
        error.__context__ = KeyboardInterrupt()
        raise error

    monkeypatch.setattr(config, "load", stopped)
    ran = bare("config")
    assert (ran.code, ran.out, ran.err) == (130, "", "Stopped.\n")
