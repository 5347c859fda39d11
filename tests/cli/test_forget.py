"""`collector forget` asks first, prints a receipt, and says what it cannot undo."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from collector.storage import clocks
from collector.storage.secrets import generate_key
from tests.cli.conftest import PROJECT, CallFile, CommandLine

USER = "7f3e-gone-88Nn6od"
ASKED = ("forget", "--user-id", USER, "--project-id", PROJECT)


@pytest.fixture
def shell(provider: CommandLine, call_file: CallFile) -> CommandLine:
    provider.visit(f"{USER}.4", visitor_id="v-gone")
    name = call_file({"call_id": "call-gone", "visitor_id": "v-gone"})
    provider.well("calls", "import", name, "--project-id", PROJECT)
    provider.well("reconcile")
    return provider


def test_the_receipt_tells_what_is_gone_and_what_cannot_be_recalled(shell: CommandLine) -> None:
    asked = shell(*ASKED)
    assert "would remove 1 visitor(s)" in asked.out
    assert len(shell.rows("SELECT * FROM session")) == 1  # nobody has agreed
    ran = shell(*ASKED, stdin="y\n")
    assert ran.code == 0, ran.said
    assert "removed 1 visitor(s) with 1 enrichment(s), 1 call(s), 1 sighting(s), 1 session(s)" in (
        ran.out
    )
    assert f"{USER}.4" in ran.out.partition("Already at Contentsquare")[2]
    assert "can delete none" in ran.out
    assert USER not in ran.err  # of the log
    assert not any(USER in str(table) for table in shell.everything())
    again = shell.well("calls", "import", "calls.csv", "--project-id", PROJECT)
    assert "0 new, 0 updated, 0 unchanged, 1 forgotten" in again.out


def test_it_takes_the_lease_by_the_databases_clock(
    shell: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On PostgreSQL that is another machine's; no test can set it.
    moment = datetime(2100, 1, 1, tzinfo=UTC)
    monkeypatch.setattr(clocks, "read", lambda _: lambda: moment)
    assert shell.well(*ASKED, "--json", "--yes").json()["at"] == moment.isoformat()


def test_programs_say_yes_and_read_json(shell: CommandLine) -> None:
    shell(*ASKED, "--json").refused("--yes")
    looked = shell.well(*ASKED, "--json", "--dry-run", "--data").json()
    (project,) = looked["projects"]
    assert project["data"]["call"][0]["call_id"] == "call-gone"
    assert len(shell.rows("SELECT * FROM session")) == 1
    done = shell.well(*ASKED, "--json", "--yes").json()
    (project,) = done["projects"]
    (sent,) = project["at_contentsquare"]
    assert sent["session_key"] == f"{USER}.4"
    assert done["file_rewritten"] is True
    assert "data" not in project


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ((), "--caller"),
        (("--call-id", "c-1"), "--project-id"),
        (("--key", "visitor_id=v-1"), "--project-id"),
        (("--key", "tracking_number=0199001234", "--project-id", PROJECT), "nobody's own"),
        (("--key", "visitor_id", "--project-id", PROJECT), "visitor_id=v-123"),
        (("--user-id", "u 1"), "user id"),
        (("--caller", "anonymous"), "no number"),
        (("--user-id", USER, "--calls-only"), "--calls-only"),
        (("--user-id", USER, "--data"), "--dry-run"),
        (("--user-id", USER, "--also", "tracking_number"), "caller"),
        (("--user-id", USER, "--project-id", "999", "--yes"), "999"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(
    provider: CommandLine, arguments: tuple[str, ...], word: str
) -> None:
    provider("forget", *arguments).refused(word)


def test_a_key_that_tombstones_need_is_not_told_to_be_free(
    shell: CommandLine, secret_key: str
) -> None:
    shell.well(*ASKED, "--yes")
    new = generate_key()
    shell.set(secret_key=f"{new},{secret_key}")
    rotated = shell.well("keys", "rotate")
    assert "can go" not in rotated.out
    assert "tombstone(s) were made with a key behind the first" in rotated.err
    assert "keep forgotten people out" in shell("doctor").out
    shell.set(secret_key=new)
    assert "people who were forgotten are taken in again" in shell("doctor").out


def test_without_any_installation_nobody_can_be_forgotten_and_it_is_said(
    collector: CommandLine,
) -> None:
    collector("forget", "--user-id", USER, "--yes").refused("no installation")
    collector("forget", "--user-id", USER, "--dry-run").refused("no installation")


def test_a_number_without_its_country_is_remarked(provider: CommandLine) -> None:
    asked = ("forget", "--project-id", PROJECT, "--caller")
    assert "--region FR" in provider.well(*asked, "01 99 00 43 21", "--dry-run").out
    provider.well("installation", "edit", PROJECT, "--region", "FR")
    assert "international form" not in provider.well(*asked, "01 99 00 43 21", "--dry-run").out
    document = provider.well(*asked, "+33 1 99 00 43 21", "--yes", "--json").json()
    assert document["projects"][0]["callers_without_country"] == 0


def test_without_a_key_nobody_is_forgotten(provider: CommandLine) -> None:
    provider.unset("secret_key")
    provider(*ASKED, "--yes").refused("COLLECTOR_SECRET_KEY")
