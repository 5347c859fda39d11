"""Opens a page in a headless Chromium and looks at it: the one place that knows Playwright.

Every wait is bounded: a page may hang, and the person at the terminal wants an answer.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import (
    Browser,
    ConsoleMessage,
    Error,
    Page,
    Playwright,
    Request,
    Response,
    async_playwright,
)

from collector.errors import SettingError, UsageError
from collector.verify import reading
from collector.verify.observation import (
    BEACON_PATH,
    Beacon,
    Click,
    Download,
    Observation,
    Opening,
    is_snippet,
    without_password,
)

#: The system's browsers, by the names under which they are installed.
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

START_SECONDS = 15
OPEN_SECONDS = 20
CLICK_SECONDS = 1
CLOSE_SECONDS = 5

#: A browser that has been started, for those who need not know whose it is.
Running = Browser

_PAGE_SCRIPT = Path(__file__).with_name("page.js")
#: What Playwright puts around the browser's words: its own function, and the address.
_ASKED = re.compile(r"^\w+\.\w+: | at https?://\S*")

_LOOK = "window[Symbol.for('collector verify')]?.()"


@asynccontextmanager
async def browser(chromium: str | None) -> AsyncIterator[Browser]:
    """A headless browser: the one at the path ``chromium``, the system's, or Playwright's own.

    Raises:
        SettingError: none starts.
    """
    async with async_playwright() as playwright:
        launched = await _launch(playwright, chromium)
        try:
            yield launched
        finally:
            await launched.close()


async def _launch(playwright: Playwright, chromium: str | None) -> Browser:
    found = [chromium] if chromium else [path for name in NAMES if (path := shutil.which(name))]
    trouble = ""
    for path in [*found, *([] if chromium else [None])]:
        # Chromium refuses its sandbox to root, and some systems refuse it to everybody.
        for sandbox in (False,) if os.geteuid() == 0 else (True, False):
            try:
                return await playwright.chromium.launch(
                    executable_path=path, chromium_sandbox=sandbox, timeout=START_SECONDS * 1000
                )
            except Error as error:
                trouble = _first_line(error)
    if chromium:
        raise SettingError(
            f"--chromium {chromium}: it does not start ({trouble}). Name a Chromium or Chrome."
        )
    raise SettingError(
        "No browser that starts. Install one (apt-get install chromium), get Playwright's own "
        "(python -m playwright install chromium), or name one with --chromium PATH."
    )


@asynccontextmanager
async def watching(
    running: Browser,
    address: str,
    *,
    clicks: Sequence[str],
    patience: float,
    user_agent: str | None,
) -> AsyncIterator[Watch]:
    """A fresh profile with nothing opened yet.

    Args:
        patience: seconds after which a page that does not answer a question is hanging.

    Raises:
        UsageError: one of ``clicks`` is no selector.
    """
    context = await running.new_context(
        # A service worker would stand between the page and what can be seen of its requests.
        service_workers="block",
        user_agent=user_agent,
    )
    try:
        page = await context.new_page()
        for selector in clicks:
            await _check_selector(page, selector)
        await page.add_init_script(path=_PAGE_SCRIPT)
        yield Watch(page, address, clicks, patience)
    finally:
        # A page that hangs may not let itself be closed; it ends with the browser.
        with suppress(Error, TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await context.close()


async def _check_selector(page: Page, selector: str) -> None:
    try:
        await page.locator(selector).count()
    except Error as error:
        raise UsageError(f"--click {selector!r} is no selector: {_first_line(error)}") from error


class Watch:
    """One page, and what its network events have told so far."""

    def __init__(self, page: Page, address: str, clicks: Sequence[str], patience: float) -> None:
        self._page = page
        self._patience = patience
        self._address = address
        self._opening = Opening(address=without_password(address))
        # By request, in the order in which they began.
        self._downloads: dict[Request, Download] = {}
        self._tag_downloads: dict[Request, Download] = {}
        self._beacons: dict[Request, Beacon] = {}
        self._complaints: list[str] = []
        self._clicks = [Click(selector=selector) for selector in clicks]
        page.on("request", self._began)
        page.on("response", self._answered)
        page.on("requestfailed", self._failed)
        page.on("console", self._spoke)

    async def open(self) -> None:
        """Open the page; how that went is part of what is looked at."""
        try:
            # What comes later than the first byte is waited for by looking again.
            await self._page.goto(self._address, wait_until="commit", timeout=OPEN_SECONDS * 1000)
        except Error as error:
            # An error without a body fails to open, but has told its status before.
            self._opening = replace(self._opening, failure=_first_line(error))

    async def look(self) -> Observation:
        """What can be seen at this moment."""
        told = None
        if not self._opening.failure:
            await self._click()
            told = await self._ask()
        return reading.read(
            told,
            opening=self._opening,
            downloads=list(self._downloads.values()),
            tag_downloads=list(self._tag_downloads.values()),
            beacons=list(self._beacons.values()),
            complaints=self._complaints,
            clicks=self._clicks,
        )

    async def _ask(self) -> dict[str, Any] | None:
        try:
            async with asyncio.timeout(self._patience):
                told = await self._page.evaluate(_LOOK)
        except (Error, TimeoutError):
            return None  # it hangs, or is on its way to another document
        return told if isinstance(told, dict) else None

    async def _click(self) -> None:
        """Click on the first that is left to click on, in whichever frame it has appeared."""
        waiting = [number for number, click in enumerate(self._clicks) if not click.done]
        if not waiting:
            return
        click = self._clicks[waiting[0]]
        for frame in self._page.frames:
            try:
                async with asyncio.timeout(self._patience):
                    found = frame.locator(click.selector).first
                    if not await found.is_visible():
                        continue
                    await found.click(timeout=CLICK_SECONDS * 1000)
            except (Error, TimeoutError):
                continue  # not clickable yet, or the frame has gone
            self._clicks[waiting[0]] = replace(click, done=True)
            return

    def _began(self, request: Request) -> None:
        asked = _first(request).url
        if is_snippet(asked):
            self._downloads[request] = Download(address=asked)
        elif _is_tag(request):
            self._tag_downloads[request] = Download(address=asked)
        elif request.method == "POST":
            body = reading.body_of(_body(request))
            if body:
                session, keys = body
                self._beacons[request] = Beacon(address=request.url, session=session, keys=keys)
            elif urlsplit(request.url).path.endswith(BEACON_PATH):
                self._beacons[request] = Beacon(address=request.url)

    def _answered(self, response: Response) -> None:
        request = response.request
        redirects = 300 <= response.status < 400
        if request.is_navigation_request() and request.frame == self._page.main_frame:
            self._opening = replace(self._opening, status=None if redirects else response.status)
        for downloads in (self._downloads, self._tag_downloads):
            if request in downloads:
                downloads[request] = replace(downloads[request], status=response.status)
        if request in self._beacons:
            headers = response.headers
            self._beacons[request] = replace(
                self._beacons[request],
                status=response.status,
                code=headers.get("x-collector-error"),
                ignored=headers.get("x-collector-ignored"),
            )

    def _failed(self, request: Request) -> None:
        failure = request.failure or "failed"
        for downloads in (self._downloads, self._tag_downloads):
            if request in downloads:
                downloads[request] = replace(downloads[request], failure=failure)
        if request in self._beacons:
            self._beacons[request] = replace(self._beacons[request], failure=failure)

    def _spoke(self, message: ConsoleMessage) -> None:
        if message.type != "error":
            return
        if "/v1/snippet" in message.text or is_snippet(message.location.get("url", "")):
            self._complaints.append(message.text)


def _first(request: Request) -> Request:
    """The request that was redirected to this one, if any."""
    while request.redirected_from:
        request = request.redirected_from
    return request


def _is_tag(request: Request) -> bool:
    """Whether it asks for Contentsquare's tag: t.contentsquare.net/uxa/PROJECT.js."""
    path = urlsplit(request.url).path
    return request.resource_type == "script" and "/uxa/" in path


def _body(request: Request) -> str | None:
    try:
        return request.post_data
    except UnicodeDecodeError:  # bytes of the page's own
        return None


def _first_line(error: Error) -> str:
    """What the browser says, without what was asked of it."""
    line = error.message.strip().splitlines()[0]
    return _ASKED.sub("", line)[:200]
