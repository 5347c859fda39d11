"""What the check of an installation reckons, on both databases and at a known moment."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from collector.config import Settings
from collector.contentsquare import EnrichmentApi
from collector.domain import outcomes
from collector.domain.installation import Installation
from collector.domain.outcomes import ACCEPTED, FORGOTTEN, KEY_IGNORED, REMEDIES
from collector.insight.check import Check, check
from collector.insight.findings import Finding
from collector.insight.hearing import Hearing, hear
from collector.sandbox import Sandbox
from collector.storage import beacon_counts, installations, sessions
from collector.storage.beacon_counts import NO_PROJECT, UNNAMED, BeaconCount
from collector.storage.database import Database
from collector.storage.secrets import SecretBox, generate_key
from collector.web import create_app
from tests.domain.samples import MINUTE, NOON, SECOND, a_beacon
from tests.sandbox_fixtures import PHONE_CALL_INSTALLATION

PROJECT = PHONE_CALL_INSTALLATION.project_id
SHOP, WWW = "https://shop.example", "https://www.shop.example"
DAY = timedelta(days=1)
WEB = Path(__file__).parents[2] / "collector" / "web"

INSTALLATION = Installation(
    project_id=PROJECT,
    integration_id=PHONE_CALL_INSTALLATION.integration_id,
    name="Shop",
    client_id=PHONE_CALL_INSTALLATION.client_id,
    integration_version=1,
    origins=(SHOP,),
)


class Desk:
    """One installation, and a person who looks at it at noon."""

    def __init__(self, database: Database, api: EnrichmentApi, box: SecretBox) -> None:
        self.database, self._api, self._box = database, api, box
        with database.write() as connection:
            sealed = box.seal(PHONE_CALL_INSTALLATION.client_secret)
            installations.add(connection, INSTALLATION, sealed, NOON)

    def count(self, outcome: str, origin: str = SHOP, **changes: Any) -> None:
        at = NOON - changes.pop("ago", timedelta())
        standard: dict[str, Any] = {"project_id": PROJECT, "beacons": 1, "detail": ""}
        counted = BeaconCount(
            outcome=outcome, origin=origin, day=at.date(), last_at=at, **(standard | changes)
        )
        beacon_counts.add(self.database, [counted])

    def look(self, now: datetime = NOON) -> Hearing:
        return hear(self.database, PROJECT, now)

    def check(self, now: datetime = NOON) -> Check:
        return check(self.database, self._api, self._box, PROJECT, now)


@pytest.fixture
def desk(database: Database, sandbox: Sandbox, secret_key: str) -> Iterator[Desk]:
    with EnrichmentApi(sandbox.auth_url) as api:
        yield Desk(database, api, SecretBox([secret_key]))


@pytest.fixture
def app(desk: Desk, database_url: str) -> Iterator[Flask]:
    """The real endpoint, on the desk's database."""
    made = create_app(Settings(database_url=database_url))
    yield made
    made.extensions["collector"].close()


def post(app: Flask, origin: str, body: str) -> None:
    headers = {"Content-Type": "text/plain", "Origin": origin}
    app.test_client().post("/v1/sessions", data=body, headers=headers)


def test_nothing_has_come_yet(desk: Desk, sandbox: Sandbox) -> None:
    checked = desk.check()
    assert checked.credentials_error is None
    assert checked.endpoint is not None
    assert checked.endpoint.startswith(sandbox.url)
    found = checked.hearing
    assert (found.last_beacon, found.keys, found.findings) == (None, None, [])
    assert checked.needs_person == []


def test_today_is_counted_apart_from_the_days_before(desk: Desk) -> None:
    for user, ago in (("u.1", MINUTE), ("u.2", 2 * MINUTE), ("u.3", DAY)):
        sessions.record(desk.database, a_beacon(user, visitor_id="v"), NOON - ago)
    desk.count(ACCEPTED, beacons=7)
    desk.count(ACCEPTED, UNNAMED, beacons=2)
    desk.count(ACCEPTED, beacons=90, ago=DAY)
    desk.count(ACCEPTED, beacons=900, project_id=PROJECT + 1)
    found = desk.look()
    assert (found.beacons_today, found.sessions_today) == (9, 2)
    assert found.last_beacon == NOON
    assert found.keys is not None
    assert (found.keys.day, found.keys.sessions) == (NOON.date(), 2)


def test_without_sessions_today_the_keys_are_those_of_the_last_day_that_had_some(
    desk: Desk,
) -> None:
    sessions.record(desk.database, a_beacon("u.1", reference="r"), NOON - DAY)
    found = desk.look()
    assert (found.beacons_today, found.sessions_today) == (0, 0)
    assert found.keys is not None
    assert found.keys.day == NOON.date() - DAY
    assert found.keys.kinds == {"reference": 1}


