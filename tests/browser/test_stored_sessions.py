"""Which rows a visit leaves, by the snippet and a real server, in Chromium and in Firefox."""

from __future__ import annotations

import pytest

from tests.browser.customer import Customer
from tests.browser.driving import VIEW
from tests.browser.site import LATE_TAG, TAG_SCRIPT, USER, inline
from tests.browser.tabs import Tab

ROLL_OVER = "CS_STANDIN.rollOver()"


def test_a_tag_that_comes_late_is_waited_for(tab: Tab, customer: Customer) -> None:
    customer.open(tab, LATE_TAG)
    customer.settle(tab)
    assert customer.sessions == []
    tab.evaluate("loadTag().then(() => 0)")
    customer.wait_for_sessions((USER, 4, 1))


def test_what_was_queued_before_loading_is_stored_with_the_first_view(
    tab: Tab, customer: Customer
) -> None:
    queue = 'window.sessionCollector = [["set", {visitor_id: "v-1"}], ["set", {reference: 7}]];'
    customer.open(tab, inline(queue), TAG_SCRIPT)
    customer.wait_for_sessions((USER, 4, 1))
    customer.settle(tab)
    assert customer.sightings == [(4, "reference", "7"), (4, "visitor_id", "v-1")]
    assert customer.sessions == [(USER, 4, 1)]


def test_moving_about_on_a_single_page_stores_its_session_and_its_keys_once_each(
    tab: Tab, customer: Customer
) -> None:
    customer.open(tab, TAG_SCRIPT)
    for path, number in (("/a", "0033199000001"), ("/b", "0033199000001"), ("/c", "0033199000002")):
        tab.evaluate(
            f"""(() => {{
              history.pushState(null, "", "{path}");
              sessionCollector.push(["set", {{tracking_number: "{number}"}}]);
              _uxa.push(["trackPageview", location.pathname]);
            }})()"""
        )
        customer.settle(tab)
    assert customer.sightings == [
        (4, "tracking_number", "+33199000001"),
        (4, "tracking_number", "+33199000002"),
    ]
    customer.wait_for_sessions((USER, 4, 3))
    assert len(tab.beacons) == 3


def test_a_session_that_rolls_over_on_an_open_page_is_a_second_row(
    tab: Tab, customer: Customer
) -> None:
    customer.open(tab, TAG_SCRIPT)
    customer.wait_for_sessions((USER, 4, 1))
    tab.evaluate(ROLL_OVER)
    tab.evaluate(VIEW)
    customer.wait_for_sessions((USER, 4, 1), (USER, 5, 1))


def test_twenty_views_of_a_session_within_five_minutes_are_one_request(
    tab: Tab, customer: Customer
) -> None:
    customer.open(tab, TAG_SCRIPT)
    for _ in range(19):
        tab.evaluate(VIEW)
    customer.settle(tab)
    assert tab.evaluate("CS_STANDIN.pageViews.length") == 20
    assert [beacon.answer for beacon in tab.beacons] == [204]
    assert customer.sessions == [(USER, 4, 1)]


def test_five_page_loads_are_five_requests_since_nothing_is_stored(
    tab: Tab, customer: Customer
) -> None:
    for load in range(1, 6):
        customer.open(tab, TAG_SCRIPT)
        customer.settle(tab)
        assert customer.sessions == [(USER, 4, load)]
    assert [beacon.answer for beacon in tab.beacons] == [204] * 5


def test_a_snippet_that_is_loaded_twice_sends_one_beacon(tab: Tab, customer: Customer) -> None:
    customer.open(tab, TAG_SCRIPT, customer.snippet())
    tab.evaluate(
        f"""new Promise((loaded) => {{
          const again = document.createElement("script");
          again.src = "{customer.server.url}/v1/snippet.js?again";
          again.onload = () => loaded(0);
          document.head.append(again);
        }})"""
    )
    tab.evaluate(VIEW)
    customer.settle(tab)
    assert customer.sessions == [(USER, 4, 1)]


def test_a_view_is_stored_when_the_page_is_closed_at_once(tab: Tab, customer: Customer) -> None:
    customer.open(tab, TAG_SCRIPT)
    customer.wait_for_sessions((USER, 4, 1))
    tab.evaluate(ROLL_OVER)
    tab.evaluate(VIEW)
    tab.close()
    customer.wait_for_sessions((USER, 4, 1), (USER, 5, 1))


@pytest.mark.parametrize("leaving", ["pagehide", "visibilitychange"])
def test_a_view_of_the_last_moment_is_stored_when_the_page_is_left(
    tab: Tab, customer: Customer, leaving: str
) -> None:
    customer.open(tab, TAG_SCRIPT)
    customer.wait_for_sessions((USER, 4, 1))
    tab.evaluate(
        f"void addEventListener('{leaving}', () => {{ {ROLL_OVER}; {VIEW}; }}, {{capture: true}})"
    )
    tab.open(f"{customer.site.url}/elsewhere")
    customer.wait_for_sessions((USER, 4, 1), (USER, 5, 1))


def test_a_tag_manager_may_make_the_script_element(tab: Tab, customer: Customer) -> None:
    tab.open(
        customer.page(
            TAG_SCRIPT,
            inline(
                f"""const made = document.createElement("script");
                made.src = "{customer.server.url}/v1/snippet.js";
                document.head.append(made);"""
            ),
        )
    )
    customer.wait_for_sessions((USER, 4, 1))


def test_a_copy_of_the_snippet_that_is_served_elsewhere_is_told_the_endpoint(
    tab: Tab, customer: Customer
) -> None:
    customer.site.add_script("/copy.js", customer.built_snippet())
    queue = f'window.sessionCollector = [["endpoint", "{customer.server.url}/v1/sessions"]];'
    tab.open(customer.page(inline(queue), TAG_SCRIPT, '<script async src="/copy.js"></script>'))
    customer.wait_for_sessions((USER, 4, 1))


@pytest.mark.parametrize("endpoint", ["queued before", "given later"])
def test_a_tag_manager_may_run_the_code_itself_and_name_the_endpoint(
    tab: Tab, customer: Customer, endpoint: str
) -> None:
    tab.open(customer.page(TAG_SCRIPT))
    queue = "(window.sessionCollector = window.sessionCollector || [])"
    give = f'{queue}.push(["endpoint", "{customer.server.url}/v1/sessions"])'
    if endpoint == "queued before":
        tab.evaluate(f"void {give}")
    # Read here, so that its address is nowhere on the page.
    code = customer.built_snippet()
    tab.evaluate(f"void setTimeout({code!r})")
    tab.wait_for("window.sessionCollector?.live")
    if endpoint == "given later":
        customer.settle(tab)
        assert customer.sessions == []
        tab.evaluate(f"void {give}")
    customer.wait_for_sessions((USER, 4, 1))
