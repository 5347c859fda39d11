"""Somebody who reads the pages and does what they say: commands, requests, settings."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime

import requests

from collector.config import PREFIX
from tests.cli.conftest import EXAMPLE, CommandLine
from tests.pages import ROOT, substituted
from tests.web import serving

#: Whoever is said to have something to tell by an exit code of its own.
MAY_TELL = {
    "installation check": "exit code 1 while nothing has come from the pages",
    "calls import": "exit code 1 where a record was refused",
    "reconcile": "exit code 1 where something is for a person",
    "doctor": "exit code 1 where something is not as it should be",
}


class Reader:
    """Somebody who does what the pages say, in their order, with a Contentsquare of his own."""

    def __init__(self, shell: CommandLine, opened: ExitStack) -> None:
        self.shell = shell
        self.opened = opened
        self.url = ""
        self.variables: dict[str, str] = {}
        self.done: list[str] = []

    def do(self, words: list[str]) -> None:
        """Run one line of a page."""
        first, *rest = words
        handler: Callable[[list[str]], None] | None = {
            "collector": self.command,
            "export": self.export,
            "curl": self.curl,
        }.get(first)
        assert handler, f"neither run nor excused: {' '.join(words)}"
        handler(rest)
        self.done.append(" ".join(words))

    def export(self, words: list[str]) -> None:
        name, _, value = words[0].partition("=")
        if inner := substituted(words):
            value = self.shell.well(*inner).out.strip()
        if name == "COLLECTOR_DATABASE_URL":
            value = f"sqlite:///{self.shell.folder / 'collector.db'}"
        self.shell.set(**{name.removeprefix(PREFIX).lower(): value})

    def command(self, words: list[str]) -> None:
        if words[0] == "serve":
            self.serve()
            return
        target = None
        if ">" in words:
            words, target = words[: words.index(">")], words[-1]
        self.lay_out(words)
        ran = self.shell(*words)
        may_tell = any(" ".join(words).startswith(start) for start in MAY_TELL)
        assert ran.code == 0 or (ran.code == 1 and may_tell), f"{words}: {ran.said}"
        assert "Traceback" not in ran.said
        if target:
            self.shell.write(target, ran.out)
        if words[:2] == ["token", "create"]:
            self.variables["TOKEN"] = ran.out.strip()

    def serve(self) -> None:
        named = ("COLLECTOR_SECRET_KEY", "COLLECTOR_AUTH_URL")
        server = serving.start(
            self.shell.database_url,
            "--host",
            "127.0.0.1",
            folder=self.shell.folder,
            **{name: os.environ[name] for name in named},
        )
        assert server.process.stdout
        self.opened.callback(server.process.stdout.close)
        self.opened.callback(server.stop)
        self.url = server.url

    def curl(self, words: list[str]) -> None:
        """The few forms of it that the pages use."""
        method, headers, body, url = None, {}, None, ""
        rest = iter(words)
        for word in rest:
            if word == "-X":
                method = next(rest)
            elif word == "-H":
                name, _, value = next(rest).partition(": ")
                headers[name] = re.sub(r"\$(\w+)", lambda found: self.variables[found[1]], value)
            elif word == "-d":
                body = next(rest)
            elif word != "-i":
                assert word.startswith("https://collector.example.com/"), word
                url = word.replace("https://collector.example.com", self.url)
        answer = requests.request(
            method or ("POST" if body else "GET"), url, headers=headers, data=body, timeout=30
        )
        assert answer.status_code in {200, 204}, f"{words}: {answer.text}"
        assert answer.status_code == 204 or answer.json()["refused"] == []

    def lay_out(self, words: Sequence[str]) -> None:
        """The files that a page takes for granted at this point."""
        line = " ".join(words)
        platforms = ROOT / "tests" / "platforms"
        if line.startswith("integration check --preset"):
            # Said of providers whose calls come from a platform, and are described so.
            for name in ("integration.toml", "schema.v1.json"):
                shutil.copy(platforms / name, self.shell.folder)
            shutil.copy(platforms / "twilio.csv", self.shell.folder / "calls.csv")
        elif line.startswith("installation add"):
            shutil.copytree(EXAMPLE, self.shell.folder, dirs_exist_ok=True)
        elif line.startswith("calls import calls.csv"):
            now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
            self.shell.write(
                "calls.csv",
                "call_id,started,duration_s,status,call_center,visitor_id\n"
                f"f-1,{now},75,completed,RENNES,v-1\nf-2,one day,75,completed,RENNES,v-2\n",
            )
        elif line.startswith("calls import exported/"):
            (self.shell.folder / "exported").mkdir()
            shutil.copy(platforms / "twilio.csv", self.shell.folder / "exported")
        elif line.startswith("calls import mended.jsonl"):
            records = self.shell.folder / "mended.jsonl"
            assert "one day" in records.read_text()
            records.write_text(records.read_text().replace("one day", "2026-01-31T14:05:00Z"))
        elif "other.toml" in words:
            text = (self.shell.folder / "integration.toml").read_text()
            self.shell.write("other.toml", text + '\n[matching]\nhorizon = "2h"\n')
