"""The secrets of webhooks are stored unseen, listed without themselves, replaced and removed."""

from __future__ import annotations

import re

import pytest

from collector.storage.secrets import SecretBox, generate_key
from tests.cli.conftest import PROJECT, CommandLine
from tests.cli.prompting import answer_prompts

SECRET = "s3cret-of-the-platform"


@pytest.fixture
def shell(collector: CommandLine) -> CommandLine:
    """A provider with one installation, and a platform's secret in a file."""
    collector.add()
    collector.write("platform.txt", SECRET + "\n")
    return collector


def add(shell: CommandLine, preset: str = "twilio") -> str:
    return shell.well(
        "webhook", "add", preset, "--project-id", PROJECT, "--secret-file", "platform.txt"
    ).said


def stored(shell: CommandLine, key: str) -> dict[str, str]:
    found = shell.rows("SELECT preset, secret FROM webhook")
    return {row["preset"]: SecretBox([key]).open(row["secret"]) for row in found}


def test_a_secret_is_stored_encrypted_and_never_shown(shell: CommandLine, secret_key: str) -> None:
    told = add(shell)
    assert stored(shell, secret_key) == {"twilio": SECRET}
    told += shell.well("webhook", "list").said + shell.well("webhook", "list", "--json").said
    assert SECRET not in told + str(shell.everything())


def test_who_adds_a_webhook_is_told_the_address_to_enter(shell: CommandLine) -> None:
    told = shell.well(
        "webhook", "add", "twilio", "--project-id", PROJECT, "--secret-file", "platform.txt"
    )
    assert f"\n  https://YOUR-SERVER/v1/calls/twilio/{PROJECT}\n" in told.out
    assert "COLLECTOR_PUBLIC_URL" in told.err
    shell.set(public_url="https://collector.example.com/")
    told = shell.well(
        "webhook", "add", "callrail", "--project-id", PROJECT, "--secret-file", "platform.txt"
    )
    assert f"\n  https://collector.example.com/v1/calls/callrail/{PROJECT}\n" in told.out
    assert told.err == ""


def test_a_secret_may_come_from_a_variable_or_the_file_it_names(
    shell: CommandLine, secret_key: str
) -> None:
    shell.set(webhook_secret=SECRET)
    shell.well("webhook", "add", "twilio", "--project-id", PROJECT)
    shell.unset("webhook_secret")
    shell.set(webhook_secret_file="platform.txt")
    shell.well("webhook", "add", "callrail", "--project-id", PROJECT)
    assert stored(shell, secret_key) == {"twilio": SECRET, "callrail": SECRET}


def test_the_secret_of_an_installation_is_no_webhooks(shell: CommandLine) -> None:
    shell.set(client_secret=SECRET)
    shell("webhook", "add", "twilio", "--project-id", PROJECT).refused("COLLECTOR_WEBHOOK_SECRET")


def test_an_empty_secret_is_refused(shell: CommandLine) -> None:
    shell.write("platform.txt", " \n")
    shell(
        "webhook", "add", "twilio", "--project-id", PROJECT, "--secret-file", "platform.txt"
    ).refused("webhook secret is empty", code=2)
    assert shell.rows("SELECT * FROM webhook") == []


def test_a_mark_that_an_editor_puts_before_a_secret_is_no_part_of_it(
    shell: CommandLine, secret_key: str
) -> None:
    shell.write("platform.txt", f"\ufeff{SECRET}\r\n")
    shell.well("webhook", "add", "twilio", "--project-id", PROJECT, "--secret-file", "platform.txt")
    assert stored(shell, secret_key) == {"twilio": SECRET}


def test_a_secret_that_is_stored_is_replaced(shell: CommandLine, secret_key: str) -> None:
    assert "Stored" in add(shell)
    shell.write("platform.txt", "another\n")
    assert "Replaced" in add(shell)
    assert stored(shell, secret_key) == {"twilio": "another"}


def test_both_secrets_are_good_while_one_takes_the_place_of_the_other(
    shell: CommandLine, secret_key: str
) -> None:
    add(shell)
    shell.write("platform.txt", "another\n")
    options = ("--project-id", PROJECT, "--secret-file", "platform.txt", "--keep", "2d")
    assert "earlier secret is good until" in shell.well("webhook", "add", "twilio", *options).err
    assert "already" in shell.well("webhook", "add", "twilio", *options).out
    (row,) = shell.rows("SELECT * FROM webhook")
    box = SecretBox([secret_key])
    assert (box.open(row["secret"]), box.open(row["earlier_secret"])) == ("another", SECRET)
    (listed,) = shell.well("webhook", "list", "--json").json()
    assert listed["earlier_until"] > listed["created_at"]
    assert SECRET not in shell.well("webhook", "list").out


def test_the_list_has_every_platform_with_its_address(shell: CommandLine) -> None:
    assert "collector webhook add" in shell.well("webhook", "list").out
    assert shell.well("webhook", "list", "--json").json() == []
    add(shell, "twilio")
    add(shell, "callrail")
    shell.set(public_url="https://collector.example.com")
    listed = shell.well("webhook", "list", "--json").json()
    assert [(item["project_id"], item["preset"], item["address"]) for item in listed] == [
        (int(PROJECT), name, f"https://collector.example.com/v1/calls/{name}/{PROJECT}")
        for name in ("callrail", "twilio")
    ]
    assert all(re.match(r"20\d\d-\d\d-\d\dT", item["created_at"]) for item in listed)
    lines = shell.well("webhook", "list").out.splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["PROJECT", "PRESET"],
        [PROJECT, "callrail"],
        [PROJECT, "twilio"],
    ]


def test_a_removed_secret_is_gone(shell: CommandLine) -> None:
    add(shell, "twilio")
    add(shell, "callrail")
    shell.well("webhook", "remove", "twilio", "--project-id", PROJECT)
    assert [row["preset"] for row in shell.rows("SELECT * FROM webhook")] == ["callrail"]
    shell("webhook", "remove", "twilio", "--project-id", PROJECT).refused(
        "No secret of twilio", code=1
    )


def test_a_removed_installation_takes_its_webhooks_along(shell: CommandLine) -> None:
    add(shell)
    shell.well("installation", "remove", PROJECT, "--yes")
    assert shell.rows("SELECT * FROM webhook") == []


def test_a_rotated_key_reseals_webhooks_too(shell: CommandLine, secret_key: str) -> None:
    add(shell)
    new = generate_key()
    shell.set(secret_key=f"{new},{secret_key}")
    assert "2 secret(s)" in shell.well("keys", "rotate").out
    assert stored(shell, new) == {"twilio": SECRET}


def test_a_rotation_that_cannot_open_a_webhook_changes_nothing(
    shell: CommandLine, secret_key: str
) -> None:
    other = generate_key()
    shell.set(secret_key=other)
    add(shell)
    before = shell.everything()
    shell.set(secret_key=f"{generate_key()},{secret_key}")
    shell("keys", "rotate").refused("collector webhook add", code=1)
    assert shell.everything() == before


def test_what_is_typed_at_the_prompt_is_stored_and_not_shown(
    shell: CommandLine, secret_key: str
) -> None:
    code, shown = answer_prompts(
        ("webhook", "add", "twilio", "--project-id", PROJECT), ("secret:", SECRET)
    )
    assert code == 0, shown
    assert stored(shell, secret_key) == {"twilio": SECRET}
    assert SECRET not in shown
