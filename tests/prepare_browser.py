"""Makes sure that the browser tests have a Chromium, and a Firefox where that can be.

Run by ``make test`` before pytest. In order: what $CHROMIUM names, one on the PATH, apt-get as
root on Debian and its like, Playwright's own download. Each is started once before it is believed:
Ubuntu's ``chromium-browser`` can be a stub that only says how to install the real one. Where none
can be had this fails loudly, because a suite that skips its browser in silence proves nothing.

A Firefox is looked for in the same way, as $FIREFOX, on the PATH and by apt-get; Playwright has
none but one that it has changed itself. Where none can be had this says so, and its tests are
skipped. A Redis server, which a few other tests want, is installed by apt-get where that can be.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from websockets.exceptions import WebSocketException

from tests.browser import firefox
from tests.browser.firefox import Firefox
from tests.web import redis

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FIREFOX_NAMES = ("firefox", "firefox-esr")

SKIPPED = "Browser tests are skipped, because SKIP_BROWSER=1."
NO_FIREFOX = "No Firefox was found; make test says what was tried."


@dataclass(frozen=True, kw_only=True)
class Driven:
    """A Firefox that runs, and where it was found."""

    path: str
    firefox: Firefox


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What the decision depends on, so that it can be tested without any of it.

    ``setting`` is the path that the environment names. ``on_path`` and ``works`` look;
    ``apt_install`` and ``playwright_install`` act, and say what went wrong or None. They are None
    where they cannot be used.
    """

    setting: str | None
    skip: bool
    on_path: Callable[[str], str | None]
    works: Callable[[str], bool]
    apt_install: Callable[[], str | None] | None
    playwright_install: Callable[[], str | None] | None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Whether the tests can go on, and what to say about it."""

    ready: bool
    message: str


def find_chromium() -> str | None:
    """Path of a Chromium that starts; None means that Playwright should take its own.

    A $CHROMIUM that does not start is returned all the same: whoever named it wants to hear of it.
    """
    return os.environ.get("CHROMIUM") or _installed(NAMES, shutil.which, _chromium_starts)


def find_firefox(stack: ExitStack) -> Driven | None:
    """A Firefox that can be driven, the one that $FIREFOX names if it names one.

    To be driven is how it proves that it can be, so it runs already, until the stack ends.
    """
    named = os.environ.get("FIREFOX")
    found: list[Driven] = []

    def starts(path: str) -> bool:
        driven = _drive(path, stack)
        found.extend([driven] if driven else [])
        return driven is not None

    _installed((named,) if named else FIREFOX_NAMES, shutil.which, starts)
    return found[0] if found else None


def prepare(around: Surroundings) -> Outcome:
    """Decide about Chromium, in the order of the module's docstring, and install where needed."""
    if around.skip:
        return Outcome(ready=True, message=SKIPPED)
    found, tried = _search(around, "CHROMIUM", NAMES, "chromium")
    if found:
        return Outcome(ready=True, message=f"Browser: {found}")
    lines = [
        "NO BROWSER. The snippet cannot be tested without a Chromium. Tried:",
        *(f"  - {line}" for line in tried),
        "Install Chromium or Chrome, or name one: CHROMIUM=/path/to/chromium make test",
        "To run everything but the browser tests: SKIP_BROWSER=1 make test",
    ]
    return Outcome(ready=False, message="\n".join(lines))


def prepare_firefox(around: Surroundings) -> Outcome:
    """The same for Firefox, without which the tests can go on; not asked where all are skipped."""
    found, tried = _search(around, "FIREFOX", FIREFOX_NAMES, "firefox-esr")
    if found:
        return Outcome(ready=True, message=f"Browser: {found}")
    lines = [
        "NO FIREFOX. What must hold in Chromium and in Firefox is tested in Chromium only. Tried:",
        *(f"  - {line}" for line in tried),
        "Install Firefox (Debian: firefox-esr), or name one: FIREFOX=/path/to/firefox make test",
    ]
    return Outcome(ready=True, message="\n".join(lines))