def test_a_refusal_is_summed_over_seven_days_with_the_last_of_its_answers(desk: Desk) -> None:
    desk.count("invalid_beacon", beacons=2, detail="older", ago=6 * DAY)
    desk.count("invalid_beacon", "https://m.shop.example", beacons=3, detail="newest", ago=MINUTE)
    desk.count("invalid_beacon", UNNAMED, beacons=4, detail="old", ago=DAY)
    desk.count("invalid_beacon", beacons=100, ago=7 * DAY)
    (found,) = desk.look().findings
    assert found == Finding(
        outcome="invalid_beacon",
        of_project=True,
        beacons=9,
        last_at=NOON - MINUTE,
        origins=("https://m.shop.example", SHOP),
        more_origins=0,
        detail="newest",
        remedy=REMEDIES["invalid_beacon"].text.format(origin="https://m.shop.example"),
        needs_person=True,
    )


def test_each_origin_that_is_refused_has_a_remedy_of_its_own(desk: Desk) -> None:
    for origin in (WWW, "null", UNNAMED, SHOP):
        desk.count("origin_not_allowed", origin)
    found = desk.look().findings
    command = f"collector installation edit {PROJECT} --add-origin {WWW}"
    assert {item.origins: (item.remedy, item.needs_person) for item in found} == {
        (WWW,): (f"{WWW} is not among the origins. If it is the customer's: {command}", True),
        ("null",): (outcomes.NO_WEB_ORIGIN.text, False),
        (): (outcomes.UNNAMED_ORIGINS.text.format(project_id=PROJECT), True),
        (SHOP,): (outcomes.ADDED_SINCE.text, False),
    }


def test_strange_origins_that_need_nobody_are_told_together(desk: Desk) -> None:
    desk.count(ACCEPTED)
    for number in range(7):
        ago = DAY if number > 3 else MINUTE  # five origins of a day are named
        origin = f"https://stranger-{number}.example"
        desk.count("origin_not_allowed", origin, beacons=9 - number, ago=ago)
    for origin, ago in (("null", DAY), ("file://", DAY), (WWW, MINUTE)):
        desk.count("origin_not_allowed", origin, ago=ago)
    found = {item.remedy: item for item in desk.look().findings}
    assert len(found) == 3
    strangers = found[outcomes.STRANGE_ORIGINS.text.format(project_id=PROJECT)]
    assert strangers.origins == tuple(f"https://stranger-{number}.example" for number in range(5))
    assert (strangers.more_origins, strangers.beacons) == (2, 42)
    assert not strangers.needs_person
    assert set(found[outcomes.NO_WEB_ORIGIN.text].origins) == {"null", "file://"}


def test_a_page_to_look_at_is_named_even_where_the_last_one_has_no_name(desk: Desk) -> None:
    desk.count("invalid_beacon", UNNAMED)
    (found,) = desk.look().findings
    assert found.remedy.endswith(f": collector verify {SHOP}/")


def test_a_session_of_today_came_by_a_beacon_even_before_it_is_counted(desk: Desk) -> None:
    sessions.record(desk.database, a_beacon("u.1"), NOON - MINUTE)
    found = desk.look()
    assert (found.beacons_today, found.sessions_today) == (1, 1)


def test_strangers_hide_nothing_that_goes_wrong_on_the_customers_pages(
    desk: Desk, app: Flask
) -> None:
    good = {"projectId": PROJECT, "userId": "u", "sessionNumber": 1}
    invalid, elsewhere = {**good, "userId": "bad id"}, {**good, "projectId": 7}
    bodies = ["{", "x" * 9000, json.dumps(invalid), json.dumps(elsewhere)]
    for _ in range(2):
        for number in range(5):
            for body in bodies:
                post(app, f"https://stranger-{number}.example", body)
        assert app.extensions["collector"].counts.flush()
    for body in (*bodies, json.dumps(good)):
        post(app, SHOP, body)
    assert app.extensions["collector"].counts.flush()
    found = desk.look(datetime.now(UTC))
    told = {
        item.outcome: (item.of_project, item.beacons, item.origins, item.needs_person)
        for item in found.findings
        if item.outcome != "origin_not_allowed"
    }
    assert told == {
        "invalid_beacon": (True, 1, (SHOP,), True),
        "malformed_body": (False, 1, (SHOP,), False),
        "too_large": (False, 1, (SHOP,), True),
        "unknown_project": (False, 1, (SHOP,), True),
    }
    refused = [item for item in found.findings if item.outcome == "origin_not_allowed"]
    assert sum(item.beacons for item in refused) == 2 * 5
    assert found.last_beacon is not None
    assert not any(item.needs_person for item in refused)


@pytest.mark.parametrize(
    ("origin", "accepted_ago", "needs_person"),
    [
        ("https://shop-example.translate.example", timedelta(), False),
        ("https://shop-example.translate.example", DAY, False),
        ("https://shop-example.translate.example", DAY + SECOND, True),
        ("https://shop-example.translate.example", None, True),
        (UNNAMED, MINUTE, False),
        (UNNAMED, None, True),
        ("null", None, False),
        (WWW, MINUTE, True),
        ("http://shop.example", MINUTE, True),
    ],
)
def test_a_strange_origin_asks_for_a_person_only_while_the_customers_own_are_not_heard(
    desk: Desk, origin: str, accepted_ago: timedelta | None, needs_person: bool
) -> None:
    desk.count("origin_not_allowed", origin)
    if accepted_ago is not None:
        desk.count(ACCEPTED, ago=accepted_ago)
    (found,) = desk.look().findings
    assert found.needs_person is needs_person


