"""The overview in a real browser: its charts, its policy, and that everybody can use it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from collector.storage.database import Database
from collector.storage.secrets import generate_key
from tests.browser.reusing import new_context
from tests.browser.tabs import wait_until_equal
from tests.telling import told
from tests.web import serving
from tests.web.entering import add_user, enter_by

#: What a policy forbids is told to the page, whoever looks at its console or not.
LISTEN = """window.forbidden = [];
addEventListener("securitypolicyviolation", (event) => forbidden.push(event.violatedDirective));"""

#: How many different colours each canvas shows; one if nothing was drawn.
COLOURS = """Array.from(document.querySelectorAll("canvas"), (canvas) => {
  const copy = new OffscreenCanvas(canvas.width, canvas.height);
  const pen = copy.getContext("2d", {willReadFrequently: true});
  pen.drawImage(canvas, 0, 0);
  const {data} = pen.getImageData(0, 0, canvas.width, canvas.height);
  return new Set(new Uint32Array(data.buffer)).size;
})"""

#: What the rules that depend on colours and sizes object to; the others are the same everywhere.
OF_LOOKS = """axe.run({runOnly: ["color-contrast", "scrollable-region-focusable", "target-size"]})
  .then(({violations}) => violations.flatMap(({id, nodes}) => nodes.map(({html}) => [id, html])))"""

#: A colour of the text in the charts, as it was drawn.
INK = "Chart.getChart(document.querySelector('canvas')).options.scales.y.ticks.color"


@pytest.fixture(scope="module")
def address(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The overview of a real server where something of everything has happened."""
    folder = tmp_path_factory.mktemp("dashboard")
    shutil.copy(sqlite_template, folder / "collector.db")
    url = f"sqlite:///{folder / 'collector.db'}"
    with Database(url) as database, told(database, datetime.now(UTC)):
        add_user(database)
    started = serving.start(
        url, "--processes", "1", folder=folder, COLLECTOR_SECRET_KEY=generate_key()
    )
    yield f"{started.url}/?days=7"
    assert started.stop() == 0, started.log()
    assert started.process.stdout
    started.process.stdout.close()


@pytest.fixture
def watched(own_page: Page, address: str) -> Iterator[Page]:
    """A page of which nothing may go wrong, and that may ask nobody else for anything."""
    enter_by(own_page, address.partition("/?")[0])
    said: list[str] = []
    asked: set[str] = set()
    own_page.add_init_script(LISTEN)
    own_page.on("console", lambda message: said.append(message.text))
    own_page.on("request", lambda request: asked.add(urlsplit(request.url).netloc))
    yield own_page
    assert own_page.evaluate("forbidden") == []
    assert said == []
    assert asked - {""} == {urlsplit(own_page.url).netloc}


def wait_until_drawn(page: Page) -> None:
    """The tables are closed when all charts are drawn."""
    expect(page.locator("details.numbers[open]")).to_have_count(0)


def test_the_charts_are_drawn_under_the_strict_policy_and_again_in_other_colours(
    watched: Page, address: str
) -> None:
    watched.emulate_media(color_scheme="light", reduced_motion="reduce")
    watched.goto(address)
    wait_until_drawn(watched)
    assert [number > 5 for number in watched.evaluate(COLOURS)] == [True] * 3
    ink = watched.evaluate(INK)
    watched.emulate_media(color_scheme="dark", reduced_motion="reduce")
    wait_until_equal(lambda: watched.evaluate(INK) != ink, True)
    assert [number > 5 for number in watched.evaluate(COLOURS)] == [True] * 3
    # The same numbers stand in a table, which one key opens.
    expect(watched.get_by_role("img")).to_have_count(3)
    watched.get_by_text("The numbers", exact=True).focus()
    watched.keyboard.press("Enter")
    expect(watched.get_by_role("region", name="Calls by day and verdict")).to_be_visible()


def test_everybody_can_use_it(watched: Page, address: str) -> None:
    watched.emulate_media(color_scheme="light")
    watched.set_viewport_size({"width": 390, "height": 844})
    watched.goto(address)
    wait_until_drawn(watched)
    watched.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    found = Axe().run(watched)
    assert found.violations_count == 0, found.generate_report()
    assert watched.evaluate("document.documentElement.scrollWidth") <= 390
    watched.set_viewport_size({"width": 1280, "height": 900})
    for scheme in ("light", "dark"):
        watched.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        assert watched.evaluate(OF_LOOKS) == [], scheme


def test_the_keyboard_reaches_what_is_asked_for(watched: Page, address: str) -> None:
    watched.goto(address)
    watched.keyboard.press("Tab")
    skip = watched.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    watched.keyboard.press("Enter")
    watched.keyboard.press("Tab")
    expect(watched.get_by_role("combobox", name="Installation")).to_be_focused()
    watched.keyboard.press("End")
    watched.get_by_role("button", name="Show").focus()
    watched.keyboard.press("Enter")
    watched.wait_for_url("**/?project=163&from=*&to=*")
    expect(watched.get_by_text("No call started on these days.").first).to_be_visible()


def test_without_scripts_the_numbers_are_there(browser: Browser, address: str) -> None:
    context = new_context(browser, java_script_enabled=False)
    page = context.new_page()
    enter_by(page, address.partition("/?")[0])
    page.goto(address)
    for name in ("Calls by day and verdict", "Calls matched by day and rule", "Time from the call"):
        expect(page.get_by_role("region", name=name)).to_be_visible()
    expect(page.locator("canvas").first).to_be_hidden()
    context.close()
