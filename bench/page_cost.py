"""What the snippet costs a page, measured: bytes, requests, main-thread milliseconds.

Run by ``make bench-page``, on loopback and in a real Chromium. Prints a table, and writes
bench/page_cost.json. docs/page-cost.md says what the numbers mean, and what they do not.

    python -m bench.page_cost [--loads 30] [--beside NAME=FILE ...]

``--beside`` adds the size of another script, for comparison.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import brotli
import minify
import requests
from playwright.sync_api import sync_playwright

from bench import tracing
from collector.storage import migrate
from collector.storage.database import Database
from tests.browser.customer import Customer, Server
from tests.browser.driving import VIEW
from tests.browser.site import TAG_SCRIPT, Site, inline, silent_tag
from tests.browser.tabs import ChromiumTab
from tests.prepare_browser import find_chromium

WRITTEN = Path(__file__).with_suffix(".json")

#: Chromium calls a task of more than 50 milliseconds long.
LONG_TASK = 50

#: Long enough for a load, shorter than the first tick.
LOAD_SECONDS = 0.9
TICKS = 30

KEYS = " ".join(
    (
        'data-key-visitor_id="cookie:visitor"',
        'data-key-reference="meta:reference"',
        'data-key-basket="js:window.shop.basket"',
        'data-key-tracking_number="text:#number"',
    )
)
KEYED_PAGE = (
    inline('document.cookie = "visitor=v-1"; window.shop = {basket: 7};'),
    '<meta name="reference" content="r-1">',
    '<p id="number">+33 1 99 00 00 01</p>',
)


def sizes(source: bytes) -> dict[str, int]:
    """Bytes of a script as it is and as it is compressed best."""
    return {
        "identity": len(source),
        "gzip": len(gzip.compress(source, 9, mtime=0)),
        "br": len(brotli.compress(source)),
    }


def served_sizes(customer: Customer) -> dict[str, int]:
    """Bytes of the snippet's body as the server gives it, by content coding."""
    found = {}
    for coding in ("identity", "gzip", "br"):
        with requests.get(
            f"{customer.server.url}/v1/snippet.js",
            headers={"Accept-Encoding": coding},
            stream=True,
            timeout=10,
        ) as answer:
            found[coding] = len(answer.raw.read(decode_content=False))
    return found


def requests_made(customer: Customer) -> dict[str, int]:
    """How often the page asks the collector for something, by occasion."""

    def so_far(tab: ChromiumTab) -> int:
        customer.settle(tab)
        asked = [one for one in tab.sent if one.url.startswith(customer.server.url)]
        return sum("fence=" not in one.url for one in asked)

    with sync_playwright() as playwright:
        flags = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=flags)
        tab = ChromiumTab(browser.new_context().new_page())
        customer.open(tab, TAG_SCRIPT)
        counts = {"first page": so_far(tab)}
        for _ in range(20):
            tab.evaluate(VIEW)
        counts["20 more views without loading"] = so_far(tab) - sum(counts.values())
        tab.evaluate('void sessionCollector.push(["set", {visitor_id: "v-1"}])')
        counts["a key that is new"] = so_far(tab) - sum(counts.values())
        browser.close()
    return counts


def times(
    chromium: tracing.Chromium, url: str, script: str, loads: int, ticks: bool
) -> dict[str, Any]:
    """Main-thread milliseconds over many loads, and of the ticks of one more page."""
    measured = tracing.costs_of(script, chromium.trace(url, loads, LOAD_SECONDS))
    found: dict[str, Any] = {
        "load": spread([cost.load for cost in measured]),
        "longest_task": max(cost.longest_task for cost in measured),
        "long_tasks": sum(cost.longest_task > LONG_TASK for cost in measured),
    }
    if ticks:
        (waiting,) = tracing.costs_of(script, chromium.trace(url, 1, TICKS + LOAD_SECONDS))
        found["tick"] = spread(list(waiting.ticks))
    return found


