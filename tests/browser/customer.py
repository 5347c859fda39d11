"""A real server on another origin than the pages, and a customer of it whose rows are looked at.

The snippet's other tests look at its requests. These look at what an analyst would find.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import requests
import sqlalchemy as sa

from collector.domain.installation import Installation
from collector.storage import installations
from collector.storage.database import Database
from collector.storage.secrets import generate_key
from tests.browser.site import Site
from tests.browser.tabs import Tab, wait_until_equal
from tests.web import serving
from tests.web.entering import add_user
from tests.web.serving import Serving

FIRST_PROJECT = 1001


class Server:
    """``collector serve`` as a process of its own, on a SQLite file. Use as a context manager."""

    def __init__(self, migrated: Path, folder: Path) -> None:
        file = folder / "collector.db"
        shutil.copy(migrated, file)
        self.database = Database(f"sqlite:///{file}")
        self.database_url = f"sqlite:///{file}"
        self._secret_key = generate_key()
        self._folder = folder
        self._projects = count(FIRST_PROJECT)
        self._port = "0"
        self._serving: Serving | None = None

    def __enter__(self) -> Server:
        add_user(self.database)
        self._come_up()
        return self

    def __exit__(self, *_: object) -> None:
        self._go_down()
        self.database.close()

    @property
    def url(self) -> str:
        """Stays the same over ``down``."""
        return f"http://127.0.0.1:{self._port}"

    @contextmanager
    def down(self) -> Iterator[None]:
        """It is away meanwhile."""
        self._go_down()
        try:
            yield
        finally:
            self._come_up()

    def _come_up(self) -> None:
        self._serving = serving.start(
            self.database_url,
            *("--port", self._port),
            folder=self._folder,
            COLLECTOR_SECRET_KEY=self._secret_key,
        )
        self._port = str(self._serving.address[1])

    def _go_down(self) -> None:
        if self._serving is not None:
            assert self._serving.stop() == 0, self._serving.log()
            assert self._serving.process.stdout
            self._serving.process.stdout.close()
            self._serving = None

    def add_customer(self, site: Site) -> Customer:
        """A customer with a project of its own, whose pages are on this site."""
        project = next(self._projects)
        installation = Installation(
            project_id=project,
            integration_id=42,
            name="Shop",
            client_id="client",
            integration_version=1,
            origins=(site.url,),
            region="FR",
        )
        with self.database.write() as connection:
            installations.add(connection, installation, "sealed", datetime.now(UTC))
        site.add_script("/project.js", f"window.CS_CONF = {{projectId: {project}}};")
        return Customer(server=self, site=site, project=project)


@dataclass(frozen=True, kw_only=True)
class Customer:
    """A project of its own, and the site with its pages."""

    server: Server
    site: Site
    project: int

    def snippet(self, attributes: str = "") -> str:
        """The script tag of the page, with these attributes besides."""
        return f'<script async src="{self.server.url}/v1/snippet.js" {attributes}></script>'

    def page(self, *head: str, path: str = "/", policy: str | None = None) -> str:
        """Serve a page of this customer's project; returns its address."""
        project = '<script src="/project.js"></script>'
        return self.site.add_page(project, *head, path=path, policy=policy)

    def open(self, tab: Tab, *head: str, attributes: str = "") -> None:
        """Open a page with this head and the snippet, and wait until the snippet runs."""
        tab.open(self.page(*head, self.snippet(attributes)))
        tab.wait_for("window.sessionCollector?.live")

    def built_snippet(self) -> str:
        """The snippet's code, as the server gives it."""
        answered = requests.get(f"{self.server.url}/v1/snippet.js", timeout=10)
        assert answered.ok
        return answered.text

    def settle(self, tab: Tab) -> None:
        """Return when all is stored that the page has sent, or been refused: it is final then."""
        tab.settle(f"{self.server.url}/v1/snippet.js")

    def edit(self, **changes: object) -> None:
        """Change the installation, as ``collector installation edit`` does."""
        with self.server.database.write() as connection:
            installations.edit(connection, self.project, changes, datetime.now(UTC))

    def post(self, **headers: str) -> requests.Response:
        """Send a beacon as this site's page would, by other means than the snippet."""
        beacon = {"projectId": self.project, "userId": "posted", "sessionNumber": 4}
        return requests.post(
            f"{self.server.url}/v1/sessions",
            json=beacon,
            headers={"Origin": self.site.url, **headers},
            timeout=10,
        )

    @property
    def sessions(self) -> list[tuple[str, int, int]]:
        """Each stored session as user, number and beacons."""
        return [
            (row["user_id"], row["session_number"], row["beacons"])
            for row in self._rows("session", "user_id, session_number")
        ]

    @property
    def sightings(self) -> list[tuple[int, str, str]]:
        """Each stored sighting as session number, kind and value."""
        return [
            (row["session_number"], row["kind"], row["value"])
            for row in self._rows("sighting", "session_number, kind, value")
        ]

    def wait_for_sessions(self, *expected: tuple[str, int, int]) -> None:
        """Wait until just these sessions are stored."""
        wait_until_equal(lambda: self.sessions, [*expected])

    def wait_for_sightings(self, *expected: tuple[int, str, str]) -> None:
        """Wait until just these sightings are stored."""
        wait_until_equal(lambda: self.sightings, [*expected])

    def _rows(self, table: str, order: str) -> list[dict[str, Any]]:
        query = sa.text(f"SELECT * FROM {table} WHERE project_id = :project ORDER BY {order}")
        with self.server.database.read() as connection:
            found = connection.execute(query, {"project": self.project})
            return [dict(row) for row in found.mappings()]
