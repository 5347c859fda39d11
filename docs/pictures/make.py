"""Takes the pictures of the dashboard that the documents show, of made-up weeks. `make pictures`.

The product is started as an operator starts it; only the weeks are made up (weeks.py).
"""

from __future__ import annotations

import io
import math
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import requests
from PIL import Image
from playwright.sync_api import FloatRect, Page, ViewportSize, expect, sync_playwright
from weeks import Weeks

from collector import config, logs
from collector.storage import migrate, passwords, users
from collector.storage.database import Database
from collector.storage.secrets import generate_key

HERE = Path(__file__).resolve().parent
FLAGS = ("--disable-gpu", "--disable-quic", "--disable-background-networking")
PATIENCE_SECONDS = 30
MARGIN = 16

#: Of a server that is gone as soon as the pictures are taken.
USER, PASSWORD = "anna", secrets.token_urlsafe(16)

WIDE: ViewportSize = {"width": 1280, "height": 1000}
PHONE: ViewportSize = {"width": 390, "height": 844}

#: By the picture's name: the colours that the reader prefers, and the screen.
PICTURES = {
    "overview-light": ("light", WIDE),
    "overview-dark": ("dark", WIDE),
    "overview-phone": ("light", PHONE),
}


def main() -> None:
    """Make all pictures anew."""
    logs.configure(config.Settings(log_level="error"))
    with tempfile.TemporaryDirectory(prefix="pictures-") as folder:
        url = f"sqlite:///{folder}/collector.db"
        with Database(url) as database:
            migrate.upgrade(database)
            Weeks(database, datetime.now(UTC)).pass_by()
            with database.write() as connection:
                users.add(connection, USER, passwords.hashed(PASSWORD), datetime.now(UTC))
        with _serving(url) as address:
            _take(address)


@contextmanager
def _serving(database_url: str) -> Iterator[str]:
    """The server's address while it runs."""
    environment = config.environment_with(
        database_url=database_url, secret_key=generate_key(), log_level="warning"
    )
    command = [sys.executable, "-m", "collector", "serve", "--port", "0", "--processes", "1"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603
        try:
            assert server.stdout  # noqa: S101
            found = re.search(r"http://[^\s/]+", server.stdout.readline())
            if found is None:
                raise SystemExit("The server did not say where it listens.")
            _await(found[0])
            yield found[0]
        finally:
            server.terminate()
            server.wait(PATIENCE_SECONDS)


def _await(address: str) -> None:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < give_up:
        try:
            if requests.get(f"{address}/readyz", timeout=5).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.1)
    raise SystemExit(f"{address} did not answer within {PATIENCE_SECONDS} seconds.")


def _take(address: str) -> None:
    flags = [*FLAGS, "--no-sandbox"] if os.geteuid() == 0 else [*FLAGS]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM") or shutil.which("chromium"), args=flags
        )
        for name, (scheme, screen) in PICTURES.items():
            context = browser.new_context(
                color_scheme="dark" if scheme == "dark" else "light",
                viewport=screen,
                reduced_motion="reduce",
                locale="en-GB",
            )
            page = context.new_page()
            _open(page, address)
            _keep(page, screen, HERE / f"{name}.png")
            context.close()
        browser.close()


def _open(page: Page, address: str) -> None:
    """The overview of a month, its charts drawn."""
    page.goto(f"{address}/?days=30")
    page.get_by_label("Name").fill(USER)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{address}/?days=30")
    # The tables are closed when all charts are drawn.
    expect(page.locator("details.numbers[open]")).to_have_count(0)


def _keep(page: Page, screen: ViewportSize, file: Path) -> None:
    """The picture, down to where the first charts end; the colours of a page are few."""
    first = page.locator(".pair").first.bounding_box()
    height = screen["height"]
    if screen == WIDE and first is not None:
        height = math.ceil(first["y"] + first["height"]) + MARGIN
    clip: FloatRect = {"x": 0, "y": 0, "width": screen["width"], "height": height}
    taken = Image.open(io.BytesIO(page.screenshot(full_page=True, clip=clip)))
    taken.convert("RGB").quantize(256, method=Image.Quantize.FASTOCTREE).save(file, optimize=True)
    sys.stdout.write(f"{file.name}: {file.stat().st_size // 1024} KB\n")


if __name__ == "__main__":
    main()