def spread(values: list[float]) -> dict[str, float]:
    """Median, and the values that a tenth is below and above."""
    tenths = statistics.quantiles(values, n=10, method="inclusive")
    return {
        "count": len(values),
        "low": round(tenths[0], 3),
        "median": round(statistics.median(values), 3),
        "high": round(tenths[-1], 3),
    }


def measure(customer: Customer, loads: int) -> dict[str, Any]:
    """Everything about the snippet."""
    tag = silent_tag(projectId=customer.project, sessionKey="bench.4")
    address = f"{customer.server.url}/v1/snippet.js"
    customer.site.add_script("/empty.js", "")
    empty = customer.page('<script async src="/empty.js"></script>', path="/empty")
    plain = customer.page(tag, customer.snippet(), path="/plain")
    keyed = customer.page(tag, *KEYED_PAGE, customer.snippet(KEYS), path="/keyed")
    counts = requests_made(customer)
    path = find_chromium()
    if path is None:
        raise SystemExit("Name a Chromium: CHROMIUM=/path/to/chromium make bench-page")
    with tracing.running(path) as chromium:
        return {
            "chromium": chromium.version,
            "cores": os.cpu_count(),
            "loads": loads,
            "bytes": served_sizes(customer),
            "requests": counts,
            "milliseconds": {
                "an empty script": times(
                    chromium, empty, f"{customer.site.url}/empty.js", loads, ticks=False
                ),
                "the snippet": times(chromium, plain, address, loads, ticks=True),
                "the snippet, four data-key": times(chromium, keyed, address, loads, ticks=True),
            },
        }


def table(found: dict[str, Any]) -> str:
    """What was measured, for a terminal."""
    lines = [f"{found['chromium']}, {found['cores']} cores, {found['loads']} loads each", ""]
    lines.append(f"{'bytes':<42}{'identity':>10}{'gzip':>10}{'br':>10}")
    rows = {"the snippet, as served": found["bytes"], **found["beside"]}
    for name, size in rows.items():
        lines.append(f"{name:<42}{size['identity']:>10}{size['gzip']:>10}{size['br']:>10}")
    lines += ["", f"{'requests':<42}"]
    lines += [f"{name:<42}{number:>10}" for name, number in found["requests"].items()]
    lines += ["", f"{'main-thread milliseconds':<42}{'low':>10}{'median':>10}{'high':>10}"]
    for name, costs in found["milliseconds"].items():
        for what in ("load", "tick"):
            if what in costs:
                shown = [f"{costs[what][key]:>10.2f}" for key in ("low", "median", "high")]
                lines.append(f"{f'{name}: {what}':<42}{''.join(shown)}")
    long_tasks = sum(costs["long_tasks"] for costs in found["milliseconds"].values())
    lines += ["", f"tasks of more than {LONG_TASK} ms: {long_tasks}"]
    return "\n".join(lines)


def beside(named: list[str]) -> dict[str, dict[str, int]]:
    """Sizes of other scripts as they are, and minified by the tool that minifies the snippet."""
    found = {}
    for text in named:
        name, _, file = text.partition("=")
        source = Path(file).read_bytes()
        found[name] = sizes(source)
        smaller = minify.string("application/javascript", source.decode()).encode()
        if len(smaller) < len(source) * 0.9:
            found[f"{name}, minified"] = sizes(smaller)
    return found


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description="Measures what the snippet costs a page.")
    parser.add_argument("--loads", type=int, default=30)
    parser.add_argument("--beside", action="append", default=[], metavar="NAME=FILE")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Database(f"sqlite:///{folder / 'migrated.db'}") as database:
            migrate.upgrade(database)
        (folder / "server").mkdir()
        with Server(folder / "migrated.db", folder / "server") as server, Site() as site:
            found = measure(server.add_customer(site), options.loads)
    found["beside"] = beside(options.beside)
    WRITTEN.write_text(json.dumps(found, indent=2) + "\n")
    sys.stdout.write(f"{table(found)}\n\nWritten to {WRITTEN}\n")


if __name__ == "__main__":
    main()
