"""When the snippet is silent: consent, opting out, and Global Privacy Control."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.driving import FIRST_SESSION, VIEW, open_page, set_keys, settle, wait_until_live
from tests.browser.receiver import Receiver
from tests.browser.site import TAG_SCRIPT, Site, inline, silent_tag, snippet

GPC = inline("Object.defineProperty(navigator, 'globalPrivacyControl', {value: true});")


def say(page: Page, command: str) -> None:
    """Give a command as the customer's page does."""
    page.evaluate(f"() => {{ sessionCollector.push({command}) }}")


def open_with(page: Page, site: Site, receiver: Receiver, attributes: str, *head: str) -> None:
    """Open a page whose script tag has these attributes, and let it do what it does."""
    tag = snippet(receiver.url).replace("<script", "<script " + attributes)
    page.goto(site.add_page(*head, TAG_SCRIPT, tag))
    wait_until_live(page)
    settle(page, receiver)


@pytest.mark.parametrize("attribute", ["data-require-consent", 'data-require-consent="true"'])
def test_where_consent_is_required_nothing_is_sent_before_it(
    page: Page, site: Site, receiver: Receiver, attribute: str
) -> None:
    open_with(page, site, receiver, attribute)
    page.evaluate(VIEW)
    set_keys(page, {"visitor_id": "v-1"})
    for given in ("false", "'false'", "'denied'", "{analytics: false}", "0", "undefined"):
        say(page, f'["consent", {given}]')
    say(page, '["consent"]')
    settle(page, receiver)
    assert receiver.beacons == []
    say(page, '["consent", true]')
    (beacon,) = receiver.wait_for(1)
    assert (beacon.session, beacon.keys) == (FIRST_SESSION, {"visitor_id": "v-1"})


@pytest.mark.parametrize(
    "command",
    ['["config", {}]', '["constructor", 1]', '["Consent", true]', '["set", {consent: 1}]'],
)
def test_no_other_command_is_taken_for_consent(
    page: Page, site: Site, receiver: Receiver, command: str
) -> None:
    open_with(page, site, receiver, "data-require-consent")
    say(page, command)
    page.evaluate(VIEW)
    settle(page, receiver)
    assert receiver.beacons == []


#: Counts each look at a cookie.
SPY = inline(
    """window.looks = 0;
    const cookie = Object.getOwnPropertyDescriptor(Document.prototype, "cookie");
    Object.defineProperty(document, "cookie", {
      get() { window.looks++; return cookie.get.call(document); },
      set(value) { cookie.set.call(document, value); },
    });"""
)


@pytest.mark.parametrize(
    ("attributes", "code"),
    [
        ("data-require-consent", ""),
        ("", "window.sessionCollector = [['optOut']];"),
        ("", "Object.defineProperty(navigator, 'globalPrivacyControl', {value: true});"),
    ],
)
def test_nothing_is_read_from_the_page_while_nothing_may_be_sent(
    page: Page, site: Site, receiver: Receiver, attributes: str, code: str
) -> None:
    page.clock.install()
    tag = silent_tag(projectId=162, sessionKey="user.4")
    script = snippet(receiver.url).replace(
        "<script", f'<script {attributes} data-key-visitor_id="cookie:visitor" '
    )
    page.goto(site.add_page(SPY, inline(code), tag, script))
    wait_until_live(page)
    page.clock.run_for(5_000)
    settle(page, receiver)
    assert page.evaluate("looks") == 0
    assert receiver.beacons == []


def test_consent_that_was_given_before_loading_counts(
    page: Page, site: Site, receiver: Receiver
) -> None:
    given = inline('window.sessionCollector = [["consent", true]];')
    open_with(page, site, receiver, "data-require-consent", given)
    assert receiver.wait_for(1)[0].session == FIRST_SESSION


@pytest.mark.parametrize("attribute", ["", "data-require-consent"])
def test_consent_that_is_withdrawn_ends_the_sending(
    page: Page, site: Site, receiver: Receiver, attribute: str
) -> None:
    given = inline('window.sessionCollector = [["consent", true]];')
    open_with(page, site, receiver, attribute, given)
    receiver.wait_for(1)
    say(page, '["consent", false]')
    set_keys(page, {"visitor_id": "v-1"})
    page.evaluate("CS_STANDIN.rollOver()")
    page.evaluate(VIEW)
    settle(page, receiver)
    assert len(receiver.beacons) == 1


@pytest.mark.parametrize(
    ("out", "back"),
    [
        ('["optOut"]', '["optIn"]'),
        ('["optOut", true]', '["optIn", true]'),
        ('["optOut", null]', '["optIn"]'),
    ],
)
def test_who_opts_out_is_not_told_of_until_opting_in(
    page: Page, site: Site, receiver: Receiver, out: str, back: str
) -> None:
    open_with(page, site, receiver, "", inline(f"window.sessionCollector = [{out}];"))
    page.evaluate(VIEW)
    set_keys(page, {"visitor_id": "v-1"})
    settle(page, receiver)
    assert receiver.beacons == []
    say(page, back)
    assert receiver.wait_for(1)[0].keys == {"visitor_id": "v-1"}


def test_opting_out_on_an_open_page_ends_the_sending(
    page: Page, site: Site, receiver: Receiver
) -> None:
    open_page(page, site, receiver)
    receiver.wait_for(1)
    say(page, '["optOut"]')
    set_keys(page, {"visitor_id": "v-1"})
    page.evaluate(VIEW)
    settle(page, receiver)
    assert len(receiver.beacons) == 1


def test_consent_does_not_undo_an_opt_out(page: Page, site: Site, receiver: Receiver) -> None:
    said = inline('window.sessionCollector = [["optOut"], ["consent", true]];')
    open_with(page, site, receiver, "data-require-consent", said)
    page.evaluate(VIEW)
    settle(page, receiver)
    assert receiver.beacons == []


@pytest.mark.parametrize("command", ["['optIn']", "['consent', true]", "['set', {a: 1}]"])
def test_global_privacy_control_is_honoured_whatever_the_page_says(
    page: Page, site: Site, receiver: Receiver, command: str
) -> None:
    open_with(page, site, receiver, "", GPC)
    say(page, command)
    page.evaluate(VIEW)
    settle(page, receiver)
    assert receiver.beacons == []


def test_an_installation_may_say_otherwise_by_an_attribute(
    page: Page, site: Site, receiver: Receiver
) -> None:
    open_with(page, site, receiver, 'data-gpc="ignore"', GPC)
    assert receiver.wait_for(1)[0].session == FIRST_SESSION
