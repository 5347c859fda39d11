"""One way to drive a page in Chromium and in Firefox, for the tests that must hold in both.

A tab remembers what its page asked of the network, said on the console and threw, over all the
pages that it opens. Expressions are JavaScript; a promise is waited for.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Page, Request

#: Long enough for a slow machine; a test that needs it has failed.
DEADLINE_SECONDS = 15


@dataclass(kw_only=True)
class Sent:
    """A request of the page; ``answer`` is its status, 0 when there was none, None until then."""

    method: str
    url: str
    answer: int | None = None


def wait_until(holds: Callable[[], object], what: str) -> None:
    """Wait for what nothing tells of, such as another process's row."""
    give_up = time.monotonic() + DEADLINE_SECONDS
    while not holds():
        assert time.monotonic() < give_up, f"It did not come about: {what}"
        time.sleep(0.02)


def wait_until_equal(get: Callable[[], object], expected: object) -> None:
    """Wait until it is as expected; where it never is, the test shows how it differs."""
    give_up = time.monotonic() + DEADLINE_SECONDS
    while (found := get()) != expected and time.monotonic() < give_up:
        time.sleep(0.02)
    assert found == expected


class Tab(ABC):
    """A page in a profile of its own."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.spoken: list[str] = []
        self.thrown: list[str] = []

    @abstractmethod
    def open(self, url: str) -> None:
        """Load a page to its end."""

    @abstractmethod
    def evaluate(self, expression: str) -> Any:
        """The value of an expression, as far as JSON can say it."""

    @abstractmethod
    def close(self) -> None:
        """Close it as a visitor does, who lets the page's last handlers run."""

    @property
    def beacons(self) -> list[Sent]:
        """What was posted to a collector."""
        return [
            one
            for one in self.sent
            if one.method == "POST" and urlsplit(one.url).path == "/v1/sessions"
        ]

    def wait_for(self, expression: str) -> None:
        """Wait until an expression holds on the page."""
        wait_until(lambda: self.evaluate(f"Boolean({expression})"), expression)

    def settle(self, address: str) -> None:
        """Return when all that the page has sent until now is answered.

        The page asks for ``address`` the way the snippet does, so after what the snippet has asked
        for: once that is seen, what is not among the requests was never sent. A page that
        replaces fetch keeps the browser's own as ``intactFetch``.
        """
        fence = f"{address}?fence={len(self.sent)}"
        self.evaluate(
            f'(window.intactFetch ?? fetch)("{fence}", {{keepalive: true}}).then(() => 0)'
        )
        wait_until(lambda: self._answered_all_and(fence), "every request is answered")

    def _answered_all_and(self, fence: str) -> bool:
        self.evaluate("0")  # takes in what the browser has told meanwhile
        return any(one.url == fence for one in self.sent) and all(
            one.answer is not None for one in self.sent
        )


class ChromiumTab(Tab):
    """Through Playwright, on a page that it listens to until ``let_go``."""

    def __init__(self, page: Page) -> None:
        super().__init__()
        self._requests: dict[Request, Sent] = {}
        self._page = page
        self._listeners: dict[Any, Callable[[Any], None]] = {
            "pageerror": lambda error: self.thrown.append(str(error)),
            "console": lambda message: self.spoken.append(message.text),
            "request": self._note,
            "response": lambda response: self._answer(response.request, response.status),
            "requestfailed": lambda request: self._answer(request, 0),
        }
        for event, listener in self._listeners.items():
            page.on(event, listener)

    def let_go(self) -> None:
        """Leave the page to whoever is next."""
        for event, listener in self._listeners.items():
            self._page.remove_listener(event, listener)

    def open(self, url: str) -> None:
        self._page.goto(url)

    def evaluate(self, expression: str) -> Any:
        return self._page.evaluate(f"async () => await ({expression})")

    def close(self) -> None:
        self._page.close(run_before_unload=True)

    def _note(self, request: Request) -> None:
        self._requests[request] = Sent(method=request.method, url=request.url)
        self.sent.append(self._requests[request])

    def _answer(self, request: Request, status: int) -> None:
        if request in self._requests:  # else of those who had the page before
            self._requests[request].answer = status
