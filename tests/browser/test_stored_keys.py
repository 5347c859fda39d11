"""A key that comes after the page view is stored, wherever on the page it comes from."""

from __future__ import annotations

import pytest

from tests.browser.customer import Customer
from tests.browser.driving import VIEW
from tests.browser.site import TAG_SCRIPT, USER
from tests.browser.tabs import Tab

#: Where a key is read from, and how a page brings it there late.
LATE_KEYS = {
    'data-key-visitor_id="cookie:visitor"': 'document.cookie = "visitor=v 1; path=/"',
    'data-key-visitor_id="meta:visitor"': """(() => {
        const meta = document.createElement("meta");
        meta.name = "visitor";
        meta.content = "v 1";
        document.head.append(meta);
    })()""",
    'data-key-visitor_id="js:window.shop.visitor.id"': 'window.shop = {visitor: {id: "v 1"}}',
    'data-key-visitor_id="text:#visitor b"': """(() => {
        const shown = document.createElement("p");
        shown.id = "visitor";
        shown.innerHTML = "Visitor <b> v\\n 1 </b>";
        document.body.append(shown);
    })()""",
    "": 'sessionCollector.push(["set", {visitor_id: "v 1"}])',
}


@pytest.mark.parametrize("attributes", LATE_KEYS)
def test_a_key_that_comes_late_is_stored_then(
    tab: Tab, customer: Customer, attributes: str
) -> None:
    customer.open(tab, TAG_SCRIPT, attributes=attributes)
    customer.wait_for_sessions((USER, 4, 1))
    tab.evaluate(f"void ({LATE_KEYS[attributes]})")
    customer.wait_for_sightings((4, "visitor_id", "v 1"))
    tab.evaluate(VIEW)
    customer.settle(tab)
    assert customer.sessions == [(USER, 4, 2)]


def test_a_number_on_show_that_changes_is_stored_in_each_form(tab: Tab, customer: Customer) -> None:
    number = '<p id="number">+33 1 99 00 00 01</p>'
    attributes = 'data-key-tracking_number="text:#number"'
    customer.open(tab, TAG_SCRIPT, number, attributes=attributes)
    customer.wait_for_sightings((4, "tracking_number", "+33199000001"))
    tab.evaluate('void (document.querySelector("#number").textContent = "01 99 00 00 02")')
    customer.wait_for_sightings(
        (4, "tracking_number", "+33199000001"), (4, "tracking_number", "+33199000002")
    )


def test_a_key_that_the_server_does_not_take_does_not_cost_the_session_nor_the_others(
    tab: Tab, customer: Customer
) -> None:
    keys = '{visitor_id: "v-1", Bad: "x", long: "x".repeat(300), control: "a\\u0000b", number: 7}'
    customer.open(tab, TAG_SCRIPT)
    tab.evaluate(f'void sessionCollector.push(["set", {keys}])')
    customer.wait_for_sightings((4, "number", "7"), (4, "visitor_id", "v-1"))
    customer.settle(tab)
    assert {beacon.answer for beacon in tab.beacons} == {204}