def _search(
    around: Surroundings, variable: str, names: tuple[str, ...], package: str
) -> tuple[str | None, list[str]]:
    """The browser, or None with what was tried."""
    if around.setting:
        if around.works(around.setting):
            return around.setting, []
        return None, [f"{variable}={around.setting}: it does not start"]
    if path := _installed(names, around.on_path, around.works):
        return path, []
    tried = [f"{', '.join(names)} on the PATH: none that starts"]
    if around.apt_install is None:
        tried.append("apt-get: not tried, it needs root on Debian or Ubuntu")
    else:
        problem = around.apt_install()
        if path := _installed(names, around.on_path, around.works):
            return path, []
        tried.append(f"apt-get install {package}: {problem or 'it brought none that starts'}")
    if around.playwright_install is not None:
        problem = around.playwright_install()
        if problem is None:
            return "Playwright's own", []
        tried.append(f"playwright install {package}: {problem}")
    return None, tried


def _installed(
    names: tuple[str, ...], on_path: Callable[[str], str | None], works: Callable[[str], bool]
) -> str | None:
    paths = (on_path(name) for name in names)
    return next((path for path in paths if path and works(path)), None)


def _chromium_starts(path: str) -> bool:
    return "Chrom" in _version(path)


def _firefox_starts(path: str) -> bool:
    with ExitStack() as stack:
        return _drive(path, stack) is not None


def _drive(path: str, stack: ExitStack) -> Driven | None:
    """It, if the tests can drive it: some are packed so that they see no profile of ours."""
    if "Firefox" not in _version(path):
        return None
    try:
        started = stack.enter_context(firefox.running(path))
        with started.tab() as tab:
            return Driven(path=path, firefox=started) if tab.evaluate("true") else None
    except (AssertionError, OSError, WebSocketException) as error:
        sys.stderr.write(f"  {path}: {error}\n")
        return None


def _version(path: str) -> str:
    try:
        done = subprocess.run([path, "--version"], capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode(errors="replace") if done.returncode == 0 else ""


def _run(*command: str) -> str | None:
    """Run to the end; None when it went well, else the end of what it said."""
    sys.stderr.write(f"  {' '.join(command)}\n")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=environment,
            timeout=900,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return None if done.returncode == 0 else "\n    ".join(done.stdout.strip().splitlines()[-15:])


def _apt_install(package: str) -> str | None:
    return _run("apt-get", "update", "-q") or _run("apt-get", "install", "-y", "-q", package)


def _playwright_install() -> str | None:
    return _run(sys.executable, "-m", "playwright", "install", "chromium")


def _apt_can_be_used() -> bool:
    debian = Path("/etc/debian_version").is_file()
    return debian and os.geteuid() == 0 and shutil.which("apt-get") is not None


def main() -> int:
    """Prepare on this machine; the exit code tells make whether to go on."""
    skip = os.environ.get("SKIP_BROWSER") == "1"
    apt = _apt_can_be_used()
    chromium = prepare(
        Surroundings(
            setting=os.environ.get("CHROMIUM"),
            skip=skip,
            on_path=shutil.which,
            works=_chromium_starts,
            apt_install=partial(_apt_install, "chromium") if apt else None,
            playwright_install=_playwright_install,
        )
    )
    sys.stderr.write(f"{chromium.message}\n")
    if not chromium.ready:
        return 1
    if apt and redis.SERVER is None:
        # Without it a few tests are skipped, and say so: no reason to stop.
        _apt_install("redis-server")
    if skip:
        return 0
    outcome = prepare_firefox(
        Surroundings(
            setting=os.environ.get("FIREFOX"),
            skip=skip,
            on_path=shutil.which,
            works=_firefox_starts,
            apt_install=partial(_apt_install, "firefox-esr") if apt else None,
            playwright_install=None,
        )
    )
    sys.stderr.write(f"{outcome.message}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
