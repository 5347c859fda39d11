"""The pages of single things in a real browser: they turn, they copy, everybody can use them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect

from collector.sandbox import Sandbox
from tests.browser.customer import Customer, Server
from tests.browser.reusing import nothing_thrown
from tests.browser.site import TAG_SCRIPT
from tests.browser.tabs import ChromiumTab, wait_until
from tests.sandbox_fixtures import PHONE_CALL_INSTALLATION
from tests.web.entering import enter_by
from tests.world import EXAMPLE, Clock, World

#: What a policy forbids is told to the page, whoever looks at its console or not.
LISTEN = """window.forbidden = [];
addEventListener("securitypolicyviolation", (event) => forbidden.push(event.violatedDirective));"""

#: As often as a page that waits asks, in milliseconds.
EVERY = 3000


@pytest.fixture
def board(context: BrowserContext, server: Server) -> Iterator[Page]:
    """A page of somebody who may look, of which nothing may go wrong."""
    page = context.new_page()
    enter_by(page, server.url)
    said: list[str] = []
    page.add_init_script(LISTEN)
    page.on("console", lambda message: said.append(message.text))
    with nothing_thrown(page):
        yield page
    assert page.evaluate("forbidden") == []
    assert said == []


@pytest.fixture(scope="module")
def at_work(server: Server) -> World:
    """An installation where something of everything has happened."""
    folder = Path(str(server.database.engine.url.database)).parent
    for file in EXAMPLE.parent.iterdir():
        shutil.copy(file, folder)
    clock = Clock(datetime.now(UTC))
    with Sandbox([PHONE_CALL_INSTALLATION], now=clock) as sandbox:
        world = World(server.database, sandbox, clock)
        world.install()
        clock.forward(minutes=-30)
        world.visit("u.1", visitor_id="v-1")
        world.visit("w.1", visitor_id="v-2")
        clock.forward(minutes=10)
        world.call("a/long id " + "x" * 80, visitor_id="v-1")
        world.call("c-2")
        world.call("c-3", visitor_id="v-1", attributes={"rating": "great"})
        world.run()
        world.call("a/long id " + "x" * 80, visitor_id="v-2")
        world.run()
        world.edit(problem="wrong secret")
    return world


def test_the_first_beacon_turns_the_page_that_waits_for_it(
    board: Page, page: Page, customer: Customer
) -> None:
    board.clock.install()
    board.goto(f"{customer.server.url}/installations/{customer.project}")
    expect(board.get_by_role("heading", name="Waiting for the first beacon")).to_be_visible()
    board.evaluate("window.isKept = true")
    # What is refused is told at once, for that is what somebody who sets it up needs.
    assert customer.post(Origin="https://www.elsewhere.example").status_code == 403
    counted = sa.text("SELECT count(*) FROM report_beacons_daily WHERE project_id = :project")

    def is_counted() -> bool:
        with customer.server.database.read() as connection:
            parameters = {"project": customer.project}
            return bool(connection.execute(counted, parameters).scalar())

    wait_until(is_counted, "the refusal is counted")
    board.clock.run_for(EVERY)
    expect(board.locator("#told")).to_have_text("No beacon has come yet. 1 were refused.")
    remedy = f"collector installation edit {customer.project} --add-origin"
    expect(board.get_by_text(remedy)).to_be_visible()
    expect(board.get_by_role("button", name="Copy the tag")).to_be_visible()
    # A visitor comes to a page with the tag.
    head = '<meta name="visitor" content="v-1">'
    customer.open(
        ChromiumTab(page), TAG_SCRIPT, head, attributes='data-key-visitor_id="meta:visitor"'
    )
    wait_until(lambda: customer.sightings, "the beacon is stored")
    board.clock.run_for(EVERY)
    expect(board.get_by_role("heading", name="The first beacon has come")).to_be_visible()
    expect(board.locator("#told")).to_contain_text("with visitor_id")
    expect(board.get_by_text("collector calls import calls.csv --project-id")).to_be_visible()
    assert board.evaluate("isKept")


def test_the_tag_is_copied_by_mouse_and_by_keyboard(
    board: Page, context: BrowserContext, customer: Customer
) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    board.goto(f"{customer.server.url}/installations/{customer.project}")
    button = board.get_by_role("button", name="Copy the tag")
    tag = f'<script async src="{customer.server.url}/v1/snippet.js"></script>'
    for key in ("", "Enter"):
        board.evaluate("navigator.clipboard.writeText('')")
        button.press(key) if key else button.click()
        expect(board.get_by_text("Copied.")).to_be_visible()
        assert board.evaluate("navigator.clipboard.readText()") == tag


def test_a_call_is_found_by_the_keyboard_alone(board: Page, at_work: World, server: Server) -> None:
    board.goto(f"{server.url}/calls")
    field = board.get_by_role("searchbox", name="Call id or session key")
    for _ in range(6):
        board.keyboard.press("Tab")
        if field.evaluate("field => field === document.activeElement"):
            break
    expect(field).to_be_focused()
    board.keyboard.type("c-2")
    board.keyboard.press("Enter")
    board.wait_for_url("**/calls/162/c-2")
    expect(board.get_by_role("heading", level=1)).to_have_text("Call c-2")


def test_everybody_can_use_every_page(
    board: Page, at_work: World, server: Server, customer: Customer
) -> None:
    long_id = "a%2Flong%20id%20" + "x" * 80
    for path in (
        "/calls",
        "/calls?q=nothing",
        f"/calls/162/{long_id}",
        "/calls/162/c-3",
        "/sessions/162/u.1",
        "/installations/162",
        f"/installations/{customer.project}",
    ):
        board.set_viewport_size({"width": 390, "height": 844})
        board.emulate_media(color_scheme="light")
        answer = board.goto(server.url + path)
        assert answer is not None
        assert answer.ok, path
        board.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        found = Axe().run(board)
        assert found.violations_count == 0, path + found.generate_report()
        assert board.evaluate("document.documentElement.scrollWidth") <= 390, path
        board.emulate_media(color_scheme="dark")
        looks = board.evaluate("axe.run({runOnly: ['color-contrast']}).then((it) => it.violations)")
        assert looks == [], path
