"""The snippet is a guest: what it leaves on the page, and what it survives there."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.driving import (
    FIRST_SESSION,
    VIEW,
    errors_told,
    open_page,
    set_keys,
    settle,
    wait_until_live,
)
from tests.browser.receiver import Receiver
from tests.browser.site import PROJECT, TAG_SCRIPT, USER, Site, inline, silent_tag, snippet

#: A context of the tag's that the snippet cannot read.
THROWING = "{get sessionKey() { throw new Error('from the page') }}"

#: Whatever is stored on its page, the snippet has stored.
SILENT_TAG = silent_tag(projectId=PROJECT, sessionKey=f"{USER}.4")


def test_a_snippet_that_is_loaded_twice_works_once(
    page: Page, site: Site, receiver: Receiver
) -> None:
    open_page(page, site, receiver, snippet(receiver.url), snippet(receiver.url))
    receiver.wait_for(1)
    page.add_script_tag(url=receiver.url + "/v1/snippet.js")
    page.evaluate(VIEW)
    set_keys(page, {"visitor_id": "v-1"})
    receiver.wait_for(2)
    settle(page, receiver)
    assert len(receiver.beacons) == 2


def test_it_stores_nothing_and_adds_one_global(page: Page, site: Site, receiver: Receiver) -> None:
    names = inline("window.namesBefore = Object.getOwnPropertyNames(window);")
    page.goto(site.add_page(SILENT_TAG, names, snippet(receiver.url)))
    receiver.wait_for(1)
    set_keys(page, {"visitor_id": "v-1"})
    receiver.wait_for(2)
    assert page.context.cookies() == []
    assert page.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]
    assert page.evaluate("indexedDB.databases()") == []
    added = "Object.getOwnPropertyNames(window).filter((name) => !namesBefore.includes(name))"
    assert set(page.evaluate(added)) == {"namesBefore", "sessionCollector"}


def test_it_is_silent_on_the_console(page: Page, site: Site, receiver: Receiver) -> None:
    spoken: list[str] = []
    page.on("console", lambda message: spoken.append(message.text))
    open_page(page, site, receiver)
    receiver.wait_for(1)
    page.evaluate(f"CS_STANDIN.callBack({THROWING})")
    settle(page, receiver)
    assert len(errors_told(page)) == 1
    assert spoken == []


@pytest.mark.parametrize(
    "tag",
    [
        "window._uxa = Object.freeze([]);",
        "window._uxa = 'text';",
        "window._uxa = {};",
        "window._uxa = {push() { throw new Error('from the tag') }};",
        "Object.defineProperty(window, '_uxa', {get() { throw new Error('from the page') }});",
        "Object.defineProperty(window, '_uxa', {value: undefined});",
    ],
)
def test_a_tag_queue_that_cannot_be_used_harms_nothing(
    page: Page, site: Site, receiver: Receiver, tag: str
) -> None:
    with page.expect_event("load"):
        page.goto(site.add_page(inline(tag), snippet(receiver.url)))
    settle(page, receiver)
    assert receiver.beacons == []


def test_a_frozen_live_tag_is_used_as_it_is(page: Page, site: Site, receiver: Receiver) -> None:
    freeze = inline("Object.freeze(window._uxa);")
    page.goto(site.add_page(TAG_SCRIPT, freeze, snippet(receiver.url)))
    assert receiver.wait_for(1)[0].session == FIRST_SESSION


def test_a_replaced_tag_queue_is_told_errors_and_still_calls_back(
    page: Page, site: Site, receiver: Receiver
) -> None:
    open_page(page, site, receiver)
    receiver.wait_for(1)
    page.evaluate("window.told = []; window._uxa = {push: (command) => told.push(command)}; 0")
    page.evaluate(f"CS_STANDIN.callBack({THROWING})")
    assert page.evaluate("told.map(([name, by]) => [name, by])") == [
        ["logSnippetError", "sessionCollector"]
    ]
    page.evaluate("window._uxa = Object.freeze([]); 0")
    page.evaluate(f"CS_STANDIN.callBack({THROWING})")
    page.evaluate("CS_STANDIN.callBack({projectId: 162, sessionKey: 'other.9'})")
    assert receiver.wait_for(2)[1].session == (162, "other", 9)


@pytest.mark.parametrize(
    "queue",
    [
        "window.sessionCollector = {};",
        "window.sessionCollector = 7;",
        "window.sessionCollector = Object.freeze([['set', {a: 1}]]);",
        "Object.defineProperty(window, 'sessionCollector', {value: null});",
    ],
)
def test_a_command_queue_that_cannot_be_used_does_not_cost_the_session(
    page: Page, site: Site, receiver: Receiver, queue: str
) -> None:
    page.goto(site.add_page(inline(queue), TAG_SCRIPT, snippet(receiver.url)))
    if "null" in queue:
        settle(page, receiver)
    else:
        assert receiver.wait_for(1)[0].session == FIRST_SESSION


def test_an_element_named_like_the_queue_does_not_cost_the_session(
    page: Page, site: Site, receiver: Receiver
) -> None:
    page.goto(site.add_page(TAG_SCRIPT, '<p id="sessionCollector">', snippet(receiver.url)))
    assert receiver.wait_for(1)[0].session == FIRST_SESSION


def test_the_page_keeps_a_queue_that_it_took_before_loading(
    page: Page, site: Site, receiver: Receiver
) -> None:
    kept = inline("window.kept = window.sessionCollector = [];")
    page.goto(site.add_page(kept, TAG_SCRIPT, snippet(receiver.url)))
    wait_until_live(page)
    page.evaluate('() => { kept.push(["set", {visitor_id: "v-1"}]) }')
    receiver.wait_until(lambda came: any(each.keys == {"visitor_id": "v-1"} for each in came))
