"""Starts a headless Chromium, and says so where it has to do without its sandbox."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from playwright.async_api import Browser, Error, Playwright, async_playwright

from collector.errors import SettingError
from collector.verify.reading import first_line

#: The system's browsers, by the names under which they are installed.
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

START_SECONDS = 15

#: A browser that has been started, for those who need not know whose it is.
Running = Browser

WITHOUT_SANDBOX = "The browser runs without its sandbox, {why}: verify only pages that you trust."


@asynccontextmanager
async def browser(
    chromium: str | None, warn: Callable[[str], None] = lambda _: None
) -> AsyncIterator[Browser]:
    """A headless browser: the one at the path ``chromium``, the system's, or Playwright's own.

    Args:
        warn: hears of a sandbox that is missing.

    Raises:
        SettingError: none starts.
    """
    async with async_playwright() as playwright:
        launched = await _launch(playwright, chromium, warn)
        try:
            yield launched
        finally:
            await launched.close()


async def _launch(
    playwright: Playwright, chromium: str | None, warn: Callable[[str], None]
) -> Browser:
    found = [chromium] if chromium else [path for name in NAMES if (path := shutil.which(name))]
    as_root = os.geteuid() == 0
    trouble = ""
    for path in [*found, *([] if chromium else [None])]:
        # Chromium refuses its sandbox to root, and some systems refuse it to everybody.
        for sandbox in (False,) if as_root else (True, False):
            try:
                launched = await playwright.chromium.launch(
                    executable_path=path, chromium_sandbox=sandbox, timeout=START_SECONDS * 1000
                )
            except Error as error:
                trouble = first_line(error.message)
                continue
            if not sandbox:
                why = (
                    "which root cannot have"
                    if as_root
                    else f"with which it does not start ({trouble})"
                )
                warn(WITHOUT_SANDBOX.format(why=why))
            return launched
    if chromium:
        raise SettingError(
            f"--chromium {chromium}: it does not start ({trouble}). Name a Chromium or Chrome."
        )
    raise SettingError(
        "No browser that starts. Install one (apt-get install chromium), get Playwright's own "
        "(python -m playwright install chromium), or name one with --chromium PATH."
    )
