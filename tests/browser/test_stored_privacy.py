"""What a visitor's choice keeps out of the database, and what it lets in."""

from __future__ import annotations

from tests.browser.customer import Customer
from tests.browser.driving import VIEW
from tests.browser.site import TAG_SCRIPT, USER
from tests.browser.tabs import Tab

SET = 'void sessionCollector.push(["set", {visitor_id: "v-1"}])'


def command(*words: object) -> str:
    """Give the snippet a command."""
    said = ", ".join(str(word).lower() if isinstance(word, bool) else f'"{word}"' for word in words)
    return f"void sessionCollector.push([{said}])"


def roll_over(tab: Tab) -> None:
    """Begin the visitor's next session by a view."""
    tab.evaluate("CS_STANDIN.rollOver()")
    tab.evaluate(VIEW)


def test_global_privacy_control_keeps_the_page_from_sending(
    tab_with_gpc: Tab, customer: Customer
) -> None:
    customer.open(tab_with_gpc, TAG_SCRIPT)
    tab_with_gpc.evaluate(SET)
    tab_with_gpc.evaluate(VIEW)
    customer.settle(tab_with_gpc)
    assert tab_with_gpc.beacons == []
    assert customer.sessions == []


def test_global_privacy_control_is_refused_by_the_server_when_the_page_ignores_it(
    tab_with_gpc: Tab, customer: Customer
) -> None:
    customer.open(tab_with_gpc, TAG_SCRIPT, attributes='data-gpc="ignore"')
    customer.settle(tab_with_gpc)
    assert [beacon.answer for beacon in tab_with_gpc.beacons] == [403]
    assert customer.sessions == []


def test_global_privacy_control_that_page_and_installation_ignore_changes_nothing(
    tab_with_gpc: Tab, customer: Customer
) -> None:
    customer.edit(honour_gpc=False)
    customer.open(tab_with_gpc, TAG_SCRIPT, attributes='data-gpc="ignore"')
    customer.wait_for_sessions((USER, 4, 1))


def test_global_privacy_control_is_refused_by_its_header_whoever_sends(customer: Customer) -> None:
    refused = customer.post(**{"Sec-GPC": "1"})
    assert (refused.status_code, refused.headers["X-Collector-Error"]) == (403, "opted_out")
    assert customer.sessions == []
    assert customer.post().status_code == 204
    assert customer.sessions == [("posted", 4, 1)]


def test_who_opts_out_is_stored_no_more_until_opting_in(tab: Tab, customer: Customer) -> None:
    customer.open(tab, TAG_SCRIPT)
    customer.wait_for_sessions((USER, 4, 1))
    tab.evaluate(command("optOut"))
    tab.evaluate(SET)
    roll_over(tab)
    customer.settle(tab)
    assert (customer.sessions, customer.sightings) == ([(USER, 4, 1)], [])
    tab.evaluate(command("optIn"))
    customer.wait_for_sessions((USER, 4, 1), (USER, 5, 1))
    assert customer.sightings == [(5, "visitor_id", "v-1")]


def test_without_consent_nothing_is_stored_and_after_it_the_session_is(
    tab: Tab, customer: Customer
) -> None:
    customer.open(tab, TAG_SCRIPT, attributes="data-require-consent")
    tab.evaluate(SET)
    tab.evaluate(VIEW)
    customer.settle(tab)
    assert tab.beacons == []
    assert customer.sessions == []
    tab.evaluate(command("consent", True))
    customer.wait_for_sessions((USER, 4, 1))
    assert customer.sightings == [(4, "visitor_id", "v-1")]


def test_consent_that_is_withdrawn_ends_it(tab: Tab, customer: Customer) -> None:
    customer.open(tab, TAG_SCRIPT, attributes="data-require-consent")
    tab.evaluate(command("consent", True))
    customer.wait_for_sessions((USER, 4, 1))
    tab.evaluate(command("consent", False))
    tab.evaluate(SET)
    roll_over(tab)
    customer.settle(tab)
    assert (customer.sessions, customer.sightings) == ([(USER, 4, 1)], [])
    tab.evaluate(command("consent", True))
    customer.wait_for_sessions((USER, 4, 1), (USER, 5, 1))
