"""Real browsers, a page's site, and a receiver or a real server, for the browser tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser import firefox as firefoxes
from tests.browser.customer import Customer, Server
from tests.browser.firefox import Firefox
from tests.browser.receiver import Receiver
from tests.browser.reusing import ReusedPage, new_context, nothing_thrown
from tests.browser.site import Site
from tests.browser.tabs import ChromiumTab, Tab
from tests.browser.verifying import Verifier
from tests.prepare_browser import NO_FIREFOX, SKIPPED, Driven, find_chromium, find_firefox

#: No sandbox when root: Chromium refuses to start with one. The rest keeps it on loopback.
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what drives the browser; skip it where that was asked for, and nowhere else."""
    here = Path(__file__).parent
    for item in items:
        driven = {"browser", "tab", "tab_with_gpc", "verify"}.intersection(
            getattr(item, "fixturenames", ())
        )
        if here in item.path.parents and driven:
            item.add_marker(pytest.mark.browser)
            if os.environ.get("SKIP_BROWSER") == "1":
                item.add_marker(pytest.mark.skip(reason=SKIPPED))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for the whole run; without one, the tests fail rather than skip."""
    flags = [*FLAGS, "--no-sandbox"] if os.geteuid() == 0 else list(FLAGS)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=find_chromium(), args=flags)
        yield launched
        launched.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser profile of its own for each test."""
    fresh = new_context(browser)
    yield fresh
    fresh.close()


@pytest.fixture(scope="session")
def reused_page(browser: Browser) -> Iterator[ReusedPage]:
    reused = ReusedPage(browser)
    yield reused
    reused.close()


@pytest.fixture
def page(reused_page: ReusedPage) -> Iterator[Page]:
    """A page that nothing may be thrown into, for tests whose origins are all their own."""
    taken = reused_page.take()
    try:
        with nothing_thrown(taken):
            yield taken
    finally:
        reused_page.give_back()


@pytest.fixture
def own_page(context: BrowserContext) -> Iterator[Page]:
    """The same in a profile of its own."""
    opened = context.new_page()
    with nothing_thrown(opened):
        yield opened


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as running:
        yield running


@pytest.fixture(scope="session")
def driven_firefox() -> Iterator[Driven]:
    """One Firefox for the whole run; where none can be driven, its tests are skipped."""
    with ExitStack() as stack:
        yield find_firefox(stack) or pytest.skip(NO_FIREFOX)


@pytest.fixture(scope="session")
def firefox(driven_firefox: Driven) -> Firefox:
    return driven_firefox.firefox


@pytest.fixture(scope="session")
def firefox_with_gpc(driven_firefox: Driven) -> Iterator[Firefox]:
    """One whose visitor has asked, in its settings, not to be sold or shared."""
    asked = {"privacy.globalprivacycontrol.enabled": True}
    with firefoxes.running(driven_firefox.path, {**asked}) as started:
        yield started


@pytest.fixture(params=["chromium", "firefox"])
def tab(request: pytest.FixtureRequest) -> Iterator[Tab]:
    """A tab of each browser in turn, into which nothing may be thrown."""
    if request.param == "firefox":
        with request.getfixturevalue("firefox").tab() as opened:
            yield opened
    else:
        reused: ReusedPage = request.getfixturevalue("reused_page")
        opened = ChromiumTab(reused.take())
        yield opened
        opened.let_go()
        reused.give_back()
    assert opened.thrown == []


@pytest.fixture(params=["chromium", "firefox"])
def tab_with_gpc(request: pytest.FixtureRequest) -> Iterator[Tab]:
    """A tab with Global Privacy Control: Firefox has it; Chromium is made to look so."""
    if request.param == "firefox":
        with request.getfixturevalue("firefox_with_gpc").tab() as opened:
            yield opened
    else:
        context: BrowserContext = request.getfixturevalue("context")
        context.set_extra_http_headers({"Sec-GPC": "1"})
        context.add_init_script("navigator.globalPrivacyControl = true")
        opened = ChromiumTab(context.new_page())
        yield opened
    assert opened.thrown == []


@pytest.fixture(scope="session")
def server(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One real server for the whole run; each test has a project of its own."""
    with Server(sqlite_template, tmp_path_factory.mktemp("server")) as started:
        yield started


@pytest.fixture
def customer(server: Server, site: Site) -> Customer:
    """A customer whose pages are the site's."""
    return server.add_customer(site)


@pytest.fixture(scope="session")
def verify() -> Iterator[Verifier]:
    """Verifies pages as `collector verify` does, with one Chromium for the whole run."""
    with Verifier() as running:
        yield running
