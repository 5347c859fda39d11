"""What is stored when something between the page and the database fails, and heals."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page

from tests.browser.customer import Customer, Server
from tests.browser.driving import VIEW
from tests.browser.site import LATE_TAG, TAG_SCRIPT, USER, inline
from tests.browser.tabs import Tab


def test_a_server_that_was_down_gets_the_session_at_the_next_view(
    tab: Tab, customer: Customer
) -> None:
    customer.open(tab, LATE_TAG)
    with customer.server.down():
        tab.evaluate("loadTag().then(() => 0)")
        tab.settle(f"{customer.site.url}/elsewhere")
        assert [beacon.answer for beacon in tab.beacons] == [0]
    assert customer.sessions == []
    tab.evaluate(VIEW)
    customer.wait_for_sessions((USER, 4, 1))
    tab.evaluate(VIEW)
    customer.settle(tab)
    assert customer.sessions == [(USER, 4, 1)]


def test_a_page_that_is_not_among_the_origins_learns_why(page: Page, customer: Customer) -> None:
    customer.edit(origins=("https://other.example",))
    page.goto(customer.page(LATE_TAG, customer.snippet()))
    page.wait_for_function("() => Boolean(window.sessionCollector?.live)")
    with page.expect_response(f"{customer.server.url}/v1/sessions") as answered:
        page.evaluate("loadTag()")
    assert answered.value.status == 403
    assert answered.value.headers["x-collector-error"] == "origin_not_allowed"
    assert answered.value.headers["access-control-allow-origin"] == customer.site.url
    assert customer.sessions == []


@contextmanager
def without_table(server: Server, table: str) -> Iterator[None]:
    """Take a table away, so that nothing can be stored, and give it back."""
    _rename(server, table, f"{table}_away")
    try:
        yield
    finally:
        _rename(server, f"{table}_away", table)


def _rename(server: Server, before: str, after: str) -> None:
    with server.database.write() as connection:
        connection.execute(sa.text(f"ALTER TABLE {before} RENAME TO {after}"))


def test_a_server_that_answered_503_gets_the_session_at_the_next_view(
    tab: Tab, customer: Customer
) -> None:
    with without_table(customer.server, "session"):
        customer.open(tab, TAG_SCRIPT)
        customer.settle(tab)
        assert [beacon.answer for beacon in tab.beacons] == [503]
    assert customer.sessions == []
    tab.evaluate(VIEW)
    customer.wait_for_sessions((USER, 4, 1))
    tab.evaluate(VIEW)
    customer.settle(tab)
    assert [beacon.answer for beacon in tab.beacons] == [503, 204]
    assert customer.sessions == [(USER, 4, 1)]


#: Kept by a script of the page's own, since such a page allows no inline code.
WATCH = """window.blocked = [];
addEventListener("securitypolicyviolation", (event) => blocked.push(event.effectiveDirective));
window.said = [];
for (const way of ["log", "info", "warn", "error", "debug"])
  console[way] = (...what) => said.push(what.join(" "));"""


@pytest.mark.parametrize(
    ("policy", "blocked"),
    [
        ("default-src 'self'", "script-src-elem"),
        ("default-src 'self'; script-src 'self' SERVER", "connect-src"),
    ],
)
def test_a_policy_that_forbids_the_collector_leaves_no_row_and_the_page_unharmed(
    tab: Tab, customer: Customer, policy: str, blocked: str
) -> None:
    customer.site.add_script("/watch.js", WATCH)
    policy = policy.replace("SERVER", customer.server.url)
    head = ('<script src="/watch.js"></script>', TAG_SCRIPT, customer.snippet())
    tab.open(customer.page(*head, policy=policy))
    tab.wait_for("blocked.length")
    tab.evaluate(VIEW)
    tab.settle(f"{customer.site.url}/elsewhere")
    assert set(tab.evaluate("blocked")) == {blocked}
    assert [beacon.answer for beacon in tab.beacons if beacon.answer] == []
    assert customer.sessions == []
    assert tab.evaluate("[said, CS_STANDIN.errors, CS_STANDIN.pageViews.length]") == [[], [], 2]


def test_a_policy_that_allows_the_collector_alone_is_enough(tab: Tab, customer: Customer) -> None:
    policy = (
        f"default-src 'none'; script-src 'self' {customer.server.url}; "
        f"connect-src {customer.server.url}; require-trusted-types-for 'script'"
    )
    tab.open(customer.page(TAG_SCRIPT, customer.snippet(), policy=policy))
    customer.wait_for_sessions((USER, 4, 1))


@pytest.mark.parametrize("fetch", ["() => { throw Error('patched by the page') }", "undefined"])
def test_where_the_page_has_broken_fetch_sendbeacon_brings_the_row(
    tab: Tab, customer: Customer, fetch: str
) -> None:
    customer.open(
        tab, inline(f"window.intactFetch = window.fetch; window.fetch = {fetch};"), TAG_SCRIPT
    )
    customer.wait_for_sessions((USER, 4, 1))
    tab.evaluate(VIEW)
    customer.settle(tab)
    assert customer.sessions == [(USER, 4, 1)]
    assert tab.evaluate("CS_STANDIN.errors") == []
