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
from tests.browser.site import PROJECT, TAG_SCRIPT, USER, Site, inline, silent_tag

CALL_BACK = "context => CS_STANDIN.callBack(context)"


def test_a_page_view_is_told_to_the_origin_that_the_snippet_came_from(
    page: Page, site: Site, receiver: Receiver
) -> None:
    open_page(page, site, receiver)
    (beacon,) = receiver.wait_for(1)
    assert beacon.path == "/v1/sessions"
    assert beacon.body == {"projectId": PROJECT, "userId": USER, "sessionNumber": 4, "keys": {}}


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


@pytest.mark.parametrize(
    ("told", "sent"),
    [
        ((162, "ae267-6g87D-88Nn6od.4"), (162, "ae267-6g87D-88Nn6od", 4)),
        (("162", "ae267-6g87D-88Nn6od.4"), (162, "ae267-6g87D-88Nn6od", 4)),
        ((162, "a.b.c.12"), (162, "a.b.c", 12)),
        ((162, "1.2.3"), (162, "1.2", 3)),
        ((2**53 - 1, "0d9a8c5e-9b5e.1"), (2**53 - 1, "0d9a8c5e-9b5e", 1)),
        ((162, 'quo"te\\.7'), (162, 'quo"te\\', 7)),
    ],
)
def test_a_session_key_is_split_at_its_last_dot(
    page: Page,
    site: Site,
    receiver: Receiver,
    told: tuple[object, str],
    sent: tuple[int, str, int],
) -> None:
    page.goto(site.add_page(silent_tag(projectId=told[0], sessionKey=told[1], more={})))
    page.add_script_tag(url=receiver.url + "/v1/snippet.js")
    assert receiver.wait_for(1)[0].session == sent


NAMES_NO_SESSION: list[dict[str, object]] = [
    {"projectId": 162, "sessionKey": "no dot"},
    {"projectId": 162, "sessionKey": "user"},
    {"projectId": 162, "sessionKey": "user."},
    {"projectId": 162, "sessionKey": ".4"},
    {"projectId": 162, "sessionKey": "user.four"},
    {"projectId": 162, "sessionKey": "user.-4"},
    {"projectId": 162, "sessionKey": "user.4.5e1"},
    {"projectId": 162, "sessionKey": "two words.4"},
    {"projectId": 162, "sessionKey": {"a": 1}},
    {"projectId": 162, "sessionKey": True},
    {"projectId": "one", "sessionKey": "user.4"},
    {"projectId": -1, "sessionKey": "user.4"},
    {"projectId": 16.2, "sessionKey": "user.4"},
    {"projectId": None, "sessionKey": "user.4"},
    {"sessionKey": "user.4"},
]

HAS_NO_FIELDS: list[object] = [None, {}, {"projectId": 162}, {"sessionKey": ""}, "text", 7]


def test_a_context_that_names_no_session_is_not_sent_and_told_to_the_tag(
    page: Page, site: Site, receiver: Receiver
) -> None:
    open_page(page, site, receiver)
    receiver.wait_for(1)
    for count, told in enumerate(NAMES_NO_SESSION, 1):
        page.evaluate(CALL_BACK, told)
        assert len(errors_told(page)) == count, told
    settle(page, receiver)
    assert len(receiver.beacons) == 1
    assert all(error.startswith("session-collector: ") for error in errors_told(page))


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
    page.evaluate("CS_STANDIN.rollOver()")
    page.evaluate(VIEW)
    assert receiver.wait_for(2)[1].session == SECOND_SESSION


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        ("{}", ["session-collector"]),
        ("{integrations: []}", ["session-collector"]),
        ("{integrations: ['other']}", ["other", "session-collector"]),
        ("{integrations: {}}", {}),
        ("{integrations: 'text'}", "text"),
        ("Object.freeze({})", None),
        ("{integrations: Object.freeze([])}", []),
    ],
)
def test_the_snippet_names_itself_among_the_integrations_where_that_can_be(
    page: Page, site: Site, receiver: Receiver, configuration: str, expected: object
) -> None:
    open_page(page, site, receiver, inline(f"window.CS_CONF = {configuration}"))
    receiver.wait_for(1)
    page.evaluate(VIEW)
    settle(page, receiver)
    assert page.evaluate("CS_CONF.integrations") == expected
    assert errors_told(page) == []
