"""``collector doctor`` finds each fault, says what to do, and hides none behind another."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from collector import snippet
from collector.doctor import here
from collector.storage import database as databases
from collector.storage import runs
from collector.storage.database import Database
from collector.storage.secrets import generate_key
from tests.cli.conftest import PROJECT, SECRET, CommandLine
from tests.contentsquare.scripted import Script, answer, scripted

TOKEN_PATH = "/v1/oauth/token"


@pytest.fixture
def script() -> Iterator[Script]:
    with scripted() as running:
        running.answers = {"/readyz": [answer(200)]}
        yield running


def dated(**ahead: float) -> bytes:
    """What the token endpoint answers to whoever only looks."""
    return answer(405, Date=format_datetime(datetime.now(UTC) + timedelta(**ahead), usegmt=True))


@pytest.fixture
def well(provider: CommandLine, script: Script) -> CommandLine:
    """A provider for whom the job has just run, and whose server answers."""
    provider.visit("u.1")
    provider.well("reconcile")
    provider.set(public_url=script.url)
    return provider


def examined(shell: CommandLine, *options: str) -> dict[str, list[dict[str, Any]]]:
    """What it finds, by check; how full the disks of this machine are is left out."""
    ran = shell("doctor", "--json", *options)
    told = ran.json()
    assert ran.code == (0 if told["ok"] else 1)
    assert told["ok"] == all(each["state"] != "problem" for each in told["checks"])
    found: dict[str, list[dict[str, Any]]] = {}
    for each in told["checks"]:
        assert (each["remedy"] is not None) == (each["state"] in {"warning", "problem"})
        if each["check"] != "disk":
            found.setdefault(each["check"], []).append(each)
    return found


def ailing(shell: CommandLine, *options: str) -> dict[str, Any]:
    """The one finding that is a warning or a problem."""
    found = [each for group in examined(shell, *options).values() for each in group]
    (one,) = [each for each in found if each["state"] in {"warning", "problem"}]
    assert isinstance(one, dict)
    return one


def test_a_healthy_setup_is_well_in_everything(well: CommandLine, secret_key: str) -> None:
    found = examined(well)
    assert {each["state"] for group in found.values() for each in group} == {"ok"}
    assert set(found) == {
        *("settings", "key", "definition", "database", "migrations", "secrets", "job"),
        *("installations", "tombstones", "users", "tokens", "clock", "limits"),
        *("server", "snippet", "extras"),
    }
    ran = well("doctor")
    assert ran.code == 0
    assert len(ran.out.splitlines()) >= len(found)
    for secret in (SECRET, secret_key):
        assert secret not in ran.said


def test_on_a_fresh_machine_it_teaches_the_next_steps_and_makes_nothing(bare: CommandLine) -> None:
    ran = bare("doctor", "--offline")
    assert ran.code == 1
    for command in ("keys generate", "integration example .", "db upgrade"):
        assert f"collector {command}" in ran.out
    assert list(bare.folder.iterdir()) == []
    assert "Traceback" not in ran.said
    bare.set(secret_key=generate_key())
    bare.well("integration", "example", ".")
    bare.well("db", "upgrade")
    ran = bare.well("doctor", "--offline")
    for command in ("reconcile", "installation add"):
        assert f"collector {command}" in ran.out


def test_it_asks_others_without_credentials_and_offline_nobody(
    well: CommandLine, script: Script
) -> None:
    well.set(auth_url=f"{script.url}{TOKEN_PATH}")
    assert "server" not in examined(well, "--offline")
    assert script.asked == []
    examined(well)
    assert [each.line for each in script.asked] == [
        *(f"GET {TOKEN_PATH} HTTP/1.1", "GET /readyz HTTP/1.1")
    ]
    assert all("Authorization" not in each.headers for each in script.asked)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"port": "http"}, "COLLECTOR_PORT"),
        ({"secret_key_file": "/nowhere/at/all"}, "COLLECTOR_SECRET_KEY_FILE"),
        ({"secret_key": "no key"}, "COLLECTOR_SECRET_KEY"),
    ],
)
def test_settings_that_cannot_be_read_are_told_and_what_needs_none_is_looked_at(
    well: CommandLine, settings: dict[str, str], text: str
) -> None:
    well.unset("secret_key")
    well.set(**settings)
    found = examined(well)
    assert set(found) == {"settings", "snippet", "extras"}
    assert found["settings"][0]["state"] == "problem"
    assert text in found["settings"][0]["text"]


def test_a_misspelt_setting_is_told(well: CommandLine) -> None:
    well.set(databse_url="sqlite:///elsewhere.db", secret_key_file="")
    assert "COLLECTOR_DATABSE_URL" in ailing(well)["text"]


def test_a_metrics_folder_that_is_missing_is_told(well: CommandLine) -> None:
    well.set(metrics_folder="/nowhere/at/all")
    assert "mkdir -p /nowhere/at/all" in ailing(well)["remedy"]


def test_a_definition_that_is_wrong_or_short_of_a_version_is_told(well: CommandLine) -> None:
    well.well("installation", "edit", PROJECT, "--integration-version", "7")
    assert "version 7" in ailing(well)["text"]
    well.write("integration.toml", "[calls\n")
    assert ailing(well)["remedy"] == "collector integration check"


def test_the_key_by_which_secrets_are_opened_is_told(well: CommandLine, secret_key: str) -> None:
    well.set(secret_key=f"{generate_key()},{secret_key}")
    assert ailing(well)["remedy"] == "collector keys rotate"
    well.set(secret_key=generate_key())
    found = ailing(well)
    assert (found["check"], found["state"]) == ("secrets", "problem")
    assert f"installation edit {PROJECT} --new-secret" in found["remedy"]
    well.unset("secret_key")
    assert {each["check"] for each in problems(well)} == {"key", "secrets"}


def problems(shell: CommandLine) -> list[dict[str, Any]]:
    groups = examined(shell).values()
    return [each for group in groups for each in group if each["state"] == "problem"]


def test_a_database_of_another_revision_is_told_and_nothing_in_it_looked_at(
    well: CommandLine,
) -> None:
    change(well, "UPDATE alembic_version SET version_num = '0001'")
    found = ailing(well)
    assert (found["check"], found["remedy"]) == ("migrations", "collector db upgrade")
    assert "secrets" not in examined(well)
    change(well, "UPDATE alembic_version SET version_num = '9999'")
    assert "newer than this version's" in ailing(well)["text"]
    change(well, "DROP VIEW oldest_program")
    change(well, "CREATE VIEW oldest_program AS SELECT '0011' AS revision")
    (found,) = examined(well)["migrations"]
    assert (found["state"], "can still work" in found["text"]) == ("warning", True)
    assert "secrets" in examined(well)


def change(shell: CommandLine, statement: str, **values: object) -> None:
    with Database(shell.database_url) as database, database.write() as connection:
        connection.execute(sa.text(statement), values)


def test_a_database_that_does_not_answer_is_told_without_its_password(
    well: CommandLine, closed_port: int
) -> None:
    well.set(database_url=f"postgresql://u:hush-hush@127.0.0.1:{closed_port}/x")
    found = ailing(well)
    assert (found["check"], found["state"]) == ("database", "problem")
    assert "hush-hush" not in str(found)
    well.set(database_url="sqlite:////nowhere/at/all.db")
    assert ailing(well)["check"] == "database"
    well.set(database_url="sqlite:///")
    assert "sqlite:///FILE" in str(ailing(well))


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_of_postgresql_its_version_and_its_clock_are_told(
    bare: CommandLine, database_url: str, secret_key: str
) -> None:
    bare.set(database_url=database_url, secret_key=secret_key)
    found = examined(bare, "--offline")
    assert [each["state"] for each in found["database"]] == ["ok"]
    assert "PostgreSQL 1" in found["database"][0]["text"]
    assert [each["state"] for each in found["clock"]] == ["ok"]
    assert [each["state"] for each in found["migrations"]] == ["ok"]


def test_a_database_that_cannot_be_written_is_told(
    well: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "PATIENCE_SECONDS", 0.05)
    with sqlite3.connect(well.folder / "collector.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        found = ailing(well)
        other.execute("ROLLBACK")
    other.close()
    assert (found["check"], found["state"]) == ("database", "problem")
    assert "Nothing can be written" in found["text"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to every file")
def test_a_read_only_file_is_told(well: CommandLine) -> None:
    (well.folder / "collector.db").chmod(0o444)
    assert ailing(well)["check"] == "database"


@pytest.mark.parametrize(
    ("ahead", "state"),
    [({"seconds": 30}, "warning"), ({"minutes": 2}, "problem"), ({"minutes": -2}, "problem")],
)
def test_a_clock_that_is_off_by_contentsquares_is_told(
    well: CommandLine, script: Script, ahead: dict[str, float], state: str
) -> None:
    well.set(auth_url=f"{script.url}{TOKEN_PATH}")
    script.answers[TOKEN_PATH] = [dated(**ahead)]
    (found,) = examined(well)["clock"]
    assert found["state"] == state


@pytest.mark.parametrize("said", [answer(405), answer(405, Date="yesterday")])
def test_an_api_that_tells_no_time_or_is_away_is_a_warning(
    well: CommandLine, script: Script, closed_port: int, said: bytes
) -> None:
    well.set(auth_url=f"{script.url}{TOKEN_PATH}")
    script.answers[TOKEN_PATH] = [said]
    assert (ailing(well)["check"], ailing(well)["state"]) == ("clock", "warning")
    well.set(auth_url=f"http://127.0.0.1:{closed_port}/token")
    assert (ailing(well)["check"], ailing(well)["state"]) == ("clock", "warning")


def test_a_server_that_is_stopped_or_not_ready_is_told(
    well: CommandLine, script: Script, closed_port: int
) -> None:
    script.answers["/readyz"] = [answer(503, X_Collector_Error="not_migrated")]
    assert "503, not_migrated" in ailing(well)["text"]
    script.answers["/readyz"] = [answer(403)]
    assert [each["state"] for each in examined(well)["server"]] == ["skipped"]
    well.set(public_url=f"http://127.0.0.1:{closed_port}")
    assert ailing(well)["check"] == "server"
    well.unset("public_url")
    assert [each["state"] for each in examined(well)["server"]] == ["skipped"]


def test_installations_that_need_somebody_are_told(well: CommandLine) -> None:
    change(well, "UPDATE session SET last_seen = :at", at="2026-01-01 00:00:00.000000")
    assert ailing(well)["remedy"] == f"collector installation check {PROJECT}"
    change(well, "UPDATE installation SET problem = 'the credentials are refused'")
    found = ailing(well)
    assert (found["state"], "the credentials are refused" in found["text"]) == ("problem", True)
    well.well("installation", "pause", PROJECT)
    assert ailing(well)["remedy"] == f"collector installation resume {PROJECT}"


def test_a_job_that_is_late_or_is_killed_is_told(well: CommandLine) -> None:
    def begun(**ago: float) -> None:
        moment = datetime.now(UTC) - timedelta(**ago)
        change(well, "UPDATE run SET started_at = :at", at=f"{moment:%Y-%m-%d %H:%M:%S.%f}")

    begun(hours=2)
    assert (ailing(well)["check"], ailing(well)["state"]) == ("job", "warning")
    begun(days=2)
    assert (ailing(well)["check"], ailing(well)["state"]) == ("job", "problem")
    begun(minutes=2)
    change(well, "UPDATE run SET outcome = 'attention'")
    assert ailing(well)["remedy"] == "collector status"
    change(well, "UPDATE run SET outcome = :outcome", outcome=runs.INTERRUPTED)
    assert "without a word" in ailing(well)["text"]


def test_a_snippet_that_is_missing_is_told(
    well: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(snippet, "_directory", lambda: tmp_path)
    for cached in (snippet.current, snippet.published, snippet.debugging):
        cached.cache_clear()
    assert ailing(well)["check"] == "snippet"


def test_a_check_that_fails_itself_is_a_problem_and_hides_no_other(
    well: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise ValueError(SECRET)

    monkeypatch.setattr(here, "key", fail)
    found = ailing(well)
    assert (found["check"], "ValueError" in found["text"]) == ("key", True)
    assert SECRET not in str(found)
    assert len(examined(well)) == 16


def test_a_file_on_a_network_file_system_is_told(
    well: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = here.file_system(well.folder)
    if not kind:
        pytest.skip("only Linux tells what a folder is kept on")
    monkeypatch.setattr(here, "NETWORK_FILE_SYSTEMS", (kind,))
    assert f"network file system ({kind})" in ailing(well)["text"]


@pytest.mark.parametrize(
    ("free", "total", "state"),
    [(2e9, 1e10, "ok"), (2e9, 1e11, "warning"), (5e8, 1e9, "warning"), (4e7, 1e10, "problem")],
)
def test_little_room_on_a_disk_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free: float, total: float, state: str
) -> None:
    class Usage:
        pass

    usage = Usage()
    usage.free, usage.total = free, total  # type: ignore[attr-defined]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert here.room(tmp_path, "the database").state == state


def test_clients_that_cannot_be_told_apart_and_a_redis_that_is_away_are_found(
    well: CommandLine,
) -> None:
    assert [each["state"] for each in examined(well)["limits"]] == ["ok"]
    well.set(public_url="https://127.0.0.1:1")
    assert "COLLECTOR_PROXY_HOPS" in examined(well)["limits"][0]["remedy"]
    well.set(proxy_hops="1", limits_url="redis://:s3cret@127.0.0.1:1")
    (found,) = examined(well)["limits"]
    assert found["state"] == "problem"
    assert found["text"] == "No Redis answers at redis://:***@127.0.0.1:1 (ConnectionError)."
