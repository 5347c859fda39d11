"""When the snippet sends: once for what is new, and again for what has changed."""

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
    settle,
)
from tests.browser.receiver import Receiver
from tests.browser.site import PROJECT, TAG_SCRIPT, USER, Site

THROWING = "{get sessionKey() { throw new Error('from the page') }}"

CALL_BACK = "context => CS_STANDIN.callBack(context)"


def test_a_page_view_is_told_to_the_origin_that_the_snippet_came_from(
    page: Page, site: Site, receiver: Receiver
) -> None:
    open_page(page, site, receiver)
    (beacon,) = receiver.wait_for(1)
    assert beacon.path == "/v1/sessions"
    assert beacon.body == {"projectId": PROJECT, "sessionKey": f"{USER}.4", "keys": {}}


def test_a_tag_that_loads_late_is_waited_for(page: Page, site: Site, receiver: Receiver) -> None:
    open_page_before_tag(page, site, receiver)
    settle(page, receiver)
    assert receiver.beacons == []
    page.evaluate("loadTag()")
    (beacon,) = receiver.wait_for(1)
    assert beacon.session == FIRST_SESSION


def test_a_tag_that_loaded_first_is_heard_too(page: Page, site: Site, receiver: Receiver) -> None:
    page.goto(site.add_page(TAG_SCRIPT))
    page.add_script_tag(url=receiver.url + "/v1/snippet.js")
    (beacon,) = receiver.wait_for(1)
    assert beacon.session == FIRST_SESSION


def test_twenty_artificial_page_views_within_five_minutes_are_one_request(
    page: Page, site: Site, receiver: Receiver
) -> None:
    page.clock.install()
    open_page(page, site, receiver)
    receiver.wait_for(1)
    for _ in range(20):
        page.clock.fast_forward(14_000)
        page.evaluate(VIEW)
    settle(page, receiver)
    assert page.evaluate("CS_STANDIN.pageViews.length") == 21
    assert len(receiver.beacons) == 1


def test_a_page_view_after_five_minutes_tells_the_session_again(
    page: Page, site: Site, receiver: Receiver
) -> None:
    page.clock.install()
    open_page(page, site, receiver)
    receiver.wait_for(1)
    page.clock.fast_forward("05:01")
    settle(page, receiver)
    assert len(receiver.beacons) == 1, "time alone sends nothing"
    page.evaluate(VIEW)
    page.evaluate(VIEW)
    first, again = receiver.wait_for(2)
    settle(page, receiver)
    assert again.body == first.body
    assert len(receiver.beacons) == 2


def test_full_page_loads_are_a_request_each_since_nothing_is_stored(
    page: Page, site: Site, receiver: Receiver
) -> None:
    for count in range(1, 4):
        open_page(page, site, receiver)
        receiver.wait_for(count)
    assert {beacon.session for beacon in receiver.beacons} == {FIRST_SESSION}


def test_a_session_that_rolls_over_on_an_open_page_is_told(
    page: Page, site: Site, receiver: Receiver
) -> None:
    open_page(page, site, receiver)
    receiver.wait_for(1)
    page.evaluate("CS_STANDIN.rollOver()")
    page.evaluate(VIEW)
    before, after = receiver.wait_for(2)
    assert (before.session, after.session) == (FIRST_SESSION, SECOND_SESSION)


def test_half_an_hour_of_quiet_ends_the_session(page: Page, site: Site, receiver: Receiver) -> None:
    page.clock.install()
    open_page(page, site, receiver)
    receiver.wait_for(1)
    page.clock.fast_forward("30:01")
    page.evaluate(VIEW)
    assert receiver.wait_for(2)[1].session == SECOND_SESSION


#: The last moment of a page: timers that are set here never fire, plain requests are dropped.
VIEW_AT_THE_LAST_MOMENT = f"""() => addEventListener("pagehide", () => {{
  CS_STANDIN.rollOver();
  {VIEW};
}})"""