def test_what_named_no_known_project_is_told_if_it_came_from_its_own_pages(desk: Desk) -> None:
    desk.count("unknown_project", project_id=NO_PROJECT, beacons=3)
    desk.count("malformed_body", "https://elsewhere.example", project_id=NO_PROJECT)
    desk.count("malformed_body", UNNAMED, project_id=NO_PROJECT)
    (found,) = desk.look().findings
    assert (found.outcome, found.of_project, found.beacons) == ("unknown_project", False, 3)


def test_an_installation_that_ignores_privacy_control_by_now_is_told_so(desk: Desk) -> None:
    desk.count("opted_out")
    assert desk.look().findings[0].remedy == REMEDIES["opted_out"].text.format(project_id=PROJECT)
    with desk.database.write() as connection:
        installations.edit(connection, PROJECT, {"honour_gpc": False}, NOON)
    assert desk.look().findings[0].remedy == outcomes.IGNORED_SINCE.text


def test_what_needs_a_person_stands_first(desk: Desk) -> None:
    desk.count("opted_out", beacons=1000)
    desk.count("too_large", beacons=1, project_id=NO_PROJECT)
    desk.count(KEY_IGNORED, beacons=2)
    found = desk.look().findings
    assert [item.outcome for item in found] == [KEY_IGNORED, "too_large", "opted_out"]


@pytest.mark.parametrize(("ago", "needs_person"), [(DAY, True), (DAY + SECOND, False)])
def test_a_refusal_asks_for_a_person_for_a_day(
    desk: Desk, ago: timedelta, needs_person: bool
) -> None:
    desk.count("too_large", ago=ago, project_id=NO_PROJECT)
    (found,) = desk.look().findings
    assert found.needs_person is needs_person


@pytest.mark.parametrize(("ago", "silent"), [(2 * DAY, False), (2 * DAY + SECOND, True)])
def test_silence_asks_for_a_person_after_two_days(desk: Desk, ago: timedelta, silent: bool) -> None:
    sessions.record(desk.database, a_beacon("u.1"), NOON - ago)
    found = desk.look()
    assert bool(found.silence) is silent
    assert len(found.needs_person) == silent


def test_a_reason_that_this_version_does_not_know_is_told_all_the_same(desk: Desk) -> None:
    desk.count("of_a_newer_version", detail="Because.")
    (found,) = desk.look().findings
    assert found.remedy == outcomes.UNKNOWN.text
    assert found.detail == "Because."


def test_a_secret_that_cannot_be_read_hides_nothing_else(
    desk: Desk, database: Database, sandbox: Sandbox
) -> None:
    desk.count("opted_out")
    with EnrichmentApi(sandbox.auth_url) as api:
        found = check(database, api, SecretBox([generate_key()]), PROJECT, NOON)
    assert "COLLECTOR_SECRET_KEY" in str(found.credentials_error)
    assert len(found.hearing.findings) == 1


def test_credentials_of_another_project_do_not_work(desk: Desk) -> None:
    with desk.database.write() as connection:
        installations.edit(connection, PROJECT, {"integration_id": 43}, NOON)
    assert desk.check().credentials_work is False


def test_every_refusal_of_the_beacon_endpoint_has_a_remedy_and_no_other() -> None:
    code = r'(?:RequestRefusedError|failure)\(\s*\d{3},\s*"([a-z_]+)"'
    of_beacons = {
        found
        for module in ("beacons", "bodies", "answers", "limiting")
        for found in re.findall(code, (WEB / f"{module}.py").read_text(encoding="utf-8"))
    } - {"too_many_fields"}  # of forms, which no beacon is
    assert len(of_beacons) > 8
    assert set(REMEDIES) == of_beacons | {KEY_IGNORED, FORGOTTEN}


@pytest.mark.parametrize(
    "remedy",
    [
        *REMEDIES.values(),
        outcomes.UNNAMED_ORIGINS,
        outcomes.STRANGE_ORIGINS,
        outcomes.NO_WEB_ORIGIN,
        outcomes.ADDED_SINCE,
        outcomes.IGNORED_SINCE,
        outcomes.UNKNOWN,
    ],
)
def test_a_remedy_is_whole_once_project_and_origin_are_put_in(remedy: outcomes.Remedy) -> None:
    text = remedy.text.format(project_id=PROJECT, origin=SHOP)
    assert "{" not in text


def test_an_installation_elsewhere_is_not_mixed_in(desk: Desk, database: Database) -> None:
    other = replace(INSTALLATION, project_id=PROJECT + 1)
    with database.write() as connection:
        installations.add(connection, other, "sealed", NOON)
    desk.count(KEY_IGNORED, project_id=other.project_id)
    sessions.record(database, a_beacon("u.1", project_id=other.project_id), NOON)
    found = desk.look()
    assert (found.findings, found.last_beacon) == ([], None)
