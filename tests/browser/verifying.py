"""What the tests of `collector verify` need: one browser for all of them, and faulty pages."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from threading import Thread
from typing import Any, TypeVar

from collector.verify import starting
from collector.verify.texts import Code
from collector.verify.verification import Finding, Wish, verify_in
from tests.browser.site import inline
from tests.prepare_browser import find_chromium

Result = TypeVar("Result")

#: How long a page is waited for that will never do what is waited for, in seconds.
BRIEF = 2.0

#: Longer than a busy machine takes to answer; a look ends before it once the outcome is certain.
PATIENT = 10.0

#: How long for what does come.
LONG = 20.0

#: The tag's stand-in, for pages that say themselves which project they are of.
TAG = '<script src="/tag.js"></script>'

KEYED = inline('window.sessionCollector = [["set", {visitor_id: "v-123456789"}]];')


class Verifier:
    """Verifies addresses, with one browser for all of them. Use as a context manager.

    In a thread of its own, since the other tests' browser holds the loop of theirs.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever)
        self._stack = AsyncExitStack()

    def __enter__(self) -> Verifier:
        self._thread.start()
        started = self._stack.enter_async_context(starting.browser(find_chromium()))
        self._browser = self._wait_for(started)
        return self

    def __exit__(self, *_: object) -> None:
        self._wait_for(self._stack.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __call__(self, address: str, **wishes: Any) -> Finding:
        wish = Wish(**{"address": address, "wait_seconds": BRIEF, **wishes})
        return self._wait_for(verify_in(self._browser, wish))

    def _wait_for(self, what: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result()


def expect(finding: Finding, code: Code, *words: str) -> None:
    """It is this diagnosis, and says these words."""
    found = finding.diagnosis
    assert found.code is code, found
    for word in words:
        assert word in found.explanation + found.remedy, found


def script(address: str, attributes: str = "") -> str:
    """A script tag."""
    return f'<script async src="{address}" {attributes}></script>'


@contextmanager
def closed_port() -> Iterator[int]:
    """A loopback port that refuses connections, and that nobody else can take meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield int(held.getsockname()[1])


@contextmanager
def silent_port() -> Iterator[int]:
    """A loopback port that takes connections and never answers."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        yield int(held.getsockname()[1])
