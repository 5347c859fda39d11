"""Every command, given nonsense, answers with one clear sentence and a code that is not zero."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from collector.cli.main import cli
from collector.storage.secrets import generate_key
from tests.cli.conftest import PROJECT, SECRET, CallFile, CommandLine
from tests.cli.lines import COMMANDS, MISFITS, leaves
from tests.contentsquare.scripted import answer, scripted

#: Settings that cannot be meant.
MALFORMED = [
    ("port", "eight"),
    ("port", "8000.5"),
    ("port", "70000"),
    ("processes", "-1"),
    ("threads", "many"),
    ("refused_days", "0"),
    ("refused_days", "366"),
    ("sessions_days", "15"),
    ("calls_days", "37"),
    ("counts_days", "399"),
    ("log_level", "loud"),
    ("log_format", "xml"),
    ("database_url", "collector.db"),
    ("database_url", "mysql://collector@db.example.com/collector"),
    ("database_url", "sqlite://"),
    ("database_url", "sqlite:///:memory:"),
    ("database_url", "postgresql//collector:hunter2@db.example.com/collector"),
    ("database_url", "postgresql://collector:hunter2@db.example.com:port/collector"),
    ("database_url", "postgresql://collector:hunter2@[::1/collector"),
    ("secret_key", "not a key"),
    ("auth_url", "api.example.com"),
    ("auth_url", "ftp://api.example.com/token"),
    ("auth_url", "http://["),
    ("auth_url", "http://127.0.0.1:port/token"),
    ("auth_url_file", "/nowhere/at/all"),
]


def needing(what: str) -> list[str]:
    return [line for line, needs in COMMANDS.items() if what in needs.split()]


@pytest.fixture
def shell(collector: CommandLine, call_file: CallFile) -> CommandLine:
    """All that the commands need, and some files that are not what they seem."""
    collector.add()
    call_file({"call_id": "a"})
    for name, text in (
        ("text.txt", "text"),
        ("text.jsonl", "text\n"),
        ("empty.csv", ""),
        ("other.csv", "a,b\n1,2\n"),
        ("doubled.csv", "a,a\n1,2\n"),
    ):
        collector.write(name, text)
    (collector.folder / "bytes.txt").write_bytes(b"\xff\xfe\x80")
    return collector


def test_the_tables_name_every_command() -> None:
    missing = [path for path in leaves(cli) if not any(line.startswith(path) for line in COMMANDS)]
    assert missing == []


def test_arguments_that_do_not_fit_are_named(shell: CommandLine, subtests: pytest.Subtests) -> None:
    for line, word in MISFITS:
        with subtests.test(line=line):
            shell(*shlex.split(line)).refused(word)


def test_a_malformed_setting_is_named_by_every_command(
    shell: CommandLine, subtests: pytest.Subtests
) -> None:
    shell.set(port="eight")
    for line in needing("settings"):
        with subtests.test(line=line):
            shell(*line.split()).refused("COLLECTOR_PORT", code=2)


@pytest.mark.parametrize(("name", "value"), MALFORMED)
def test_every_malformed_setting_is_named_with_code_2(
    shell: CommandLine, name: str, value: str
) -> None:
    shell.set(**{name: value})
    if name.endswith("_file"):
        shell.unset(name.removesuffix("_file"))
    ran = shell("status")
    ran.refused(f"COLLECTOR_{name.upper()}", code=2)
    assert "hunter2" not in ran.said


def test_a_file_of_the_secret_that_is_not_there_is_named_with_code_2(shell: CommandLine) -> None:
    shell.set(client_secret_file="nowhere.txt")
    shell("installation", "edit", PROJECT, "--new-secret").refused(
        "COLLECTOR_CLIENT_SECRET_FILE", code=2
    )


def test_a_database_that_does_not_answer_is_named_without_its_password(
    shell: CommandLine, closed_port: int, subtests: pytest.Subtests
) -> None:
    shell.set(database_url=f"postgresql://collector:hunter2@127.0.0.1:{closed_port}/collector")
    for line in needing("server"):
        with subtests.test(line=line):
            ran = shell(*line.split())
            ran.refused("COLLECTOR_DATABASE_URL", str(closed_port), code=1)
            assert "hunter2" not in ran.said


def test_a_file_that_is_no_database_is_named(shell: CommandLine, subtests: pytest.Subtests) -> None:
    shell.set(database_url="sqlite:///integration.toml")
    for line in needing("server"):
        with subtests.test(line=line):
            ran = shell(*line.split())
            ran.refused("integration.toml", "COLLECTOR_DATABASE_URL", code=1)


def test_a_database_without_tables_is_answered_with_the_command_to_run(
    shell: CommandLine, subtests: pytest.Subtests
) -> None:
    shell.set(database_url="sqlite:///new.db")
    for line in needing("tables"):
        with subtests.test(line=line):
            shell(*line.split()).refused("Run: collector db upgrade", code=1)


def test_a_database_of_another_version_is_answered_with_the_command_to_run(
    shell: CommandLine, subtests: pytest.Subtests
) -> None:
    shell.well("db", "downgrade", "0001", "--yes")
    for line in needing("tables"):
        with subtests.test(line=line):
            shell(*line.split()).refused("0001", "Run: collector db upgrade", code=1)


def test_a_project_without_installation_is_named(
    shell: CommandLine, subtests: pytest.Subtests
) -> None:
    for line in needing("project"):
        with subtests.test(line=line):
            shell(*line.replace(PROJECT, "999").split()).refused("Project 999", code=1)


@pytest.mark.parametrize("line", needing("definition"))
@pytest.mark.parametrize(
    ("content", "word"),
    [
        (None, "COLLECTOR_INTEGRATION"),
        ("[[[", "not valid TOML"),
        ("name = 'x'", "calls"),
    ],
)
def test_a_missing_or_broken_definition_is_named_with_code_2(
    shell: CommandLine, line: str, content: str | None, word: str
) -> None:
    if content is None:
        Path("integration.toml").unlink()
    else:
        shell.write("integration.toml", content)
    shell(*line.split()).refused("integration.toml", word, code=2)


def test_a_missing_key_is_answered_with_the_command_that_makes_one(
    shell: CommandLine, subtests: pytest.Subtests
) -> None:
    shell.unset("secret_key")
    for line in needing("key"):
        with subtests.test(line=line):
            ran = shell(*line.split())
            ran.refused("COLLECTOR_SECRET_KEY", "collector keys generate", code=2)


def test_a_secret_stored_with_another_key_cannot_be_read(shell: CommandLine) -> None:
    shell.set(secret_key=generate_key())
    shell("installation", "check", PROJECT).refused("COLLECTOR_SECRET_KEY", code=1)
    ran = shell("reconcile")
    assert ran.code == 1
    (line,) = ran.told(f"Needs a person: Project {PROJECT}: ")
    assert "COLLECTOR_SECRET_KEY" in line
    assert "Traceback" not in ran.said


def test_a_key_that_was_rotated_out_of_first_place_still_opens_secrets(
    provider: CommandLine, secret_key: str
) -> None:
    provider.set(secret_key=f"{generate_key()},{secret_key}")
    provider.well("installation", "check", PROJECT)


def test_a_token_endpoint_that_does_not_answer_is_named(
    shell: CommandLine, closed_port: int
) -> None:
    shell.set(auth_url=f"http://127.0.0.1:{closed_port}/v1/oauth/token")
    ran = shell("installation", "check", PROJECT)
    ran.refused(f"project {PROJECT}", str(closed_port), code=1)
    assert SECRET not in ran.said


@pytest.mark.parametrize(
    ("said", "word"),
    [
        (answer(200, b"<html>hello</html>"), "not a JSON object"),
        (answer(200, {"hello": "world"}), "access_token"),
        (answer(200, b""), "not a JSON object"),
        (answer(404, b"nothing here"), "COLLECTOR_AUTH_URL"),
        (answer(401, {"message": "no"}), "refuses the credentials"),
        (answer(302, b"", Location="https://elsewhere.example/"), "COLLECTOR_AUTH_URL"),
    ],
)
def test_a_token_endpoint_that_answers_garbage_is_told_from_a_good_one(
    shell: CommandLine, said: bytes, word: str
) -> None:
    with scripted() as script:
        script.answers["/v1/oauth/token"] = [said]
        shell.set(auth_url=f"{script.url}/v1/oauth/token")
        ran = shell("installation", "check", PROJECT)
    ran.refused(word, code=1)
    assert SECRET not in ran.said


CHILDREN = [
    ("status --project-id x", 2),
    ("status", 1),
    ("calls import nowhere.csv --project-id 162", 2),
    ("reconcile", 2),
]


@pytest.mark.parametrize(("line", "code"), CHILDREN)
def test_a_process_of_its_own_answers_as_well(bare: CommandLine, line: str, code: int) -> None:
    bare.run_child(*line.split()).refused(code=code)
