"""What happens when the server does not take a beacon, and how one travels."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.driving import (
    FIRST_SESSION,
    SECOND_SESSION,
    VIEW,
    errors_told,
    open_page,
    open_page_before_tag,
    set_keys,
    settle,
)
from tests.browser.receiver import Receiver
from tests.browser.site import TAG_SCRIPT, Site, inline, snippet

BROKEN_FETCH = {
    "missing": "delete window.fetch; window.fetch = undefined;",
    "throwing": "window.fetch = () => { throw new Error('patched by the page') };",
}


def test_a_beacon_is_plain_text_asks_no_preflight_and_shows_no_cookie(
    page: Page, site: Site, receiver: Receiver
) -> None:
    # Cookies know no ports: this one would go to the receiver too, if the snippet let it.
    page.context.add_cookies([{"name": "secret", "value": "x", "url": receiver.url}])
    open_page(page, site, receiver)
    (beacon,) = receiver.wait_for(1)
    assert beacon.headers["content-type"].lower() == "text/plain;charset=utf-8"
    assert beacon.headers["origin"] == site.url
    assert "cookie" not in beacon.headers
    assert receiver.preflights == 0


def test_a_request_is_made_to_outlive_the_page(page: Page, site: Site, receiver: Receiver) -> None:
    # Loopback is too fast to lose a request without it, so the option itself is looked at.
    spy = """const real = window.fetch;
      window.fetch = (url, options) => { window.keptAlive = options.keepalive;
                                         return real(url, options); };"""
    open_page(page, site, receiver, inline(spy))
    receiver.wait_for(1)
    assert page.evaluate("Boolean(keptAlive)") is True


@pytest.mark.parametrize("broken", BROKEN_FETCH)
def test_where_fetch_is_broken_sendbeacon_delivers_once(
    page: Page, site: Site, receiver: Receiver, broken: str
) -> None:
    open_page(page, site, receiver, inline(BROKEN_FETCH[broken]))
    (beacon,) = receiver.wait_for(1)
    page.evaluate(VIEW)
    settle(page, receiver)
    assert beacon.session == FIRST_SESSION
    assert beacon.headers["content-type"].lower() == "text/plain;charset=utf-8"
    assert len(receiver.beacons) == 1
    assert receiver.preflights == 0
    assert errors_told(page) == []


def test_a_sendbeacon_that_refuses_is_tried_again_at_the_next_page_view(
    page: Page, site: Site, receiver: Receiver
) -> None:
    refusing = "window.sendBeacon = navigator.sendBeacon; navigator.sendBeacon = () => false;"
    open_page(page, site, receiver, inline(BROKEN_FETCH["throwing"] + refusing))
    settle(page, receiver)
    assert receiver.beacons == []
    page.evaluate("() => { navigator.sendBeacon = window.sendBeacon }")
    page.evaluate(VIEW)
    assert receiver.wait_for(1)[0].session == FIRST_SESSION


@pytest.mark.parametrize("missing", ["navigator.sendBeacon = undefined;", ""])
def test_a_missing_sendbeacon_is_not_missed_where_fetch_works(
    page: Page, site: Site, receiver: Receiver, missing: str
) -> None:
    open_page(page, site, receiver, inline(missing))
    assert receiver.wait_for(1)[0].session == FIRST_SESSION


def test_without_fetch_and_sendbeacon_the_tag_is_told_and_the_page_unharmed(
    page: Page, site: Site, receiver: Receiver
) -> None:
    head = inline(BROKEN_FETCH["throwing"] + "navigator.sendBeacon = undefined;")
    open_page(page, site, receiver, head)
    page.wait_for_function("window.CS_STANDIN.errors.length")
    assert receiver.beacons == []
    assert errors_told(page)[0].startswith("sessionCollector: TypeError")


@pytest.mark.parametrize(
    "fetch",
    [
        "() => undefined",
        "() => ({})",
        "() => Promise.resolve()",
        "() => Promise.reject(new Error('patched'))",
        "() => ({then() { throw new Error('patched') }})",
    ],
)
def test_a_fetch_that_answers_nonsense_harms_nothing(
    page: Page, site: Site, receiver: Receiver, fetch: str
) -> None:
    open_page(page, site, receiver, inline(f"window.fetch = {fetch};"))
    page.evaluate(VIEW)
    settle(page, receiver)
    assert receiver.beacons == []
    assert all("TypeError" in error for error in errors_told(page))


def test_a_receiver_that_was_down_gets_the_beacon_at_the_next_page_view(
    page: Page, site: Site, receiver: Receiver
) -> None:
    open_page_before_tag(page, site, receiver)
    receiver.go_down()
    with page.expect_event("requestfailed"):
        page.evaluate("loadTag()")
    receiver.come_up()
    settle(page, receiver)
    assert receiver.beacons == [], "nothing is sent unless something happens on the page"
    page.evaluate(VIEW)
    assert receiver.wait_for(1)[0].session == FIRST_SESSION
    page.evaluate(VIEW)
    settle(page, receiver)
    assert len(receiver.beacons) == 1
    assert errors_told(page) == []


@pytest.mark.parametrize("status", [500, 502, 503, 429])
@pytest.mark.parametrize("cause", ["page view", "key"])
def test_a_server_that_could_not_is_asked_again_when_something_happens(
    page: Page, site: Site, receiver: Receiver, status: int, cause: str
) -> None:
    receiver.answers.append(status)
    open_page(page, site, receiver)
    receiver.wait_for(1)
    settle(page, receiver)
    assert len(receiver.beacons) == 1
    if cause == "key":
        set_keys(page, {"visitor_id": "v-1"})
    else:
        page.evaluate(VIEW)
    first, again = receiver.wait_for(2)
    page.evaluate(VIEW)
    settle(page, receiver)
    assert again.session == first.session
    assert len(receiver.beacons) == 2


@pytest.mark.parametrize("status", [400, 403, 413])
def test_a_refused_beacon_is_not_repeated_within_five_minutes(
    page: Page, site: Site, receiver: Receiver, status: int
) -> None:
    page.clock.install()
    receiver.answers.extend([status, status])
    open_page(page, site, receiver)
    receiver.wait_for(1)
    settle(page, receiver)
    for _ in range(3):
        page.evaluate(VIEW)
        page.clock.run_for(20_000)
    settle(page, receiver)
    assert len(receiver.beacons) == 1
    page.clock.fast_forward("05:00")
    page.evaluate(VIEW)
    page.evaluate(VIEW)
    receiver.wait_for(2)
    settle(page, receiver)
    assert len(receiver.beacons) == 2
    assert errors_told(page) == []


def test_an_old_beacon_that_succeeds_late_does_not_hide_that_the_newest_failed(
    page: Page, site: Site, receiver: Receiver
) -> None:
    # The first answer is held back until the second request has failed.
    hold = """const real = window.fetch; let count = 0;
      window.fetch = async (...request) => {
        const first = !count++;
        const answer = await real(...request);
        if (first) await new Promise((go) => { window.letGo = go; });
        return answer;
      };"""
    receiver.answers.extend([204, 503])
    open_page(page, site, receiver, inline(hold))
    page.wait_for_function("Boolean(window.letGo)")
    set_keys(page, {"visitor_id": "v-1"})
    receiver.wait_for(2)
    settle(page, receiver)
    page.evaluate("letGo()")
    page.evaluate(VIEW)
    assert receiver.wait_for(3)[2].keys == {"visitor_id": "v-1"}


def test_a_beacon_that_fails_late_does_not_unsend_what_followed_for_long(
    page: Page, site: Site, receiver: Receiver
) -> None:
    receiver.answers.append(503)
    open_page(page, site, receiver)
    page.evaluate("CS_STANDIN.rollOver()")
    page.evaluate(VIEW)
    receiver.wait_for(2)
    for _ in range(3):
        page.evaluate(VIEW)
        settle(page, receiver)
    sessions = [beacon.session for beacon in receiver.beacons]
    # Two requests on two connections may come in either order.
    assert sessions.count(FIRST_SESSION) == 1
    assert sessions.count(SECOND_SESSION) == len(sessions) - 1
    assert len(sessions) <= 3


def test_beacons_reach_the_receiver_under_a_strict_policy(
    page: Page, site: Site, receiver: Receiver
) -> None:
    policy = (
        f"default-src 'none'; script-src 'self' {receiver.url}; "
        f"connect-src {receiver.url}; require-trusted-types-for 'script'"
    )
    page.goto(site.add_page(TAG_SCRIPT, snippet(receiver.url), policy=policy))
    assert receiver.wait_for(1)[0].session == FIRST_SESSION


def test_a_policy_that_forbids_the_request_harms_nothing(
    page: Page, site: Site, receiver: Receiver
) -> None:
    policy = f"default-src 'none'; script-src 'self' {receiver.url}"
    with page.expect_event("console", lambda message: "connect-src" in message.text):
        page.goto(site.add_page(TAG_SCRIPT, snippet(receiver.url), policy=policy))
    assert receiver.beacons == []
    assert errors_told(page) == []
