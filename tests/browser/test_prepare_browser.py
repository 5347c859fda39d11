"""In which order a browser is looked for, and that its absence is never silent."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.prepare_browser import (
    FIREFOX_NAMES,
    NAMES,
    Surroundings,
    find_chromium,
    find_firefox,
    prepare,
    prepare_firefox,
)


@dataclass(kw_only=True)
class Machine:
    """A machine of the test's making; ``log`` is what was done to it, in order."""

    setting: str | None = None
    skip: bool = False
    path: dict[str, str] = field(default_factory=dict)
    broken: tuple[str, ...] = ()
    apt: str | None = "no apt"  # "no apt", None when it installs, else what goes wrong
    apt_brings: dict[str, str] = field(default_factory=dict)
    playwright: str | None = None  # what goes wrong, or "none to be had"
    log: list[str] = field(default_factory=list)

    def surroundings(self) -> Surroundings:
        return Surroundings(
            setting=self.setting,
            skip=self.skip,
            on_path=self.path.get,
            works=lambda path: path not in self.broken,
            apt_install=None if self.apt == "no apt" else self._done("apt", self._apt),
            playwright_install=None
            if self.playwright == "none to be had"
            else self._done("playwright", lambda: self.playwright),
        )

    def _apt(self) -> str | None:
        self.path.update(self.apt_brings)
        return self.apt

    def _done(self, name: str, act: Callable[[], str | None]) -> Callable[[], str | None]:
        def acted() -> str | None:
            self.log.append(name)
            return act()

        return acted


CHROMIUM = {"chromium": "/usr/bin/chromium"}
STUB = {"chromium-browser": "/usr/bin/chromium-browser"}


@pytest.mark.parametrize(
    ("machine", "ready", "log", "said"),
    [
        (Machine(skip=True), True, [], "skipped"),
        (Machine(setting="/opt/c", path=CHROMIUM), True, [], "/opt/c"),
        (Machine(setting="/opt/c", path=CHROMIUM, broken=("/opt/c",)), False, [], "CHROMIUM="),
        (Machine(path=CHROMIUM, apt=None), True, [], "/usr/bin/chromium"),
        (Machine(path={"google-chrome-stable": "/g"}), True, [], "/g"),
        (Machine(path=STUB | {"google-chrome": "/g"}, broken=(*STUB.values(),)), True, [], "/g"),
        (Machine(apt=None, apt_brings=dict(CHROMIUM)), True, ["apt"], "/usr/bin/chromium"),
        (Machine(apt=None, apt_brings=dict(STUB), broken=(*STUB.values(),)), True,
         ["apt", "playwright"], "Playwright's own"),
        (Machine(apt="no network"), True, ["apt", "playwright"], "Playwright's own"),
        (Machine(), True, ["playwright"], "Playwright's own"),
        (Machine(playwright="no disk"), False, ["playwright"], "no disk"),
        (Machine(apt="no network", playwright="no disk"), False, ["apt", "playwright"],
         "no network"),
    ],
)  # fmt: skip
def test_a_browser_is_looked_for_in_order(
    machine: Machine, ready: bool, log: list[str], said: str
) -> None:
    outcome = prepare(machine.surroundings())
    assert (outcome.ready, machine.log) == (ready, log)
    assert said in outcome.message


def test_a_failure_names_each_attempt_and_the_ways_out() -> None:
    message = prepare(Machine(apt="no network", playwright="no disk").surroundings()).message
    for word in (*NAMES, "apt-get", "no network", "playwright install", "no disk", "CHROMIUM="):
        assert word in message
    assert "SKIP_BROWSER=1 make test" in message


def test_the_named_browser_goes_before_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHROMIUM", "/opt/chromium")
    assert find_chromium() == "/opt/chromium"


def test_where_none_is_installed_playwright_takes_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    assert find_chromium() is None


FIREFOX = {"firefox-esr": "/usr/bin/firefox-esr"}


def without_playwright(**machine: Any) -> Machine:
    return Machine(playwright="none to be had", **machine)


@pytest.mark.parametrize(
    ("machine", "log", "said"),
    [
        (without_playwright(setting="/opt/f", path=FIREFOX), [], "Browser: /opt/f"),
        (without_playwright(path=FIREFOX, apt=None), [], "Browser: /usr/bin/firefox-esr"),
        (without_playwright(path=FIREFOX | {"firefox": "/f"}), [], "Browser: /f"),
        (without_playwright(path=FIREFOX | {"firefox": "/f"}, broken=("/f",)), [],
         "Browser: /usr/bin/firefox-esr"),
        (without_playwright(apt=None, apt_brings=dict(FIREFOX)), ["apt"],
         "Browser: /usr/bin/firefox-esr"),
    ],
)  # fmt: skip
def test_a_firefox_is_taken_where_it_can_be_had(
    machine: Machine, log: list[str], said: str
) -> None:
    outcome = prepare_firefox(machine.surroundings())
    assert (outcome.ready, outcome.message, machine.log) == (True, said, log)


@pytest.mark.parametrize(
    ("machine", "tried"),
    [
        (without_playwright(setting="/opt/f", path=FIREFOX, broken=("/opt/f",)), "FIREFOX=/opt/f"),
        (without_playwright(), "apt-get: not tried"),
        (without_playwright(apt="no network"), "apt-get install firefox-esr: no network"),
    ],
)
def test_without_a_firefox_the_tests_go_on_and_it_says_so_loudly(
    machine: Machine, tried: str
) -> None:
    outcome = prepare_firefox(machine.surroundings())
    assert outcome.ready
    for word in ("NO FIREFOX", "Chromium only", tried, "FIREFOX="):
        assert word in outcome.message


def test_a_named_firefox_that_does_not_start_is_not_replaced_by_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FIREFOX", "/nowhere/firefox")
    with ExitStack() as stack:
        assert find_firefox(stack) is None


def test_each_firefox_that_is_looked_for_is_named_when_none_is_found() -> None:
    message = prepare_firefox(without_playwright().surroundings()).message
    assert all(name in message for name in FIREFOX_NAMES)
