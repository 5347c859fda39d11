"""The commands that stay up: they come up, work, and leave nothing behind."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
import requests

from collector.demo.show import PORTS
from collector.domain.verdicts import Verdict
from tests.cli.conftest import PROJECT, CallFile, CommandLine

TIMEOUT = 10


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """The folder of temporary files, for a demo that finds its usual ports taken.

    Another demo may run beside this one; on ports that are anyone's, they would be confused.
    """
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    with ExitStack() as stack:
        for port in PORTS.values():
            held = stack.enter_context(socket.socket())
            with suppress(OSError):  # taken by somebody else: as good
                held.bind(("127.0.0.1", port))
        yield temporary


def address_in(process: subprocess.Popen[str]) -> str:
    """The first address that the process tells on standard output."""
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r"http://127\.0\.0\.1:\d+", line)
    assert found is not None, line
    return found[0]


def refuses(address: str) -> bool:
    """Whether nobody listens there any more."""
    host, _, port = address.removeprefix("http://").partition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) != 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_sandbox_answers_and_stops_at_a_signal(
    bare: CommandLine, number: signal.Signals
) -> None:
    arguments = ("--port", "0", "--client-secret", "made-up", "--token-lifetime", "60")
    with bare.child("sandbox", *arguments) as process:
        url = address_in(process)
        answer = requests.post(
            f"{url}/v1/oauth/token",
            json={
                "client_id": "sandbox-client",
                "client_secret": "made-up",
                "grant_type": "client_credentials",
                "scope": "enrichment",
                "integration_id": 42,
            },
            timeout=TIMEOUT,
        )
        page = requests.get(url, timeout=TIMEOUT)
        process.send_signal(number)
        ran = bare.finish(process)
    assert answer.status_code == 200
    assert (answer.json()["project_id"], answer.json()["expires_in"]) == (162, 60)
    assert page.status_code == 200
    assert ran.code == 0
    assert "Traceback" not in ran.said
    assert f"export COLLECTOR_AUTH_URL={url}/v1/oauth/token" in ran.out
    assert refuses(url)


def test_the_sandbox_can_be_told_to_misbehave_and_knows_ones_own_definition(
    collector: CommandLine, call_file: CallFile
) -> None:
    collector.write("sandbox-secret.txt", "sandbox-secret")
    with collector.child(
        "sandbox", "--port", "0", "--fault", "too_many_requests,on=token,count=1,retry_after=0",
        "--fault", "server_error,count=1,status=503",
    ) as process:  # fmt: skip
        collector.set(auth_url=f"{address_in(process)}/v1/oauth/token")
        collector.well(
            "installation", "add", "--project-id", PROJECT, "--integration-id", "42",
            "--client-id", "sandbox-client", "--client-secret-file", "sandbox-secret.txt",
            "--origin", "https://shop.example",
        )  # fmt: skip
        collector.visit("u.1", visitor_id="v1")
        file = call_file({"call_id": "a", "visitor_id": "v1"})
        collector.well("calls", "import", file, "--project-id", PROJECT)
        document = collector.well("reconcile", "--json").json()
        process.terminate()
        assert collector.finish(process).code == 0
    assert document["verdicts"]["accepted"] == 1


def test_a_port_that_is_taken_is_named_by_whoever_wants_it(collector: CommandLine) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        collector.run_child("sandbox", "--port", port).refused(port)
        collector.run_child("serve", "--port", port).refused(port, "--port")


def test_the_demo_shows_every_part_stays_up_and_leaves_nothing_behind(
    bare: CommandLine, stage: Path
) -> None:
    # What is set for a real collector is not for the demo.
    bare.set(database_url="postgresql://nobody@127.0.0.1:1/nothing", port="1", log_level="loud")
    with bare.child("demo") as process:
        assert process.stdout is not None
        told = ""
        for line in process.stdout:
            told += line
            if "Ctrl-C ends it" in line:
                break
        addresses = set(re.findall(r"http://127\.0\.0\.1:\d+", told))
        pages = [
            requests.get(address, timeout=TIMEOUT).status_code
            for address in re.findall(r"The (?:shop|sandbox) +(http\S+)", told)
        ]
        process.terminate()
        ran = bare.finish(process)
    assert ran.code == 0, ran.err
    assert "Traceback" not in told + ran.said
    funnel = {
        match[1]: int(match[2]) for match in re.finditer(r"^ *(\w+) +(\d+)\b", told, re.MULTILINE)
    }
    assert set(funnel) >= set(Verdict)
    assert sum(funnel[verdict] for verdict in Verdict) == funnel["calls"] > 100
    for verdict in set(Verdict) - {Verdict.PENDING, Verdict.REJECTED}:
        assert funnel[verdict] > 0, verdict
    assert f"holds {funnel['accepted']} enrichments" in told
    assert pages == [200, 200]
    assert len(addresses) >= 3
    assert [address for address in addresses if not refuses(address)] == []
    assert list(stage.iterdir()) == []
    assert list(bare.folder.iterdir()) == []
