"""From nothing to an accepted enrichment, by commands alone, on each database."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from collector.domain.verdicts import Verdict
from collector.sandbox import Sandbox
from tests.cli.conftest import EXAMPLE, PROJECT, SECRET, CallFile, CommandLine
from tests.sandbox_fixtures import PHONE_CALL_INSTALLATION

ADD = (
    "installation", "add", "--project-id", PROJECT, "--integration-id", "42",
    "--client-id", PHONE_CALL_INSTALLATION.client_id, "--origin", "https://shop.example",
    "--region", "FR", "--name", "Example shop",
)  # fmt: skip

#: What a second run has no reason to look at again: only waiting calls may still find a session.
SETTLED = "SELECT * FROM report_calls ORDER BY call_id"


def funnel_of(document: Any) -> dict[str, int]:
    """The verdicts of a JSON form, which has all nine, summing to the calls."""
    assert set(document["verdicts"]) == {verdict.value for verdict in Verdict}
    assert len(document["verdicts"]) == 9
    assert sum(document["verdicts"].values()) == document["calls"]
    return {name: count for name, count in document["verdicts"].items() if count}


@pytest.fixture
def beginner(bare: CommandLine, empty_database_url: str, sandbox: Sandbox) -> CommandLine:
    """Somebody with an empty database, the example definition, and a Contentsquare."""
    shutil.copytree(EXAMPLE, bare.folder, dirs_exist_ok=True)
    bare.set(database_url=empty_database_url, auth_url=sandbox.auth_url)
    return bare


def set_up(shell: CommandLine) -> None:
    shell.set(secret_key=shell.well("keys", "generate").out.strip())
    shell("status").refused("Run: collector db upgrade", code=1)
    assert "none" in shell("db", "current").out
    assert "is at revision" in shell.well("db", "upgrade").out
    shell.well("db", "current")


@pytest.mark.parametrize("way", ["file", "environment"])
def test_a_call_made_from_a_session_is_delivered_and_explained(
    beginner: CommandLine, sandbox: Sandbox, call_file: CallFile, way: str
) -> None:
    set_up(beginner)
    beginner(*ADD).refused("--client-secret-file", "COLLECTOR_CLIENT_SECRET", code=2)
    assert beginner.well("installation", "list", "--json").json() == []
    if way == "file":
        beginner.write("secret.txt", SECRET + "\n")
        said = [beginner.well(*ADD, "--client-secret-file", "secret.txt").said]
    else:
        beginner.set(client_secret=SECRET)
        said = [beginner.well(*ADD).said]
        beginner.unset("client_secret")
    checked = beginner.well("installation", "check", PROJECT)
    assert f"the token is for project {PROJECT}" in checked.out
    token = beginner.well("token", "create", "--scope", "calls", "--project-id", PROJECT)
    assert token.out.startswith(f"sc_{PROJECT}_")
    assert len(token.out.splitlines()) == 1

    beginner.visit("ae267-6g87D.4", visitor_id="v1")
    file = call_file(
        {"call_id": "a", "visitor_id": "v1", "rating": "4.5"},
        {"call_id": "b", "visitor_id": "somebody else"},
        {"call_id": "c", "visitor_id": "v1", "rating": "excellent"},
    )
    imported = beginner.well("calls", "import", file, "--project-id", PROJECT)
    assert "3 read: 3 new, 0 updated, 0 unchanged, 0 passed over, 0 refused" in imported.out

    first = beginner("reconcile", "--json")
    assert first.code == 1  # call c needs a person
    assert "fields that cannot be built" in str(first.json()["attention"])
    assert funnel_of(first.json()) == {"waiting": 1, "invalid": 1, "accepted": 1}
    status = beginner.well("status", "--json").json()
    assert status["sessions"] == 1
    assert funnel_of(status) == funnel_of(first.json())
    assert funnel_of(status["installations"][0]) == funnel_of(status)

    explained = beginner.well("explain", "a", "--project-id", PROJECT, "--json").json()
    assert explained["verdict"] == "accepted"
    assert explained["match"]["session_key"] == "ae267-6g87D.4"
    assert [item["rule"] for item in explained["candidates"]] == ["visitor_id"]
    ((key, stored),) = sandbox.held.items()
    assert tuple(key) == (int(PROJECT), "ae267-6g87D", 4, 1)
    assert stored.fields == explained["enrichment"]["payload"]

    posts = len([seen for seen in sandbox.requests if seen.path == "/v1/enrichments"])
    calls = beginner.rows(SETTLED)
    second = beginner.well("reconcile", "--json").json()
    assert funnel_of(second) == funnel_of(status)
    assert len([seen for seen in sandbox.requests if seen.path == "/v1/enrichments"]) == posts == 1
    assert beginner.rows(SETTLED) == calls

    said += [checked.said, imported.said, first.said, str(status), str(explained), token.said]
    assert SECRET not in "".join(said)
    assert SECRET not in str(beginner.everything())


def test_the_words_for_people_tell_the_same(
    beginner: CommandLine, call_file: CallFile, sandbox: Sandbox
) -> None:
    set_up(beginner)
    beginner.add(PROJECT, "--region", "FR")
    for user in ("u", "w"):
        beginner.visit(f"{user}.1", tracking_number="+33199000001")
    beginner.visit("u.1", visitor_id="v1")
    file = call_file(
        {"call_id": "a", "visitor_id": "v1"},
        {"call_id": "b", "dialled_number": "01 99 00 00 01"},
    )
    beginner.well("calls", "import", file, "--project-id", PROJECT)
    for command in ("reconcile", "status"):
        lines = [line.split() for line in beginner.well(command).out.splitlines()]
        counts = {line[0]: int(line[1]) for line in lines if len(line) > 1 and line[1].isdigit()}
        assert counts["sessions"] == counts["calls"] == 2
        assert sum(counts.get(verdict, 0) for verdict in Verdict) == 2
        assert counts["accepted"] == counts["ambiguous"] == 1
    told = beginner.well("explain", "b", "--project-id", PROJECT).out
    assert "Call b is ambiguous: several candidates, none clearly right." in told
    assert "Candidates now: 2" in told
    assert "u.1" in told
    assert "w.1" in told
    assert "It has no enrichment." in told
    told = beginner.well("explain", "a", "--project-id", PROJECT).out
    assert "Session  u.1, by visitor_id" in told
    assert "Enrichment 1, revision 1 (accepted: 1)" in told
    assert '"call_duration": 75000' in told


def test_the_schema_goes_down_to_nothing_and_up_again(beginner: CommandLine) -> None:
    set_up(beginner)
    asked = beginner("db", "downgrade", "base", stdin="n\n")
    assert asked.code != 0
    beginner.well("status")
    assert "is at revision base" in beginner.well("db", "downgrade", "base", "--yes").out
    beginner("status").refused("collector db upgrade", code=1)
    assert beginner("db", "current").code == 1
    beginner.well("db", "upgrade")
    beginner.well("db", "upgrade")
    beginner.well("status")
