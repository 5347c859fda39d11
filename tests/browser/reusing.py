"""One Chromium page for many tests: to open a window of its own for each is most of their cost.

What a page could leave to the next test is either taken away here (cookies, the cache, the
name of the window, the page itself), or kept by origin while each test has origins of its own
(tests/browser/origins.py), or seen here, and then the next test gets a new page.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, BrowserContext, Error, Page

#: What a page without content finds: another clock or a script of the test's would show in it.
SURROUNDINGS = """JSON.stringify(Object.getOwnPropertyNames(window).sort().map(
  (name) => [name, String(Object.getOwnPropertyDescriptor(window, name).value)]))"""


def new_context(browser: Browser, *, java_script_enabled: bool = True) -> BrowserContext:
    """A browser profile of its own."""
    fresh = browser.new_context(java_script_enabled=java_script_enabled)
    fresh.set_default_timeout(10_000)
    return fresh


@contextmanager
def nothing_thrown(page: Page) -> Iterator[None]:
    """Uncaught errors and rejections on the page fail the test."""
    thrown: list[str] = []

    def note(error: Error) -> None:
        thrown.append(str(error))

    page.on("pageerror", note)
    try:
        yield
    finally:
        page.remove_listener("pageerror", note)
    assert thrown == []


class ReusedPage:
    """Hands out its page, and takes it back as it was."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._page: Page | None = None
        self._surroundings = ""

    def take(self) -> Page:
        if self._page is None:
            self._page = new_context(self._browser).new_page()
            self._surroundings = self._page.evaluate(SURROUNDINGS)
        return self._page

    def give_back(self) -> None:
        if self._page is not None and not self._is_as_it_was(self._page):
            self.close()

    def close(self) -> None:
        if self._page is not None:
            self._page.context.close()
            self._page = None

    def _is_as_it_was(self, page: Page) -> bool:
        if page.is_closed() or page.context.pages != [page]:
            return False
        try:
            page.goto("about:blank")
            page.evaluate("name = ''")
            page.context.clear_cookies()
            page.context.new_cdp_session(page).send("Network.clearBrowserCache")
            return bool(page.evaluate(SURROUNDINGS) == self._surroundings)
        except Error:  # it hangs, or has crashed
            return False
