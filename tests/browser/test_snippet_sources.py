"""Keys that the page tells without code: by data-key attributes on the script tag."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.driving import (
    FIRST_SESSION,
    VIEW,
    errors_told,
    set_keys,
    settle,
    wait_until_live,
)
from tests.browser.receiver import Receiver
from tests.browser.site import LATE_TAG, TAG_SCRIPT, Site, inline, snippet

NUMBER = "+33 1 99 00 12 34"
OTHER_NUMBER = "+33 1 99 00 12 35"

#: Each source: the attribute, what a page has that holds it, and code that brings it later.
SOURCES = {
    "cookie": ("cookie:visitor", "document.cookie = 'visitor=v-1'"),
    "meta": (
        "meta:visitor",
        "document.head.insertAdjacentHTML('beforeend', '<meta name=visitor content=v-1>')",
    ),
    "js": ("js:window.tracker.visitor.id", "window.tracker = {visitor: {id: 'v-1'}}"),
    "text": (
        "text:main > p.visitor:first-child",
        "document.body.insertAdjacentHTML('beforeend', '<main><p class=visitor>v-1</main>')",
    ),
}

every_source = pytest.mark.parametrize("source", SOURCES)


def snippet_with(receiver: Receiver, **attributes: str) -> str:
    """The script tag with these data-key attributes."""
    told = "".join(f' data-key-{kind}="{value}"' for kind, value in attributes.items())
    return snippet(receiver.url).replace("<script", "<script" + told)


def open_with(page: Page, site: Site, receiver: Receiver, *head: str, **attributes: str) -> None:
    """Open a page whose script tag has these data-key attributes."""
    page.goto(site.add_page(*head, TAG_SCRIPT, snippet_with(receiver, **attributes)))
    wait_until_live(page)


@every_source
def test_what_is_there_goes_out_with_the_page_view(
    page: Page, site: Site, receiver: Receiver, source: str
) -> None:
    attribute, code = SOURCES[source]
    code = code.replace("document.body", "document.documentElement")
    open_with(page, site, receiver, inline(code), visitor_id=attribute)
    (beacon,) = receiver.wait_for(1)
    settle(page, receiver)
    assert (beacon.session, beacon.keys) == (FIRST_SESSION, {"visitor_id": "v-1"})
    assert len(receiver.beacons) == 1


@every_source
def test_what_appears_after_the_page_view_goes_out_within_about_a_second(
    page: Page, site: Site, receiver: Receiver, source: str
) -> None:
    attribute, code = SOURCES[source]
    open_with(page, site, receiver, visitor_id=attribute)
    assert receiver.wait_for(1)[0].keys == {}
    page.evaluate(f"() => {{ {code} }}")
    assert receiver.wait_for(2)[1].keys == {"visitor_id": "v-1"}
    assert errors_told(page) == []


def test_a_number_that_is_exchanged_on_the_page_is_told_once(
    page: Page, site: Site, receiver: Receiver
) -> None:
    page.clock.install()
    shown = f"<body><a class=phone href='tel:'>{NUMBER}</a>"
    open_with(page, site, receiver, shown, tracking_number="text:a.phone")
    assert receiver.wait_for(1)[0].keys == {"tracking_number": NUMBER}
    page.clock.run_for(5_000)
    page.evaluate(f"() => {{ document.querySelector('.phone').textContent = '{OTHER_NUMBER}' }}")
    page.clock.run_for(5_000)
    settle(page, receiver)
    shown_numbers = [beacon.keys["tracking_number"] for beacon in receiver.beacons]
    assert shown_numbers == [NUMBER, OTHER_NUMBER]


def test_a_number_that_is_gone_is_not_claimed_any_more(
    page: Page, site: Site, receiver: Receiver
) -> None:
    open_with(page, site, receiver, f"<body><p>{NUMBER}</p>", tracking_number="text:p")
    receiver.wait_for(1)
    page.evaluate("document.querySelector('p').remove()")
    assert receiver.wait_for(2)[1].keys == {}


def test_a_key_that_changes_shortly_before_a_page_view_goes_out_with_it(
    page: Page, site: Site, receiver: Receiver
) -> None:
    page.clock.install()
    open_with(page, site, receiver, visitor_id="js:window.visitor")
    receiver.wait_for(1)
    page.evaluate("window.visitor = 'v-2'")
    page.evaluate(VIEW)
    assert receiver.wait_for(2)[1].keys == {"visitor_id": "v-2"}


def test_a_cookie_is_found_by_its_whole_name_which_is_no_pattern(
    page: Page, site: Site, receiver: Receiver
) -> None:
    cookies = ["xvisitor=no", "visitor=v-1", "visitor2=no", "x-visitor=no", "pair=a=b"]
    cookies += ["visitorXid=no", "visitor.id=v-2", "a+b=v-3", "x|y=v-4", "$v=v-5", "a*=v-6"]
    names = ["visitor", "pair", "visitor.id", "a+b", "x|y", "$v", "a*", "isitor", "none"]
    page.context.add_cookies(
        [
            {"name": name, "value": value, "url": site.url}
            for name, _, value in (cookie.partition("=") for cookie in cookies)
        ]
    )
    attributes = {f"k{count}": f"cookie:{name}" for count, name in enumerate(names)}
    open_with(page, site, receiver, **attributes)
    assert receiver.wait_for(1)[0].keys == {
        "k0": "v-1",
        "k1": "a=b",
        "k2": "v-2",
        "k3": "v-3",
        "k4": "v-4",
        "k5": "v-5",
        "k6": "v-6",
    }


def test_what_a_path_leads_to_is_told_as_text(page: Page, site: Site, receiver: Receiver) -> None:
    code = """window.t = {
      number: 7, text: 'v-1', zero: 0, nil: null, nothing: undefined, object: document,
      thrower: {toString() { throw Error('from the page') }},
    };"""
    names = ["number", "text", "zero", "nil", "nothing", "object", "thrower", "absent", "absent.x"]
    attributes = {name.replace(".", "_"): f"js:window.t.{name}" for name in names}
    open_with(page, site, receiver, inline(code), **attributes)
    assert receiver.wait_for(1)[0].keys == {
        "number": "7",
        "text": "v-1",
        "zero": "0",
        "object": "[object HTMLDocument]",
    }
    assert errors_told(page) == []


UNREADABLE = ("", "nonsense", "unknown:x", "cookie:", "text:", "text:[", "js:", "js:a.b.c",
              "meta:no", "cookie:(", "endpoint:x", "set:x", "constructor:x")  # fmt: skip


def test_attributes_that_cannot_be_read_cost_neither_the_session_nor_the_other_keys(
    page: Page, site: Site, receiver: Receiver
) -> None:
    page.clock.install()
    attributes = {f"bad{count}": rule for count, rule in enumerate(UNREADABLE)}
    open_with(
        page, site, receiver, inline("window.v = 'v-1'"), **attributes, visitor_id="js:window.v"
    )
    (beacon,) = receiver.wait_for(1)
    page.clock.run_for(5_000)
    settle(page, receiver)
    assert beacon.session == FIRST_SESSION
    found = {kind: value for kind, value in beacon.keys.items() if value}
    assert found.pop("bad12", "x") == "x", "an object makes text of itself, the server judges it"
    assert found == {"visitor_id": "v-1"}
    assert len(receiver.beacons) == 1
    assert errors_told(page) == []


def test_what_is_set_goes_before_what_an_attribute_finds(
    page: Page, site: Site, receiver: Receiver
) -> None:
    head = inline("window.v = 'found'")
    open_with(page, site, receiver, head, visitor_id="js:window.v", reference="js:window.v")
    assert receiver.wait_for(1)[0].keys == {"visitor_id": "found", "reference": "found"}
    set_keys(page, {"visitor_id": "set", "reference": None})
    assert receiver.wait_for(2)[1].keys == {"visitor_id": "set", "reference": None}


def test_waiting_for_a_key_sends_nothing_and_retries_nothing(
    page: Page, site: Site, receiver: Receiver
) -> None:
    page.clock.install()
    receiver.answers.append(503)
    open_with(page, site, receiver, visitor_id="cookie:never")
    receiver.wait_for(1)
    settle(page, receiver)
    page.clock.run_for(120_000)
    settle(page, receiver)
    assert len(receiver.beacons) == 1, "what failed is sent again at a page view, not by time"


def test_before_the_tag_has_come_a_minute_of_ticks_does_nothing(
    page: Page, site: Site, receiver: Receiver
) -> None:
    page.clock.install()
    told: list[Any] = []
    page.on("console", lambda message: told.append(message.text))
    page.goto(site.add_page(LATE_TAG, snippet_with(receiver, visitor_id="js:window.v")))
    wait_until_live(page)
    page.clock.run_for(60_000)
    settle(page, receiver)
    assert receiver.beacons == []
    assert told == []
    page.evaluate("() => { window.v = 'v-1'; return loadTag() }")
    assert receiver.wait_for(1)[0].keys == {"visitor_id": "v-1"}
