"""A caller's number is stored nowhere in the clear, however it comes, unless a field asks."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy as sa

from collector.domain.callers import CallerHash
from collector.sandbox import Sandbox
from collector.storage.database import Database
from collector.storage.secrets import generate_key
from tests.cli.conftest import EXAMPLE, PROJECT, CommandLine
from tests.web import serving
from tests.web.serving import Serving

#: The same number as three platforms spell it.
SPELLINGS = ("+33199004321", "01 99 00 43 21", "0033 1 99.00.43.21")
ANY_SPELLING = re.compile(r"199\W*00\W*43\W*21")

ASKED = 'call_center_name = { call = "caller" }'


@pytest.fixture
def shell(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    database_url: str,
    secret_key: str,
    sandbox: Sandbox,
) -> CommandLine:
    """A provider whose records tell the caller's number, and whose logs tell everything."""
    folder = Path(shutil.copytree(EXAMPLE, tmp_path / "here"))
    shell = CommandLine(folder, monkeypatch)
    shell.set(
        database_url=database_url,
        secret_key=secret_key,
        auth_url=sandbox.auth_url,
        log_level="debug",
    )
    shell.add(PROJECT, "--region", "FR")
    change(shell, r'^id = "call_id"$', 'id = "call_id"\ncaller = "from"')
    return shell


@pytest.fixture
def server(shell: CommandLine, database_url: str, secret_key: str) -> Iterator[Serving]:
    one = serving.start(
        database_url,
        folder=shell.folder,
        COLLECTOR_SECRET_KEY=secret_key,
        COLLECTOR_LOG_LEVEL="debug",
    )
    yield one
    one.stop()
    assert one.process.stdout
    one.process.stdout.close()


def change(shell: CommandLine, pattern: str, replacement: str) -> None:
    """Change one line of the integration definition."""
    text = (shell.folder / "integration.toml").read_text(encoding="utf-8")
    text, number = re.subn(pattern, lambda _: replacement, text, flags=re.MULTILINE)
    assert number == 1
    shell.write("integration.toml", text)


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def record(call_id: str, spelling: str = SPELLINGS[0], **changes: str) -> dict[str, str]:
    return {
        "call_id": call_id, "started": now(), "duration_s": "75", "status": "completed",
        "call_center": "RENNES", "visitor_id": f"v-{call_id}", "dialled_number": "01 99 00 12 34",
        "from": spelling, **changes,
    }  # fmt: skip


def import_csv(shell: CommandLine, *records: dict[str, str]) -> None:
    with (shell.folder / "calls.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(record("")))
        writer.writeheader()
        writer.writerows(records)
    shell("calls", "import", "calls.csv", "--project-id", PROJECT)


def by_file(shell: CommandLine) -> None:
    """Good ones, one that is refused, one whose columns have slipped, and a line of text."""
    good = [record(f"file-{index}", spelling) for index, spelling in enumerate(SPELLINGS)]
    slipped = [record(f"slip-{index}", started=text) for index, text in enumerate(SPELLINGS)]
    import_csv(shell, *good, record("refused", duration_s="long"), *slipped)
    cut = json.dumps(record("cut"))[:-1]
    shell.write("calls.jsonl", f'{cut}\n"{SPELLINGS[1]}"\n')
    shell("calls", "import", "calls.jsonl", "--project-id", PROJECT)


def by_post(server: Serving, headers: dict[str, str]) -> None:
    posted = [
        record("post-1", SPELLINGS[1]),
        record("post-2", duration_s=SPELLINGS[2]),
        record("post-3", session_key=SPELLINGS[1]),
        SPELLINGS[0],
    ]
    answer = requests.post(f"{server.url}/v1/calls", json=posted, headers=headers, timeout=30)
    assert (answer.status_code, answer.json()["new"]) == (200, 1)


def by_webhook(server: Serving, headers: dict[str, str]) -> None:
    """As Twilio posts, and one that is signed by nobody."""
    form = {
        "CallSid": "hook-1", "CallStatus": "completed", "Direction": "inbound",
        "From": SPELLINGS[0], "To": "+33199001234", "Timestamp": now(), "CallDuration": "75",
        "visitor_id": "v-hook-1",
    }  # fmt: skip
    url = f"{server.url}/v1/calls/twilio/{PROJECT}"
    for changes in ({}, {"CallSid": "hook-2", "Timestamp": SPELLINGS[1]}):
        answer = requests.post(url, data={**form, **changes}, headers=headers, timeout=30)
        assert answer.status_code == 204, answer.text
    assert requests.post(url, data=form, timeout=30).status_code == 401


def places(shell: CommandLine) -> set[str]:
    """Every column of every table in which the number can be read."""
    found = set()
    with Database(shell.database_url) as database:
        tables = sa.inspect(database.engine).get_table_names()
    assert {"call", "refused_record", "enrichment", "run"} <= set(tables)
    for table in tables:
        for row in shell.rows(f'SELECT * FROM "{table}"'):
            found |= {f"{table}.{name}" for name, value in row.items() if shows(value)}
    return found


def shows(value: object) -> bool:
    return ANY_SPELLING.search(str(value)) is not None


def callers(shell: CommandLine) -> dict[str, tuple[Any, Any]]:
    rows = shell.rows("SELECT call_id, caller, caller_key FROM report_calls")
    return {row["call_id"]: (row["caller"], row["caller_key"]) for row in rows}


@pytest.mark.parametrize(("dialect", "asked"), [("sqlite", True), ("postgresql", False)])
def test_the_number_is_found_nowhere_unless_a_field_asks_for_it(
    shell: CommandLine, server: Serving, sandbox: Sandbox, secret_key: str, *, asked: bool
) -> None:
    if asked:
        change(shell, r"^call_center_name = .*$", ASKED)
    ids = ("file-0", "file-1", "file-2", "post-1", "hook-1")
    for number, call_id in enumerate(ids):
        shell.visit(f"u{number}.1", visitor_id=f"v-{call_id}")
    token = shell.well("token", "create", "--scope", "calls", "--project-id", PROJECT).out.split()
    headers = {"Authorization": f"Bearer {token[0]}"}
    by_file(shell)
    by_post(server, headers)
    by_webhook(server, headers)
    logs = shell("reconcile").said

    refused = shell.rows("SELECT code FROM report_refused")
    assert len(refused) == 1 + 3 + 2 + 3 + 1
    assert set(callers(shell)) == set(ids)
    hashed = CallerHash.of(secret_key)
    assert set(callers(shell).values()) == {(hashed(SPELLINGS[0]), hashed.key_id)}
    assert places(shell) == ({"call.attributes", "enrichment.payload"} if asked else set())
    sent = [held.fields for held in sandbox.held.values()]
    assert sent
    assert {shows(fields) for fields in sent} == {asked}
    assert not shows(logs)
    assert not shows(server.log())


def test_another_key_makes_another_hash_and_names_itself(
    shell: CommandLine, secret_key: str
) -> None:
    import_csv(shell, record("old"))
    new = generate_key()
    shell.set(secret_key=f"{new},{secret_key}")
    import_csv(shell, record("new", SPELLINGS[1]))
    found = callers(shell)
    assert found["old"][0] != found["new"][0]
    assert found["old"][1] == CallerHash.of(secret_key).key_id
    assert found["new"][1] == CallerHash.of(new).key_id


def test_without_a_key_nothing_is_kept_of_callers(shell: CommandLine) -> None:
    shell.unset("secret_key")
    by_file(shell)
    assert set(callers(shell).values()) == {(None, None)}
    assert len(shell.rows("SELECT code FROM report_refused")) == 1 + 3 + 2
    assert places(shell) == set()
