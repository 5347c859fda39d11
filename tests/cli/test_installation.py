"""Installations are added and looked after by commands; their secret is never seen again."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.sandbox import Sandbox
from collector.storage.secrets import generate_key
from tests.cli.conftest import PROJECT, SECRET, CallFile, CommandLine
from tests.sandbox_fixtures import PHONE_CALL_INSTALLATION


def shown(shell: CommandLine, project_id: str = PROJECT) -> dict[str, object]:
    document: dict[str, object] = shell.well("installation", "show", project_id, "--json").json()
    return document


def test_what_was_added_is_shown(provider: CommandLine) -> None:
    assert shown(provider) == {
        "project_id": 162,
        "integration_id": 42,
        "name": "project 162",
        "client_id": PHONE_CALL_INSTALLATION.client_id,
        "integration_version": 1,
        "origins": ["https://shop.example"],
        "region": None,
        "paused": False,
        "honour_gpc": True,
        "signing_secrets": 0,
        "signed_kinds": [],
        "problem": None,
    }
    told = provider.well("installation", "show", PROJECT).out
    assert [line.split()[0] for line in told.splitlines()] == list(shown(provider))
    assert "https://shop.example" in told


def test_origins_are_stored_as_browsers_send_them_and_once(provider: CommandLine) -> None:
    provider.add(
        "163", "--origin", "HTTPS://Shop.Example:443", "--origin", "http://localhost:8080/",
        "--region", "fr", "--name", "Other shop", "--integration-version", "3",
    )  # fmt: skip
    document = shown(provider, "163")
    assert document["origins"] == ["https://shop.example", "http://localhost:8080"]
    assert document["region"] == "FR"
    assert document["name"] == "Other shop"
    assert document["integration_version"] == 3


def test_global_privacy_control_can_be_ignored_and_honoured_again(provider: CommandLine) -> None:
    provider.add("163", "--ignore-gpc")
    assert shown(provider, "163")["honour_gpc"] is False
    renamed = provider.well("installation", "edit", "163", "--name", "Other shop").out
    assert "data-gpc" not in renamed
    assert shown(provider, "163")["honour_gpc"] is False
    provider.well("installation", "edit", "163", "--honour-gpc")
    assert shown(provider, "163")["honour_gpc"] is True


@pytest.mark.parametrize(
    ("option", "words"), [("--ignore-gpc", "need"), ("--honour-gpc", "must no longer have")]
)
def test_who_decides_on_privacy_control_is_told_that_the_tags_have_a_part_in_it(
    provider: CommandLine, option: str, words: str
) -> None:
    told = provider.well("installation", "edit", PROJECT, option).out
    assert f'The tags on the pages {words} data-gpc="ignore" too.' in told
    assert f"\n  collector snippet --project-id {PROJECT} --url https://...\n" in told


def test_who_adds_an_installation_is_told_what_to_run_next(provider: CommandLine) -> None:
    told = provider.add("163").out
    assert "\n  collector installation check 163\n" in told
    assert "\n  collector snippet --project-id 163 --url https://...\n" in told


def test_the_list_has_every_installation_in_order(provider: CommandLine) -> None:
    provider.add("7", "--name", "Small shop")
    listed = provider.well("installation", "list", "--json").json()
    assert listed == [shown(provider, "7"), shown(provider)]
    lines = provider.well("installation", "list").out.splitlines()
    assert [line.split()[0] for line in lines] == ["PROJECT", "7", "162"]
    assert "Small shop" in lines[1]
    assert "active" in lines[1]


def test_an_empty_list_says_how_to_begin(collector: CommandLine) -> None:
    assert "collector installation add" in collector.well("installation", "list").out
    assert collector.well("installation", "list", "--json").json() == []


def test_a_project_has_one_installation_only(provider: CommandLine) -> None:
    before = provider.everything()
    again = provider(
        "installation", "add", "--project-id", PROJECT, "--integration-id", "43",
        "--client-id", "c", "--client-secret-file", "secret.txt",
        "--origin", "https://shop.example",
    )  # fmt: skip
    again.refused(f"Project {PROJECT}", f"collector installation edit {PROJECT}", code=2)
    assert provider.everything() == before


@pytest.mark.parametrize("text", ["", "\n", "  \n"])
def test_an_empty_secret_is_refused(collector: CommandLine, text: str) -> None:
    collector.write("secret.txt", text)
    collector(
        "installation", "add", "--project-id", PROJECT, "--integration-id", "42",
        "--client-id", "c", "--client-secret-file", "secret.txt",
        "--origin", "https://shop.example",
    ).refused("empty", code=2)  # fmt: skip
    assert collector.rows("SELECT * FROM installation") == []


def test_a_secret_is_no_argument(collector: CommandLine) -> None:
    collector("installation", "add", "--client-secret", SECRET).refused(code=2)


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        (["--name", "New name"], {"name": "New name"}),
        (["--integration-id", "43"], {"integration_id": 43}),
        (["--client-id", "other"], {"client_id": "other"}),
        (["--integration-version", "2"], {"integration_version": 2}),
        (["--region", "gb"], {"region": "GB"}),
        (["--ignore-gpc"], {"honour_gpc": False}),
        (
            ["--add-origin", "https://b.example", "--add-origin", "https://shop.example"],
            {"origins": ["https://shop.example", "https://b.example"]},
        ),
        (
            ["--add-origin", "https://b.example", "--remove-origin", "https://shop.example"],
            {"origins": ["https://b.example"]},
        ),
        (
            ["--name", "x", "--integration-version", "2"],
            {"name": "x", "integration_version": 2},
        ),
    ],
)
def test_an_edit_changes_what_it_names_and_nothing_else(
    provider: CommandLine, options: list[str], changed: dict[str, object]
) -> None:
    before = shown(provider)
    told = provider.well("installation", "edit", PROJECT, *options).out
    assert shown(provider) == before | changed
    for name in changed:
        assert name in told


def test_removing_an_origin_that_is_not_there_changes_nothing(provider: CommandLine) -> None:
    provider.well("installation", "edit", PROJECT, "--add-origin", "https://b.example")
    before = provider.everything()
    provider(
        "installation", "edit", PROJECT,
        "--remove-origin", "https://c.example", "--add-origin", "https://d.example",
    ).refused("https://c.example", "https://b.example", code=2)  # fmt: skip
    assert provider.everything() == before


@pytest.mark.parametrize("way", ["file", "environment"])
def test_a_new_secret_replaces_the_old_one(provider: CommandLine, way: str) -> None:
    if way == "file":
        provider.write("new.txt", "not the right one")
        provider.well("installation", "edit", PROJECT, "--client-secret-file", "new.txt")
    else:
        provider.set(client_secret="not the right one")
        provider.well("installation", "edit", PROJECT, "--new-secret")
    refused = provider("installation", "check", PROJECT)
    refused.refused("refuses the credentials", "collector installation edit", code=1)
    assert "not the right one" not in refused.said
    provider.well("installation", "edit", PROJECT, "--client-secret-file", "secret.txt")
    provider.well("installation", "check", PROJECT)


def test_the_secret_is_in_no_output_and_in_clear_in_no_file(
    provider: CommandLine, call_file: CallFile
) -> None:
    provider.set(log_level="debug", log_format="json")
    provider.visit("u.1", visitor_id="v1")
    file = call_file({"call_id": "a", "visitor_id": "v1"})
    said = [
        provider.well(*line.split()).said
        for line in (
            "installation list",
            "installation list --json",
            f"installation show {PROJECT}",
            f"installation show {PROJECT} --json",
            f"installation check {PROJECT}",
            f"installation edit {PROJECT} --client-secret-file secret.txt",
            f"snippet --project-id {PROJECT}",
            f"calls import {file} --project-id {PROJECT}",
            "reconcile",
            "status --json",
            f"explain a --project-id {PROJECT} --json",
            "config",
        )
    ]
    provider.write("wrong.txt", "hunter2")
    provider.well("installation", "edit", PROJECT, "--client-secret-file", "wrong.txt")
    said += [provider("installation", "check", PROJECT).said, provider("reconcile").said]
    assert SECRET not in "".join(said)
    assert "hunter2" not in "".join(said)
    provider.well("installation", "edit", PROJECT, "--client-secret-file", "secret.txt")
    assert SECRET not in str(provider.everything())
    for path in Path().glob("collector.db*"):
        assert SECRET.encode() not in path.read_bytes()


def test_a_pause_holds_sending_back_and_nothing_else(
    provider: CommandLine, call_file: CallFile, sandbox: Sandbox
) -> None:
    told = provider.well("installation", "pause", PROJECT).out
    assert f"collector installation resume {PROJECT}" in told
    assert shown(provider)["paused"] is True
    assert "paused" in provider.well("installation", "list").out
    provider.visit("u.1", visitor_id="v1")
    file = call_file({"call_id": "a", "visitor_id": "v1"})
    provider.well("calls", "import", file, "--project-id", PROJECT)
    ran = provider.well("reconcile")
    assert "paused, nothing was sent" in ran.out
    assert sandbox.held == {}
    assert provider.well("status", "--json").json()["verdicts"]["pending"] == 1
    provider.well("installation", "resume", PROJECT)
    assert shown(provider)["paused"] is False
    provider.well("reconcile")
    assert len(sandbox.held) == 1


def test_an_empty_installation_is_removed_once_it_was_confirmed(provider: CommandLine) -> None:
    declined = provider("installation", "remove", PROJECT, stdin="n\n")
    assert declined.code != 0
    unanswered = provider("installation", "remove", PROJECT)
    assert unanswered.code != 0
    assert "Traceback" not in unanswered.said
    assert shown(provider)["project_id"] == 162
    assert "Removed" in provider.well("installation", "remove", PROJECT, stdin="y\n").out
    provider("installation", "show", PROJECT).refused("Project 162", code=1)


def test_an_installation_with_data_is_only_removed_with_its_data(
    provider: CommandLine, call_file: CallFile
) -> None:
    provider.add("163")
    for project in (PROJECT, "163"):
        provider.visit("u.1", project, visitor_id="v1")
        file = call_file({"call_id": "a", "visitor_id": "v1"})
        provider.well("calls", "import", file, "--project-id", project)
        provider.well("token", "create", "--scope", "calls", "--project-id", project)
    provider.well("reconcile", "--project-id", PROJECT)
    before = provider.everything()
    provider("installation", "remove", PROJECT, "--yes").refused(
        "1 session and 1 call", "--with-data", code=2
    )
    assert provider.everything() == before
    provider.well("installation", "remove", PROJECT, "--with-data", "--yes")
    for table in ("installation", "session", "sighting", "call", "call_key", "token"):
        rows = provider.rows(f"SELECT DISTINCT project_id FROM {table}")
        assert rows == [{"project_id": 163}], table
    for table in ("enrichment", "batch"):
        assert provider.rows(f"SELECT * FROM {table}") == []


def test_a_secret_for_signatures_is_made_changed_and_forgotten(provider: CommandLine) -> None:
    require = ("installation", "edit", PROJECT, "--require-signed", "visitor_id")
    provider(*require).refused("signing new 162")
    first = provider.well("installation", "signing", "new", PROJECT)
    second = provider.well("installation", "signing", "new", PROJECT)
    provider.well("installation", "signing", "new", PROJECT)
    assert len(first.out.strip()) == len(second.out.strip()) == 43
    assert first.out != second.out
    provider.well(*require)
    found = shown(provider)
    assert (found["signing_secrets"], found["signed_kinds"]) == (2, ["visitor_id"])
    assert provider.well("keys", "rotate").out.startswith("3 secret(s)")
    provider.well("installation", "signing", "retire", PROJECT)
    assert shown(provider)["signing_secrets"] == 1
    provider("installation", "signing", "remove", PROJECT).refused("--allow-unsigned visitor_id")
    provider.well("installation", "edit", PROJECT, "--allow-unsigned", "visitor_id")
    provider.well("installation", "signing", "remove", PROJECT)
    assert shown(provider)["signing_secrets"] == 0


def test_a_secret_for_signatures_that_no_key_opens_is_found(
    provider: CommandLine, secret_key: str
) -> None:
    provider.set(secret_key=generate_key())
    provider.well("installation", "signing", "new", PROJECT)
    provider.set(secret_key=secret_key)
    assert "a secret for signatures is opened by no key" in provider("doctor", "--offline").out
    provider("keys", "rotate").refused("signing new", code=1)
