"""Opens a page in the browser and looks at it; with ``starting``, all that knows Playwright.

Every wait is bounded: a page may hang, and the person at the terminal wants an answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from playwright.async_api import (
    Browser,
    ConsoleMessage,
    Error,
    Frame,
    Locator,
    Page,
    Request,
    Response,
)

from collector.errors import SettingError, UsageError
from collector.verify import reading
from collector.verify.observation import (
    Beacon,
    Click,
    Download,
    Observation,
    Opening,
    beacons_of,
    is_snippet,
    origin_of,
    parts_of,
    without_password,
)
from collector.verify.texts import OPEN_SECONDS

CLICK_SECONDS = 1
CLOSE_SECONDS = 5

#: A frame that has not said by then whether it shows what is to be clicked is left out this time.
FRAME_SECONDS = 0.5

#: After so many messages on its console, a page has said what it has to say.
MOST_MESSAGES = 500

_PAGE_SCRIPT = Path(__file__).with_name("page.js")

_LOOK = "window[Symbol.for('collector verify')]?.()"


@asynccontextmanager
async def watching(
    running: Browser,
    address: str,
    *,
    clicks: Sequence[str],
    user_agent: str | None,
) -> AsyncIterator[Watch]:
    """A fresh profile with nothing opened yet.

    Raises:
        SettingError: the browser opens no page.
        UsageError: one of ``clicks`` is no selector.
    """
    async with _blank_page(running, user_agent) as page:
        for selector in clicks:
            await _check_selector(page, selector)
        yield Watch(page, address, clicks)


@asynccontextmanager
async def _blank_page(running: Browser, user_agent: str | None) -> AsyncIterator[Page]:
    context = None
    try:
        try:
            context = await running.new_context(
                # A service worker would stand between the page and what can be seen of its
                # requests.
                service_workers="block",
                user_agent=user_agent,
            )
            page = await context.new_page()
            await page.add_init_script(path=_PAGE_SCRIPT)
        except Error as error:
            raise SettingError(
                f"The browser opens no page: {reading.first_line(error.message)}. "
                "Correct --user-agent, or name another browser with --chromium PATH."
            ) from error
        yield page
    finally:
        # A page that hangs may not let itself be closed; it ends with the browser.
        if context is not None:
            with suppress(Error, TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await context.close()


async def _check_selector(page: Page, selector: str) -> None:
    try:
        await page.locator(selector).count()
    except Error as error:
        raise UsageError(
            f"--click {selector!r} is no selector: {reading.first_line(error.message)}"
        ) from error


class Watch:
    """One page, and what its network events have told so far."""

    def __init__(self, page: Page, address: str, clicks: Sequence[str]) -> None:
        self._page = page
        self._address = address
        self._opening = Opening(address=without_password(address))
        # By request, in the order in which they began.
        self._downloads: dict[Request, Download] = {}
        self._tag_downloads: dict[Request, Download] = {}
        self._beacons: dict[Request, Beacon] = {}
        self._complaints: dict[str, None] = {}
        self._messages = 0
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
            self._opening = replace(self._opening, failure=reading.open_failure(error.message))

    async def look(self, patience: float) -> Observation:
        """What can be seen at this moment.

        Args:
            patience: seconds after which a page that does not answer a question is hanging.
        """
        told, responds = None, True
        if not self._opening.failure:
            await self._click(patience)
            told, responds = await self._ask(patience)
        return reading.read(
            told,
            responds=responds,
            opening=self._opening,
            downloads=list(self._downloads.values()),
            tag_downloads=list(self._tag_downloads.values()),
            beacons=list(self._beacons.values()),
            complaints=list(self._complaints),
            clicks=self._clicks,
        )

    async def _ask(self, patience: float) -> tuple[dict[str, Any] | None, bool]:
        """What page.js tells, if it does, and whether the page responds at all."""
        try:
            async with asyncio.timeout(patience):
                told = await self._page.evaluate(_LOOK)
        except Error:
            return None, True  # it is on its way to another document, or has crashed
        except TimeoutError:
            return None, False
        return (told if isinstance(told, dict) else None), True

    async def _click(self, patience: float) -> None:
        """Click on the first that is left to click on, in whichever frame it has appeared."""
        waiting = [number for number, click in enumerate(self._clicks) if not click.done]
        if not waiting:
            return
        click = self._clicks[waiting[0]]
        # One deadline for everything, and all frames at once: many of them may hang.
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                for found in await _visible(self._page.frames, click.selector):
                    with suppress(Error):  # it cannot be clicked on yet, or its frame has gone
                        await found.click(timeout=CLICK_SECONDS * 1000)
                        self._clicks[waiting[0]] = replace(click, done=True)
                        return

    def _began(self, request: Request) -> None:
        asked = without_password(_first(request).url)
        if is_snippet(asked):
            self._downloads[request] = Download(address=asked)
        elif _is_tag(request):
            self._tag_downloads[request] = Download(address=asked)
        elif request.method == "POST":
            # A page may well have a /v1/sessions of its own: the body tells a beacon, or, where
            # the browser does not show it, the address that the snippet sends to.
            body = reading.body_of(_body(request))
            address = without_password(request.url)
            if body or address in {beacons_of(item.address) for item in self._downloads.values()}:
                session, keys = body or (None, {})
                self._beacons[request] = Beacon(
                    address=address, origin=_origin(request), session=session, keys=keys
                )

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
        self._messages += 1
        if self._messages > MOST_MESSAGES or len(self._complaints) >= reading.MOST:
            # Each message costs the browser and this process time, so the flood is not heard.
            self._page.remove_listener("console", self._spoke)
        elif message.type == "error" and (
            "/v1/snippet" in message.text or is_snippet(message.location.get("url", ""))
        ):
            self._complaints[reading.words(message.text)] = None


def _first(request: Request) -> Request:
    """The request that was redirected to this one, if any."""
    while request.redirected_from:
        request = request.redirected_from
    return request


def _is_tag(request: Request) -> bool:
    """Whether it asks for Contentsquare's tag: t.contentsquare.net/uxa/PROJECT.js."""
    return request.resource_type == "script" and "/uxa/" in parts_of(request.url).path


def _origin(request: Request) -> str:
    """Of the page that sends it. The browser's own header comes too late to be read here."""
    try:
        frame: Frame | None = request.frame
    except Error:  # of a document that is not there yet
        return ""
    # A frame without an address of its own has the origin of the page around it.
    while frame and not frame.url.startswith(("http:", "https:")):
        frame = frame.parent_frame
    return origin_of(frame.url) if frame else ""


async def _visible(frames: Sequence[Frame], selector: str) -> list[Locator]:
    """What the selector finds in those frames that answer in time, the first of each."""
    asking = {
        asyncio.create_task(_is_visible(found)): found
        for found in (frame.locator(selector).first for frame in frames)
    }
    try:
        await asyncio.wait(asking, timeout=FRAME_SECONDS)
        return [found for asked, found in asking.items() if asked.done() and asked.result()]
    finally:
        for asked in asking:
            asked.cancel()


async def _is_visible(found: Locator) -> bool:
    try:
        return await found.is_visible()
    except Error:
        return False


def _body(request: Request) -> str | None:
    try:
        return request.post_data
    except UnicodeDecodeError:  # bytes of the page's own
        return None
