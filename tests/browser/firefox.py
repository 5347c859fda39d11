"""A real Firefox for the tests, spoken to in its own WebDriver BiDi: no driver, no add-on.

Playwright drives a Firefox that it has patched itself; the one that visitors use speaks this
protocol (https://w3c.github.io/webdriver-bidi/) over a WebSocket. Only what the tests need is
here.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.browser.tabs import DEADLINE_SECONDS, Sent, Tab

START_SECONDS = 60

Settings = dict[str, bool | int | str]

#: It talks to loopback and to nothing else. What is not loopback would go to a proxy on a port
#: where nobody listens; the rest keeps Firefox from trying. (Its remote agent sets more of that
#: kind by itself, but a little after the start.)
QUIET: Settings = {
    "network.proxy.type": 1,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "network.proxy.no_proxies_on": "127.0.0.1, localhost",
    "network.proxy.failover_direct": False,
    "network.proxy.allow_bypass": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.trr.mode": 5,
    "network.dns.disablePrefetch": True,
    "network.prefetch-next": False,
    "services.settings.server": "data:,#remote-settings-dummy/v1",
    "app.update.disabledForTesting": True,
    "app.normandy.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.safebrowsing.downloads.enabled": False,
    "browser.search.update": False,
    "browser.region.network.url": "",
    "browser.newtabpage.enabled": False,
    "browser.startup.page": 0,
    "browser.startup.homepage_override.mstone": "ignore",
    "startup.homepage_welcome_url": "about:blank",
    "datareporting.policy.dataSubmissionEnabled": False,
    "datareporting.healthreport.uploadEnabled": False,
    "toolkit.telemetry.enabled": False,
    "toolkit.telemetry.unified": False,
    "telemetry.fog.test.localhost_port": -1,
    "dom.push.connection.enabled": False,
    "extensions.update.enabled": False,
    "extensions.getAddons.cache.enabled": False,
    "extensions.systemAddon.update.enabled": False,
    "media.gmp-manager.updateEnabled": False,
    "geo.provider.network.url": "",
}

#: How Firefox begins what it says of its own about a Content Security Policy.
POLICY = "Content-Security-Policy: "


class Firefox:
    """One running Firefox; see ``running``."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._commands = 0
        self._tabs: dict[str, FirefoxTab] = {}
        self.ask("session.new", capabilities={})
        self.ask("session.subscribe", events=["log.entryAdded", "network"])

    @contextmanager
    def tab(self) -> Iterator[FirefoxTab]:
        """A tab with cookies and storage of its own, which are gone afterwards."""
        profile = self.ask("browser.createUserContext")["userContext"]
        context = self.ask("browsingContext.create", type="tab", userContext=profile)["context"]
        self._tabs[context] = FirefoxTab(self, context)
        yield self._tabs[context]
        self.ask("browser.removeUserContext", userContext=profile)

    def ask(self, method: str, **parameters: object) -> dict[str, Any]:
        """Give a command and return its result; events that come first go to their tabs."""
        self._commands += 1
        number = self._commands
        self._connection.send(json.dumps({"id": number, "method": method, "params": parameters}))
        give_up = time.monotonic() + DEADLINE_SECONDS
        while True:
            heard = json.loads(self._connection.recv(give_up - time.monotonic()))
            if heard.get("id") == number:
                assert heard["type"] == "success", f"{method}: {heard}"
                result: dict[str, Any] = heard["result"]
                return result
            if heard["type"] == "event":
                self._tell(heard["method"], heard["params"])

    def _tell(self, event: str, told: dict[str, Any]) -> None:
        context = told.get("context") or told.get("source", {}).get("context")
        if tab := self._tabs.get(context):
            tab.hear(event, told)


class FirefoxTab(Tab):
    """A tab of Firefox; made by ``Firefox.tab``."""

    def __init__(self, firefox: Firefox, context: str) -> None:
        super().__init__()
        self._firefox = firefox
        self._context = context
        self._requests: dict[str, Sent] = {}

    def open(self, url: str) -> None:
        self._firefox.ask(
            "browsingContext.navigate", context=self._context, url=url, wait="complete"
        )

    def evaluate(self, expression: str) -> Any:
        """By way of JSON, which says undefined as null, as Playwright does."""
        said = self._firefox.ask(
            "script.evaluate",
            expression=f"(async () => JSON.stringify(await ({expression})) ?? 'null')()",
            target={"context": self._context},
            awaitPromise=True,
        )
        assert said["type"] == "success", f"{expression}: {said['exceptionDetails']['text']}"
        return json.loads(said["result"]["value"])

    def close(self) -> None:
        self._firefox.ask("browsingContext.close", context=self._context, promptUnload=True)

    def hear(self, event: str, told: dict[str, Any]) -> None:
        """Take in an event of this tab."""
        if event == "log.entryAdded":
            # What a policy has blocked is told as if a script had thrown it.
            thrown = told["type"] == "javascript" and not told["text"].startswith(POLICY)
            (self.thrown if thrown else self.spoken).append(told["text"])
        elif event == "network.beforeRequestSent":
            asked = told["request"]
            self.sent.append(Sent(method=asked["method"], url=asked["url"]))
            self._requests[asked["request"]] = self.sent[-1]
        elif event in {"network.responseCompleted", "network.fetchError"}:
            sent = self._requests[told["request"]["request"]]
            sent.answer = told.get("response", {}).get("status", 0)


@contextmanager
def running(path: str, settings: Settings | None = None) -> Iterator[Firefox]:
    """Start this Firefox with a profile of its own, and end it afterwards."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        profile, log = Path(folder) / "profile", Path(folder) / "log"
        profile.mkdir()
        (profile / "user.js").write_text(_user_js(QUIET | (settings or {})))
        with log.open("w") as stream:
            process = subprocess.Popen(
                [path, "--headless", "--no-remote", "--remote-debugging-port=0",
                 "--profile", str(profile)],
                # What it keeps outside its profile goes with it too.
                env={**os.environ, "HOME": folder, "MOZ_CRASHREPORTER_DISABLE": "1"},
                stdout=stream,
                stderr=subprocess.STDOUT,
            )  # fmt: skip
        try:
            address = _address(process, log)
            # No proxy that the machine may have: this is loopback.
            with connect(f"{address}/session", proxy=None, max_size=None) as connection:
                yield Firefox(connection)
        finally:
            process.terminate()
            process.wait(DEADLINE_SECONDS)


def _user_js(settings: Settings) -> str:
    lines = (
        f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in settings.items()
    )
    return "\n".join(lines)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    """Where it listens, which it says once it does."""
    give_up = time.monotonic() + START_SECONDS
    while not (found := re.search(r"BiDi listening on (ws://\S+)\s", log.read_text())):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < give_up, log.read_text()
        time.sleep(0.02)
    return found[1]
