"""The demo's shop: a customer's site with the snippet on it, under a strict policy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Thread

import pytest
from playwright.sync_api import Page, expect
from werkzeug.serving import make_server

from collector.demo.shop import create_shop
from tests.browser.driving import settle
from tests.browser.receiver import Receiver

NUMBERS = ("+33 1 99 00 00 01", "+33 1 99 00 00 02")
POLICY = "content-security-policy"


@dataclass(kw_only=True)
class OpenShop:
    """A shop that serves, and the calls that were placed in it."""

    url: str = ""
    calls: list[dict[str, object]] = field(default_factory=list)


@pytest.fixture
def page(own_page: Page) -> Page:
    """The shop stands on a port that another test's may have had."""
    return own_page


@pytest.fixture
def shop(receiver: Receiver) -> Iterator[OpenShop]:
    opened = OpenShop()
    application = create_shop(
        collector_url=receiver.url,
        project_id=162,
        tracking_numbers=NUMBERS,
        place_call=opened.calls.append,
    )
    server = make_server("127.0.0.1", 0, application, threaded=True)
    opened.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield opened
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_visit_is_told_with_both_keys_under_the_strict_policy(
    page: Page, shop: OpenShop, receiver: Receiver
) -> None:
    spoken: list[str] = []
    page.on("console", lambda message: spoken.append(message.text))
    response = page.goto(shop.url)
    assert response is not None
    assert f"script-src 'self' {receiver.url};" in response.headers[POLICY]
    assert "unsafe" not in response.headers[POLICY]
    (beacon,) = receiver.wait_for(1)
    assert re.fullmatch(r"v-[0-9a-f]{16}", beacon.keys["visitor_id"])
    assert beacon.keys["tracking_number"] in NUMBERS
    expect(page.locator("#seen-session")).to_have_text(f"{beacon.session[1]}.{beacon.session[2]}")
    expect(page.locator("#seen-visitor")).to_have_text(beacon.keys["visitor_id"])
    expect(page.locator("#seen-number")).to_have_text(beacon.keys["tracking_number"])
    expect(page.locator("#seen-beacons")).to_have_text("1")
    assert spoken == []


def test_walking_about_stays_one_session_of_one_visitor(
    page: Page, shop: OpenShop, receiver: Receiver
) -> None:
    page.goto(shop.url)
    receiver.wait_for(1)
    page.get_by_role("link", name="The lamp", exact=True).click()
    receiver.wait_for(2)
    page.get_by_role("tab", name="Details").click()
    expect(page.locator("#seen-page")).to_have_text("3")
    settle(page, receiver)
    page.get_by_role("link", name="Contact").click()
    receiver.wait_for(3)
    assert len({beacon.text for beacon in receiver.beacons}) == 1
    assert len(receiver.beacons) == 3, "the tab's artificial page view asks for none of its own"


def test_two_visitors_get_two_numbers(page: Page, shop: OpenShop, receiver: Receiver) -> None:
    page.goto(shop.url)
    receiver.wait_for(1)
    page.context.clear_cookies()
    page.goto(shop.url)
    first, second = receiver.wait_for(2)
    assert {first.keys["tracking_number"], second.keys["tracking_number"]} == set(NUMBERS)
    assert first.keys["visitor_id"] != second.keys["visitor_id"]
    assert first.session != second.session


def test_a_call_is_handed_on_as_a_call_platform_would_report_it(
    page: Page, shop: OpenShop, receiver: Receiver
) -> None:
    page.goto(shop.url + "/contact")
    (beacon,) = receiver.wait_for(1)
    page.get_by_label("Seconds").fill("183")
    page.get_by_role("button", name="Call this number").click()
    expect(page.get_by_role("status")).to_contain_text("the next run of the job will join it")
    (call,) = shop.calls
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", str(call.pop("started")))
    expect(page.get_by_role("status")).to_contain_text(str(call.pop("call_id")))
    assert call == {
        "duration": 183,
        "visitor_id": beacon.keys["visitor_id"],
        "tracking_number": beacon.keys["tracking_number"],
        "rating": 4,
        "center_name": "RENNES",
        "status": "answered",
    }
    page.reload()
    assert len(shop.calls) == 1


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"duration": "x", "rating": "4"},
        {"duration": "-1", "rating": "4"},
        {"duration": "42", "rating": "6"},
        {"duration": "42", "rating": "4", "center_name": "<script>"},
        {"duration": "42", "rating": "4", "status": "unknown"},
    ],
)
def test_a_call_with_nonsense_is_refused_and_not_placed(form: dict[str, str]) -> None:
    calls: list[dict[str, object]] = []
    application = create_shop(
        collector_url="http://127.0.0.1:1",
        project_id=162,
        tracking_numbers=NUMBERS,
        place_call=calls.append,
    )
    answer = application.test_client().post("/call", data=form)
    assert (answer.status_code, calls) == (400, [])
    assert b"<script>" not in answer.data


def test_without_a_place_for_calls_there_is_no_button() -> None:
    client = create_shop(
        collector_url="http://127.0.0.1:1", project_id=162, tracking_numbers=NUMBERS
    ).test_client()
    assert b"<form" not in client.get("/contact").data
    assert client.post("/call").status_code == 404


def test_what_a_visitor_sends_is_never_shown_unescaped() -> None:
    evil = '"><script>alert(1)</script>'
    client = create_shop(
        collector_url="http://127.0.0.1:1", project_id=162, tracking_numbers=[evil]
    ).test_client()
    client.set_cookie("shop_visitor", evil)
    client.set_cookie("shop_line", evil)
    shown = client.get("/contact", query_string={"call": evil}).get_data(as_text=True)
    assert "<script>alert" not in shown


def test_a_shop_without_numbers_is_refused() -> None:
    with pytest.raises(ValueError, match="tracking_numbers"):
        create_shop(collector_url="http://127.0.0.1:1", project_id=162, tracking_numbers=[])
