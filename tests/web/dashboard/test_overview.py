"""The overview over HTTP: its numbers are those of the views, and it believes nobody's text."""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from collector.domain.installation import Installation
from collector.domain.retention import Kind
from collector.storage import purged
from collector.storage.database import Database
from collector.storage.purged import Mark
from collector.web import dashboard
from tests.telling import HOSTILE, told
from tests.web.conftest import Open
from tests.web.entering import add_user, enter
from tests.world import World


@pytest.fixture
def client(open_app: Open, database_url: str, database: Database, secret_key: str) -> FlaskClient:
    add_user(database)
    return enter(open_app(database_url, secret_key=(secret_key,)).test_client())


@pytest.fixture
def world(database: Database) -> Iterator[World]:
    with told(database, datetime.now(UTC), name=HOSTILE) as world:
        yield world


def words(page: str) -> str:
    """The page's text as it is read, without its markup."""
    shown = re.sub(r"(?s)<(script|pre|style)\b.*?</\1>", "", page)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", shown)).split())


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_without_an_installation_it_says_how_to_begin(client: FlaskClient) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    assert "There is no installation yet" in answer.text
    assert "collector installation add --project-id 162" in answer.text


def test_the_page_tells_the_funnel_and_that_the_verdicts_sum_to_the_calls(
    world: World, client: FlaskClient
) -> None:
    text = words(client.get("/?days=7").text)
    for said in (
        "Beacons accepted 5 12 refused beside",
        "Sessions 3 first seen",
        "Calls 5 166.7 for each 100 sessions",
        "Matched 4 80.0 % of the calls",
        "Accepted 1 25.0 % of the matched, 20.0 % of the calls",
        "The nine sum to 5, and counted by themselves there are 5 calls.",
        "visitor_id 4 80.0 % 1",
        "Half took at most 8 min 45 s",
        "No pending enrichment expires within 24 hours.",
        "It is paused; go on with: collector installation resume 163",
        "collector installation edit 162 --add-origin https://www.shop.example",
        "collector calls refused --project-id 162 --code no_call_id",
        "collector retry --project-id 162 --reason refused_by_api",
        "collector retry --project-id 162 --reason fields_invalid",
        "1 accepted (1 enrichments), 1 later (1 enrichments), 1 rejected (1 enrichments)",
    ):
        assert said in text, said


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_one_installation_and_other_days_can_be_asked_for(
    world: World, client: FlaskClient
) -> None:
    empty = words(client.get("/?project=163").text)
    assert "Calls 0 no data" in empty
    assert "No call started on these days." in empty
    assert "no time to tell" in empty
    before = words(client.get("/?from=2020-01-01&to=2020-01-03&project=162").text)
    assert "Calls 0 no data" in before
    note = words(client.get("/?from=soon").text)
    assert "“soon” is no day such as" in note
    assert "so the last 7 days are shown." in note


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_nobodys_text_becomes_markup(world: World, client: FlaskClient) -> None:
    page = client.get("/?days=7&project=<script>&to='\"><script>").text
    scripts = re.findall(r"<script\b([^>]*)>", page)
    assert [re.sub(r'\s*src="[^"]*"', "", attributes).strip() for attributes in scripts] == [
        "defer", "defer", 'type="application/json" id="numbers"',
    ]  # fmt: skip
    assert words(page).count(HOSTILE) >= 4  # the name, where it was refused, and twice "<script>"
    document = re.search(r'id="numbers">(.*?)</script>', page)
    assert document
    assert sum(sum(row["values"]) for row in json.loads(document[1])["verdicts"]) == 5


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_nothing_comes_from_elsewhere(installation: Installation, client: FlaskClient) -> None:
    answer = client.get("/")
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    addresses = re.findall(r'(?:src|href|action)="([^"#][^"]*)"', answer.text)
    assert [one for one in addresses if not one.startswith(("/", "data:,"))] == []
    assert " style=" not in answer.text
    for address in addresses:
        if address.startswith("/dashboard/static/"):
            with client.get(address) as shipped:
                assert shipped.status_code == 200, address


def test_what_is_shipped_of_others_is_what_its_readme_says() -> None:
    vendor = Path(dashboard.__file__).parent / "static" / "vendor"
    told = re.findall(r"`([^`]+\.js)` .*`([0-9a-f]{64})`", (vendor / "README.md").read_text())
    assert told
    for name, digest in told:
        assert hashlib.sha256((vendor / name).read_bytes()).hexdigest() == digest


def test_a_time_that_was_removed_by_its_age_is_told_from_an_empty_one(
    world: World, client: FlaskClient
) -> None:
    before = datetime.now(UTC) - timedelta(days=90)
    with world.database.write() as connection:
        mark = Mark(before=before, swept=before)
        purged.note(connection, 162, Kind.SESSIONS, mark)
    told = f"Of sessions from before {before.date()} the rows are removed"
    assert told not in words(client.get("/?days=30").text)
    first = (before - timedelta(days=1)).date()
    assert told in words(client.get(f"/?from={first}&to={first}").text)
