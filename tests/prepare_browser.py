"""Makes sure that the browser tests have a Chromium, before pytest starts.

Run by ``make test``. In order: what $CHROMIUM names, one on the PATH, apt-get as root on Debian
and its like, Playwright's own download. Each is started once before it is believed: Ubuntu's
``chromium-browser`` can be a stub that only says how to install the real one. Where none can be
had this fails loudly, because a suite that skips its browser in silence proves nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

SKIPPED = "Browser tests are skipped, because SKIP_BROWSER=1."


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What the decision depends on, so that it can be tested without any of it.

    ``on_path`` and ``works`` look; ``apt_install`` and ``playwright_install`` act, and say what
    went wrong or None. ``apt_install`` is None where apt-get cannot be used.
    """

    setting: str | None
    skip: bool
    on_path: Callable[[str], str | None]
    works: Callable[[str], bool]
    apt_install: Callable[[], str | None] | None
    playwright_install: Callable[[], str | None]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Whether the tests can go on, and what to say about it."""

    ready: bool
    message: str


def find_chromium() -> str | None:
    """Path of a Chromium that starts; None means that Playwright should take its own.

    A $CHROMIUM that does not start is returned all the same: whoever named it wants to hear of it.
    """
    return os.environ.get("CHROMIUM") or _installed(shutil.which, _starts)


def prepare(around: Surroundings) -> Outcome:
    """Decide, in the order of the module's docstring, and install where that is the decision."""
    if around.skip:
        return Outcome(ready=True, message=SKIPPED)
    if around.setting:
        if around.works(around.setting):
            return _found(around.setting)
        return _failure([f"CHROMIUM={around.setting}: it does not start"])
    if path := _installed(around.on_path, around.works):
        return _found(path)
    return _install(around, [f"{', '.join(NAMES)} on the PATH: none that starts"])


def _install(around: Surroundings, tried: list[str]) -> Outcome:
    if around.apt_install is None:
        tried.append("apt-get: not tried, it needs root on Debian or Ubuntu")
    else:
        problem = around.apt_install()
        if path := _installed(around.on_path, around.works):
            return _found(path)
        tried.append(f"apt-get install chromium: {problem or 'it brought none that starts'}")
    problem = around.playwright_install()
    if problem is None:
        return _found("Playwright's own")
    return _failure([*tried, f"playwright install chromium: {problem}"])


def _found(browser: str) -> Outcome:
    return Outcome(ready=True, message=f"Browser: {browser}")


def _installed(on_path: Callable[[str], str | None], works: Callable[[str], bool]) -> str | None:
    paths = (on_path(name) for name in NAMES)
    return next((path for path in paths if path and works(path)), None)


def _failure(tried: list[str]) -> Outcome:
    lines = [
        "NO BROWSER. The snippet cannot be tested without a Chromium. Tried:",
        *(f"  - {line}" for line in tried),
        "Install Chromium or Chrome, or name one: CHROMIUM=/path/to/chromium make test",
        "To run everything but the browser tests: SKIP_BROWSER=1 make test",
    ]
    return Outcome(ready=False, message="\n".join(lines))


def _starts(path: str) -> bool:
    try:
        done = subprocess.run([path, "--version"], capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and b"Chrom" in done.stdout


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


def _apt_install() -> str | None:
    return _run("apt-get", "update", "-q") or _run("apt-get", "install", "-y", "-q", "chromium")


def _playwright_install() -> str | None:
    return _run(sys.executable, "-m", "playwright", "install", "chromium")


def _apt_can_be_used() -> bool:
    debian = Path("/etc/debian_version").is_file()
    return debian and os.geteuid() == 0 and shutil.which("apt-get") is not None


def main() -> int:
    """Prepare on this machine; the exit code tells make whether to go on."""
    outcome = prepare(
        Surroundings(
            setting=os.environ.get("CHROMIUM"),
            skip=os.environ.get("SKIP_BROWSER") == "1",
            on_path=shutil.which,
            works=_starts,
            apt_install=_apt_install if _apt_can_be_used() else None,
            playwright_install=_playwright_install,
        )
    )
    sys.stderr.write(f"{outcome.message}\n")
    return 0 if outcome.ready else 1


if __name__ == "__main__":
    sys.exit(main())
