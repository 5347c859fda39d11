"""What the browser tests do to a page again and again, each waiting for what it caused."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.browser.receiver import Receiver
from tests.browser.site import LATE_TAG, PROJECT, TAG_SCRIPT, USER, Site, snippet

FIRST_SESSION = (PROJECT, USER, 4)
SECOND_SESSION = (PROJECT, USER, 5)

VIEW = '_uxa.push(["trackPageview", "/artificial"])'


def open_page(page: Page, site: Site, receiver: Receiver, *head: str, query: str = "") -> None:
    """Open a page with the tag and the snippet, and wait until the snippet runs."""
    page.goto(site.add_page(*head, TAG_SCRIPT, snippet(receiver.url)) + query)
    wait_until_live(page)


def open_page_before_tag(page: Page, site: Site, receiver: Receiver, *head: str) -> None:
    """Open a page whose snippet runs while the tag has not come; ``loadTag()`` brings it."""
    page.goto(site.add_page(*head, LATE_TAG, snippet(receiver.url)))
    wait_until_live(page)


def wait_until_live(page: Page) -> None:
    """Wait until the snippet has taken over its queue."""
    page.wait_for_function("() => Boolean(window.sessionCollector?.live)")


def set_keys(page: Page, keys: dict[str, object]) -> None:
    """Give the command that the customer's page gives."""
    page.evaluate('keys => { sessionCollector.push(["set", keys]) }', keys)


def settle(page: Page, receiver: Receiver) -> None:
    """Return when a request that the page makes now has been answered.

    What the snippet has sent before is at the receiver by then. Not by fetch, which tests replace.
    """
    page.evaluate(
        """address => new Promise((done) => {
            const request = new XMLHttpRequest();
            request.onload = done;
            request.open("GET", address);
            request.send();
        })""",
        receiver.url + "/fence",
    )


def errors_told(page: Page) -> list[str]:
    """What reached Contentsquare's tag by ``logSnippetError``, as ``name: error``."""
    told: list[str] = page.evaluate("CS_STANDIN.errors.map(e => e.name + ': ' + e.error)")
    return told
