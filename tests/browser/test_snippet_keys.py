"""The page's command queue: which keys go out, when, and which are left behind."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from collector import resources
from tests.browser.driving import (
    FIRST_SESSION,
    VIEW,
    errors_told,
    open_page,
    open_page_before_tag,
    set_keys,
    settle,
)
from tests.browser.receiver import Receiver
from tests.browser.site import TAG_SCRIPT, Site, inline, snippet

QUEUE = "window.sessionCollector = window.sessionCollector || [];"
NUMBER = "+33 1 99 00 12 34"


def test_commands_given_before_loading_go_out_with_the_first_page_view(
    page: Page, site: Site, receiver: Receiver
) -> None:
    commands = f'{QUEUE} sessionCollector.push(["set", {{visitor_id: "v-1", number: 7}}]);'
    open_page(page, site, receiver, inline(commands))
    (beacon,) = receiver.wait_for(1)
    settle(page, receiver)
    assert (beacon.session, beacon.keys) == (FIRST_SESSION, {"visitor_id": "v-1", "number": 7})
    assert len(receiver.beacons) == 1


def test_commands_given_after_loading_and_before_the_page_view_wait_for_it(
    page: Page, site: Site, receiver: Receiver
) -> None:
    open_page_before_tag(page, site, receiver)
    set_keys(page, {"visitor_id": "v-1"})
    set_keys(page, {"tracking_number": NUMBER})
    settle(page, receiver)
    assert receiver.beacons == []
    page.evaluate("loadTag()")
    (beacon,) = receiver.wait_for(1)
    assert beacon.keys == {"visitor_id": "v-1", "tracking_number": NUMBER}


def test_a_key_that_comes_after_the_page_view_goes_out_then(
    page: Page, site: Site, receiver: Receiver
) -> None:
    open_page(page, site, receiver)
    receiver.wait_for(1)
    set_keys(page, {"tracking_number": NUMBER})
    before, after = receiver.wait_for(2)
    assert (before.keys, after.keys) == ({}, {"tracking_number": NUMBER})
    assert before.session == after.session


def test_a_changed_key_goes_out_and_changes_back(
    page: Page, site: Site, receiver: Receiver
) -> None:
    open_page(page, site, receiver)
    for value in ("+33 1 99 00 00 01", "+33 1 99 00 00 02", "+33 1 99 00 00 01"):
        set_keys(page, {"tracking_number": value})
        settle(page, receiver)
    shown = [beacon.keys.get("tracking_number") for beacon in receiver.beacons]
    assert shown[-3:] == ["+33 1 99 00 00 01", "+33 1 99 00 00 02", "+33 1 99 00 00 01"]


def test_a_key_set_to_what_it_is_sends_nothing(page: Page, site: Site, receiver: Receiver) -> None:
    open_page(page, site, receiver)
    receiver.wait_for(1)
    set_keys(page, {"number": 7})
    receiver.wait_for(2)
    set_keys(page, {"number": 7})
    settle(page, receiver)
    assert len(receiver.beacons) == 2


def test_keys_set_in_one_go_are_one_request(page: Page, site: Site, receiver: Receiver) -> None:
    open_page(page, site, receiver)
    receiver.wait_for(1)
    page.evaluate(
        """() => {
            sessionCollector.push(["set", {a: 1}], ["set", {b: 2}]);
            sessionCollector.push(["set", {c: 3}]);
            _uxa.push(["trackPageview", "/x"]);
            sessionCollector.push(["set", {a: 4}]);
        }"""
    )
    keys = receiver.wait_for(2)[1].keys
    settle(page, receiver)
    assert keys == {"a": 4, "b": 2, "c": 3}
    assert len(receiver.beacons) == 2


@pytest.mark.parametrize("nothing", ["null", "''", "undefined"])
def test_an_empty_value_is_told_as_empty_which_the_server_takes_for_no_key(
    page: Page, site: Site, receiver: Receiver, nothing: str
) -> None:
    open_page(page, site, receiver)
    receiver.wait_for(1)
    set_keys(page, {"a": 1, "b": 2})
    receiver.wait_for(2)
    page.evaluate(f"() => {{ sessionCollector.push(['set', {{a: {nothing}}}]) }}")
    keys = receiver.wait_for(3)[2].keys
    assert {kind: value for kind, value in keys.items() if value} == {"b": 2}


def test_keys_go_out_as_they_were_set_since_the_server_judges_each_by_itself(
    page: Page, site: Site, receiver: Receiver
) -> None:
    given = {
        "number": 7,
        "yes": True,
        "Bad kind": "x",
        "long": "x" * 201,
        "text": 'é "\\ \u2028 <b>',
    }
    open_page(page, site, receiver)
    receiver.wait_for(1)
    set_keys(page, given)
    assert receiver.wait_for(2)[1].keys == given
    assert errors_told(page) == []


def test_what_cannot_be_written_as_json_is_told_to_the_tag_once_for_each_command(
    page: Page, site: Site, receiver: Receiver
) -> None:
    page.clock.install()
    open_page(page, site, receiver)
    receiver.wait_for(1)
    page.evaluate("() => { sessionCollector.push(['set', {a: 7n}]) }")
    page.clock.run_for(5_000)
    settle(page, receiver)
    assert [error.split(":")[1] for error in errors_told(page)] == [" TypeError"]
    set_keys(page, {"a": 7})
    assert receiver.wait_for(2)[1].keys == {"a": 7}


SENSELESS = (
    "null",
    "undefined",
    "'set'",
    "[]",
    "['unknown', 1]",
    "['constructor', 1]",
    "['set']",
    "['set', null]",
    "['set', {a: Symbol('x')}]",
    "['set', {get a() { throw Error('from the page') }}]",
)


def test_senseless_commands_harm_nothing_before_and_after_loading(
    page: Page, site: Site, receiver: Receiver
) -> None:
    commands = f"sessionCollector.push({', '.join(SENSELESS)});"
    open_page(page, site, receiver, inline(QUEUE + commands))
    receiver.wait_for(1)
    page.evaluate(f"() => {{ {commands} sessionCollector.push(['set', {{b: 1}}]) }}")
    assert receiver.wait_for(2)[1].keys["b"] == 1


def test_a_script_element_that_a_tag_manager_creates_tells_the_origin_and_the_keys(
    page: Page, site: Site, receiver: Receiver
) -> None:
    create = f"""
        const script = document.createElement("script");
        script.src = "{receiver.url}/v1/snippet.js";
        script.setAttribute("data-key-visitor_id", "js:window.visitor");
        window.visitor = "v-1";
        document.head.append(script);"""
    page.goto(site.add_page(TAG_SCRIPT, inline(create)))
    (beacon,) = receiver.wait_for(1)
    assert (beacon.session, beacon.keys) == (FIRST_SESSION, {"visitor_id": "v-1"})


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_explicit_endpoint_serves_where_no_script_tells_the_origin(
    page: Page, site: Site, receiver: Receiver, when: str
) -> None:
    command = f'{QUEUE} sessionCollector.push(["endpoint", "{receiver.url}/v1/other"]);'
    run = f'fetch("{receiver.url}/v1/snippet.js").then((r) => r.text()).then(eval)'
    page.goto(site.add_page(TAG_SCRIPT))
    if when == "before":
        page.evaluate(f"() => {{ {command} }}")
    page.evaluate(f"() => {run}.then(() => {{}})")
    if when == "after":
        assert "URL" in errors_told(page)[0]
        page.evaluate(f"() => {{ {command} }}")
    (beacon,) = receiver.wait_for(1)
    assert (beacon.path, beacon.session) == ("/v1/other", FIRST_SESSION)


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_explicit_endpoint_serves_an_inline_script(
    page: Page, site: Site, receiver: Receiver, when: str
) -> None:
    # What a tag manager makes of custom code: an element without an address.
    built = (resources.path("static") / "js" / "collector.min.js").read_text(encoding="utf-8")
    command = f'{QUEUE} sessionCollector.push(["endpoint", "{receiver.url}/v1/sessions"]);'
    codes = [command, built] if when == "before" else [built, command]
    page.goto(site.add_page(TAG_SCRIPT, *map(inline, codes)))
    assert receiver.wait_for(1)[0].session == FIRST_SESSION


@pytest.mark.parametrize("command", ["['init', 'x']", "['unset', 'x']", "['remove', 'a']"])
def test_an_unknown_command_changes_nothing(
    page: Page, site: Site, receiver: Receiver, command: str
) -> None:
    open_page(page, site, receiver)
    receiver.wait_for(1)
    set_keys(page, {"a": 1})
    receiver.wait_for(2)
    page.evaluate(f"() => {{ sessionCollector.push({command}) }}")
    set_keys(page, {"b": 2})
    last = receiver.wait_for(3)[2]
    assert (last.path, last.keys) == ("/v1/sessions", {"a": 1, "b": 2})
    assert len(receiver.beacons) == 3


def test_an_explicit_endpoint_goes_before_the_script_s_own_origin(
    page: Page, site: Site, receiver: Receiver
) -> None:
    command = f'{QUEUE} sessionCollector.push(["endpoint", "{receiver.url}/v1/other"]);'
    page.goto(site.add_page(inline(command), TAG_SCRIPT, snippet(receiver.url)))
    assert receiver.wait_for(1)[0].path == "/v1/other"
    page.evaluate(VIEW)
    settle(page, receiver)
    assert len(receiver.beacons) == 1
