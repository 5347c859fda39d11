"""What the snippet says on the console when a page is debugged, and keeps for whoever looks."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

from collector import resources
from collector.snippet import integrity_of
from tests.browser.driving import VIEW, open_page, set_keys, settle, wait_until_live
from tests.browser.receiver import Receiver
from tests.browser.site import LATE_TAG, PROJECT, TAG_SCRIPT, USER, Site, inline, snippet

DEBUG = inline("window.csqDebuggerEnabled = true;")
STORED = "sessionCollector: stored (204)"


class Console:
    """What a page has said, in order."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.lines: list[str] = []
        page.on("console", lambda message: self.lines.append(message.text))

    def wait_for(self, line: str) -> None:
        """Until exactly this has been said."""
        if line not in self.lines:
            self.page.wait_for_event("console", lambda message: message.text == line)


@pytest.fixture
def console(page: Page) -> Console:
    return Console(page)


def seen(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate("sessionCollector.seen")
    return found


def open_debugged(page: Page, site: Site, receiver: Receiver, *head: str, tag: str = "") -> None:
    """Open a page that is debugged, whose script tag has these attributes."""
    script = snippet(receiver.url).replace("<script", "<script " + tag)
    page.goto(site.add_page(DEBUG, *head, script))


@pytest.mark.parametrize(
    ("query", "code"),
    [("?csqDebuggerEnabled=true", ""), ("", "window.csqDebuggerEnabled = true")],
)
def test_a_page_that_is_debugged_says_what_it_saw_and_did(
    page: Page, site: Site, receiver: Receiver, console: Console, query: str, code: str
) -> None:
    given = f"{code}; window.sessionCollector = [['set', {{visitor_id: 'v-1'}}]];"
    open_page(page, site, receiver, inline(given), query=query)
    console.wait_for(STORED)
    assert console.lines == [
        "sessionCollector: loaded",
        f"sessionCollector: session {USER}.4, project {PROJECT}",
        "sessionCollector: keys visitor_id=v-1",
        STORED,
    ]
    kept = seen(page)
    assert kept["loaded"]
    assert kept["tag"]
    assert kept["called"] >= 1
    assert kept["session"] == {"projectId": PROJECT, "userId": USER, "sessionNumber": 4}
    assert kept["keys"] == {"visitor_id": "v-1"}
    assert kept["answer"] == {"status": 204, "code": None, "ignored": None}
    assert (kept["sent"], kept["withheld"], kept["problems"]) == (1, None, [])


def test_a_page_that_is_not_debugged_loads_nothing_more(
    page: Page, site: Site, receiver: Receiver
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(f"{request.method} {request.url}"))
    open_page(page, site, receiver)
    receiver.wait_for(1)
    settle(page, receiver)
    assert f"POST {receiver.url}/v1/sessions" in asked
    assert f"GET {receiver.url}/v1/sessions" not in asked


def test_a_script_that_is_pinned_by_its_integrity_is_debugged_by_the_page_alone(
    page: Page, site: Site, receiver: Receiver, console: Console
) -> None:
    # Anybody can write an address, and what debugs is not pinned.
    built = resources.path("static") / "js" / "collector.min.js"
    pin = f'integrity="{integrity_of(built.read_bytes())}" crossorigin'
    tag = snippet(receiver.url).replace("<script", f"<script {pin}")
    page.goto(site.add_page(TAG_SCRIPT, tag) + "?csqDebuggerEnabled=true")
    receiver.wait_for(1)
    settle(page, receiver)
    assert console.lines == []
    page.evaluate("window.csqDebuggerEnabled = true")
    console.wait_for("sessionCollector: loaded")


def test_it_waits_for_the_tag_aloud_and_says_when_it_is_there(
    page: Page, site: Site, receiver: Receiver, console: Console
) -> None:
    open_debugged(page, site, receiver, LATE_TAG)
    console.wait_for("sessionCollector: waiting for Contentsquare's tag")
    page.evaluate("loadTag()")
    console.wait_for(STORED)


@pytest.mark.parametrize(
    ("head", "line"),
    [
        ("", "no callback after 10 s: Contentsquare's tag is not on this page"),
        (
            inline("window._uxa = {push() {}};"),
            "no callback after 10 s: the tag does not track here, or lacks afterPageView",
        ),
    ],
)
def test_ten_seconds_of_silence_are_told_with_what_they_mean(
    page: Page, site: Site, receiver: Receiver, console: Console, head: str, line: str
) -> None:
    page.clock.install()
    open_debugged(page, site, receiver, head)
    wait_until_live(page)
    page.clock.run_for(1_100)  # the first tick loads what speaks
    page.wait_for_function("sessionCollector.seen")
    page.clock.run_for(9_000)
    assert not any("no callback" in said for said in console.lines)
    page.clock.run_for(3_000)
    console.wait_for(f"sessionCollector: {line}")


def test_a_refusal_is_told_with_the_server_s_code(
    page: Page, site: Site, receiver: Receiver, console: Console
) -> None:
    receiver.codes[403] = "origin_not_allowed"
    receiver.answers.extend([403, 503])
    open_debugged(page, site, receiver, TAG_SCRIPT)
    console.wait_for("sessionCollector: refused: 403 origin_not_allowed")
    assert seen(page)["answer"]["code"] == "origin_not_allowed"
    set_keys(page, {"visitor_id": "v-1"})
    console.wait_for("sessionCollector: refused: 503; again at the next page view")
    page.evaluate(VIEW)
    console.wait_for(STORED)


def test_a_server_that_is_down_is_told(
    page: Page, site: Site, receiver: Receiver, console: Console
) -> None:
    open_debugged(page, site, receiver, TAG_SCRIPT)
    console.wait_for(STORED)
    receiver.go_down()
    set_keys(page, {"visitor_id": "v-1"})
    page.wait_for_function("sessionCollector.seen.answer.error")
    assert any(line.startswith("sessionCollector: not sent, or not") for line in console.lines)


#: For each reason: the tag's attribute, the page's code, and what is said.
WITHHELD = {
    "consent": (
        "data-require-consent",
        "",
        'nothing is sent before ["consent", true], because of data-require-consent',
    ),
    "opt_out": (
        "",
        "window.sessionCollector = [['optOut']];",
        'nothing is sent: the page has said "optOut"',
    ),
    "gpc": (
        "",
        "Object.defineProperty(navigator, 'globalPrivacyControl', {value: true});",
        "nothing is sent: this browser asks not to (Global Privacy Control)",
    ),
}


@pytest.mark.parametrize("reason", WITHHELD)
def test_what_is_withheld_is_told_with_the_reason(
    page: Page, site: Site, receiver: Receiver, console: Console, reason: str
) -> None:
    attributes, code, line = WITHHELD[reason]
    open_debugged(page, site, receiver, inline(code), TAG_SCRIPT, tag=attributes)
    console.wait_for(f"sessionCollector: {line}")
    assert seen(page)["withheld"] == reason
    assert receiver.beacons == []


def test_an_attribute_that_cannot_be_read_is_told(
    page: Page, site: Site, receiver: Receiver, console: Console
) -> None:
    attributes = 'data-key-a="unknown:x" data-key-b="text:[" data-key-c="cookie:none_yet"'
    open_debugged(page, site, receiver, TAG_SCRIPT, tag=attributes)
    console.wait_for(STORED)
    first, second = seen(page)["problems"]
    assert first == 'data-key-a="unknown:x" is not cookie:, meta:, js: or text: and a name'
    assert second.startswith('data-key-b="text:[" cannot be read: ')
    assert f"sessionCollector: {first}" in console.lines


def test_a_source_that_finds_nothing_is_told_until_it_does(
    page: Page, site: Site, receiver: Receiver, console: Console
) -> None:
    attributes = 'data-key-visitor_id="cookie:visitor" data-key-tracking_number="text:p"'
    open_debugged(page, site, receiver, TAG_SCRIPT, "<body><p> </p>", tag=attributes)
    console.wait_for("sessionCollector: no visitor_id yet: cookie:visitor finds nothing")
    console.wait_for("sessionCollector: no tracking_number yet: text:p finds nothing")
    assert seen(page)["missing"] == {"visitor_id": "cookie:visitor", "tracking_number": "text:p"}
    page.evaluate("document.cookie = 'visitor=v-1'")
    console.wait_for("sessionCollector: keys visitor_id=v-1")
    assert seen(page)["missing"] == {"tracking_number": "text:p"}
    assert seen(page)["keys"] == {"visitor_id": "v-1"}


def test_a_callback_without_a_session_is_told(
    page: Page, site: Site, receiver: Receiver, console: Console
) -> None:
    open_debugged(page, site, receiver, TAG_SCRIPT)
    console.wait_for(STORED)
    page.evaluate("CS_STANDIN.callBack({projectId: 162})")
    console.wait_for("sessionCollector: called back without a session")


def test_a_debugger_that_cannot_load_harms_nothing(
    page: Page, site: Site, receiver: Receiver
) -> None:
    receiver.debugs = False
    open_debugged(page, site, receiver, TAG_SCRIPT)
    receiver.wait_for(1)
    set_keys(page, {"visitor_id": "v-1"})
    receiver.wait_for(2)
    settle(page, receiver)


def test_a_console_that_throws_harms_nothing_when_debugging(
    page: Page, site: Site, receiver: Receiver
) -> None:
    broken = inline("console.log = () => { throw new Error('patched') };")
    open_debugged(page, site, receiver, broken, TAG_SCRIPT)
    receiver.wait_for(1)
    page.wait_for_function("sessionCollector.seen || true")
    settle(page, receiver)