@pytest.mark.parametrize("leaving", ["location.href = '/elsewhere'", "location.reload()"])
def test_a_view_is_delivered_when_the_page_is_left_at_once(
    page: Page, site: Site, receiver: Receiver, leaving: str
) -> None:
    open_page(page, site, receiver)
    receiver.wait_for(1)
    page.evaluate(VIEW_AT_THE_LAST_MOMENT)
    page.evaluate(f"() => {{ {leaving} }}")
    assert SECOND_SESSION in [beacon.session for beacon in receiver.wait_for(2)]


def test_a_view_is_delivered_when_the_page_is_closed_at_once(
    page: Page, site: Site, receiver: Receiver
) -> None:
    open_page(page, site, receiver)
    receiver.wait_for(1)
    page.evaluate(VIEW_AT_THE_LAST_MOMENT)
    page.close(run_before_unload=True)
    assert receiver.wait_for(2)[1].session == SECOND_SESSION


#: What the tag may say, sensible or not: the server reads it, and tells the provider what it
#: refused (`collector installation check`).
CONTEXTS: list[dict[str, object]] = [
    {"projectId": 162, "sessionKey": "a.b.c.12"},
    {"projectId": "162", "sessionKey": "ae267-6g87D-88Nn6od.5"},
    {"projectId": 2**53 - 1, "sessionKey": "0d9a8c5e-9b5e.1"},
    {"projectId": 162, "sessionKey": 'quo"te\\.7'},
    {"projectId": 162, "sessionKey": "nodot"},
    {"projectId": None, "sessionKey": "user.6"},
    {"projectId": 162, "sessionKey": {"a": 1}},
    {"projectId": 162, "sessionKey": True},
]


def test_the_tag_s_session_is_passed_on_as_it_is_and_told_once(
    page: Page, site: Site, receiver: Receiver
) -> None:
    open_page(page, site, receiver)
    receiver.wait_for(1)
    for count, context in enumerate(CONTEXTS, 2):
        receiver.answers.append(400)
        page.evaluate(CALL_BACK, {**context, "pageNumber": 3})
        body = receiver.wait_for(count)[-1].body
        assert body == {**context, "keys": {}}
        page.evaluate(CALL_BACK, context)
    settle(page, receiver)
    assert len(receiver.beacons) == 1 + len(CONTEXTS)
    assert errors_told(page) == []


def test_a_context_that_throws_is_told_to_the_tag_and_asks_for_no_more_requests(
    page: Page, site: Site, receiver: Receiver
) -> None:
    open_page(page, site, receiver)
    receiver.wait_for(1)
    for _ in range(3):
        page.evaluate(f"CS_STANDIN.callBack({THROWING})")
        page.evaluate("() => { sessionCollector.push(7, {event: 'x'}) }")
        page.evaluate(VIEW)
    settle(page, receiver)
    assert len(receiver.beacons) == 1
    assert errors_told(page)[0] == "sessionCollector: Error: from the page"


HAS_NO_FIELDS: list[object] = [None, {}, {"projectId": 162}, {"sessionKey": ""}, "text", 7]


def test_a_context_without_fields_is_passed_over_in_silence(
    page: Page, site: Site, receiver: Receiver
) -> None:
    open_page(page, site, receiver)
    receiver.wait_for(1)
    for told in HAS_NO_FIELDS:
        page.evaluate(CALL_BACK, told)
        assert errors_told(page) == [], told
    settle(page, receiver)
    assert len(receiver.beacons) == 1


def test_a_good_page_view_after_a_bad_one_is_told(
    page: Page, site: Site, receiver: Receiver
) -> None:
    open_page(page, site, receiver)
    receiver.wait_for(1)
    page.evaluate(CALL_BACK, {"projectId": 162, "sessionKey": "bad"})
    receiver.wait_for(2)
    page.evaluate("CS_STANDIN.rollOver()")
    page.evaluate(VIEW)
    assert receiver.wait_for(3)[2].session == SECOND_SESSION
