"""An installation explains itself: what came, what did not, and what to do about it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from collector import config
from collector.config import Settings
from collector.domain import outcomes
from collector.storage import beacon_counts, installations, sessions
from collector.storage.beacon_counts import BeaconCount
from collector.storage.database import Database
from collector.storage.secrets import generate_key
from collector.web import create_app
from tests.cli.conftest import PROJECT, SECRET, CommandLine, Ran
from tests.domain.samples import a_beacon

SHOP = "https://shop.example"
WWW = "https://www.shop.example"
BEACON: dict[str, Any] = {
    "projectId": int(PROJECT),
    "userId": "ae267-6g87D-88Nn6od",
    "sessionNumber": 4,
    "keys": {"visitor_id": "v-1"},
}


class Pages:
    """Pages that send beacons to a server; once it has stopped, what it counted is written."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def send(self, body: object = BEACON, origin: str = SHOP, **headers: str) -> int:
        return (
            self._app.test_client()
            .post(
                "/v1/sessions",
                data=body if isinstance(body, str) else json.dumps(body),
                headers={"Content-Type": "text/plain", "Origin": origin, **headers},
            )
            .status_code
        )

    def done(self) -> None:
        self._app.extensions["collector"].close()


# That a server writes what it has counted before it ends: tests/web/test_serve_counting.py.
@pytest.fixture
def pages(provider: CommandLine) -> Iterator[Pages]:
    opened = Pages(create_app(Settings(database_url=provider.database_url)))
    yield opened
    opened.done()


def refuse(
    shell: CommandLine,
    outcome: str,
    *,
    project_id: int = int(PROJECT),
    ago: timedelta = timedelta(),
) -> None:
    """One beacon with this outcome is counted."""
    at = datetime.now(UTC) - ago
    counted = BeaconCount(
        project_id=project_id,
        day=at.date(),
        outcome=outcome,
        origin=SHOP,
        beacons=1,
        last_at=at,
        detail="",
    )
    with Database(shell.database_url) as database:
        beacon_counts.add(database, [counted])


def checked(shell: CommandLine, *, code: int) -> dict[str, Any]:
    """The document of the check, once its words have said the same."""
    ran = shell("installation", "check", PROJECT, "--json")
    assert ran.code == code, ran.said
    document: dict[str, Any] = ran.json()
    ran = shell("installation", "check", PROJECT)
    assert ran.code == code
    words = unfolded(ran)
    for finding in document["findings"]:
        assert finding["outcome"] in words
        assert finding["remedy"] in words
        assert finding["detail"] in words
        for origin in finding["origins"]:
            assert origin in words
    for line in ran.out.splitlines():
        assert len(line) <= 80 or line.strip().startswith("collector ")
    return document


def unfolded(ran: Ran) -> str:
    """The words on standard output, whatever lines they stand in."""
    return " ".join(ran.out.split())


def test_before_the_first_beacon_it_says_how_to_begin_and_is_content(
    provider: CommandLine,
) -> None:
    lines = provider.well("installation", "check", PROJECT).out.splitlines()
    assert f"Credentials   work: the token is for project {PROJECT}" in lines
    commands = [line.strip() for line in lines if line.strip().startswith("collector ")]
    assert commands == [
        f"collector snippet --project-id {PROJECT} --url https://...",
        f"collector verify {SHOP}/",
    ]
    document = checked(provider, code=0)
    assert document["credentials"]["work"] is True
    assert document["credentials"]["endpoint"].endswith("/v1/enrichments")
    assert f"Enrichments   go to {document['credentials']['endpoint']}" in lines
    assert document["last_beacon"] is None
    assert document["keys"] is None
    assert document["findings"] == document["needs_person"] == []


def test_what_came_is_told_with_the_share_of_each_key(provider: CommandLine, pages: Pages) -> None:
    assert pages.send() == 204
    assert pages.send() == 204
    pages.done()
    document = checked(provider, code=0)
    assert document["keys"]["kinds"] == {"visitor_id": 1}
    words = provider.well("installation", "check", PROJECT).out
    assert re.search(r"Last beacon .* UTC, (less than a|\d) minutes? ago", words)
    assert re.search(r"Today +(2 beacons, 1 new session|0 beacons, 0 new sessions) \(UTC\)", words)
    assert "visitor_id 100 %, none 0 %, of the 1 session first seen on" in words
    assert "Nothing was refused" in words


#: What a page may do wrong, and words of what it is answered with and of what to do about it.
MISTAKES: dict[str, tuple[dict[str, Any], int, str]] = {
    "origin_not_allowed": ({"origin": WWW}, 403, f"{PROJECT} --add-origin {WWW}"),
    "unknown_project": ({"body": {**BEACON, "projectId": 163}}, 404, "installation add"),
    "invalid_beacon": ({"body": {**BEACON, "userId": ""}}, 400, f"collector verify {SHOP}/"),
    "malformed_body": ({"body": "{"}, 400, "docs/http.md"),
    "opted_out": ({"Sec-GPC": "1"}, 403, f"{PROJECT} --ignore-gpc"),
    "too_large": ({"body": "x" * 9000}, 413, "at most 8 KiB"),
    "unsupported_media_type": ({"Content-Type": "text/html"}, 415, "text/plain"),
    "key_ignored": (
        {"body": {**BEACON, "keys": {"visitor_id": "x" * 201}}},
        204,
        "docs/http.md",
    ),
}


def test_each_refusal_is_told_with_what_to_do_about_it(provider: CommandLine, pages: Pages) -> None:
    for request, status, _ in MISTAKES.values():
        assert pages.send(**request) == status
    pages.done()
    document = checked(provider, code=1)
    found = {finding["outcome"]: finding for finding in document["findings"]}
    assert set(found) == set(MISTAKES)
    for outcome, (request, _, words) in MISTAKES.items():
        finding = found[outcome]
        assert words in finding["remedy"], outcome
        assert finding["beacons"] == 1
        assert finding["origins"] == [request.get("origin", SHOP)]
    assert "163" in found["unknown_project"]["detail"]
    assert found["key_ignored"]["detail"] == "keys.visitor_id must have at most 200 characters"
    calm = {outcome for outcome, finding in found.items() if not finding["needs_person"]}
    assert calm == {"opted_out", "malformed_body"}
    assert len(document["needs_person"]) == len(MISTAKES) - len(calm)
    out = re.sub(r"\n    (?=[a-z])", " ", provider("installation", "check", PROJECT).out)
    lines = out.splitlines()
    said = {name: line for line in lines for name in MISTAKES if line.startswith(f"  {name}: ")}
    assert {name for name, line in said.items() if "which told no known project" in line} == {
        "unknown_project"
    }
    assert {name for name, line in said.items() if "before the project was known" in line} == {
        "malformed_body",
        "too_large",
        "unsupported_media_type",
    }


def test_pages_of_others_that_tell_no_project_are_not_this_installations_business(
    provider: CommandLine, pages: Pages
) -> None:
    assert pages.send({**BEACON, "projectId": 163}, "https://other.example") == 404
    assert pages.send("{", "https://other.example") == 400
    pages.done()
    assert checked(provider, code=0)["findings"] == []


def test_an_origin_that_was_added_since_needs_nobody_any_more(
    provider: CommandLine, pages: Pages
) -> None:
    assert pages.send(origin=WWW) == 403
    pages.done()
    (finding,) = checked(provider, code=1)["findings"]
    command = finding["remedy"].partition("collector ")[2]
    provider.well(*command.split())
    (finding,) = checked(provider, code=0)["findings"]
    assert finding["remedy"] == outcomes.ADDED_SINCE.text
    assert "Note:" not in provider.well("installation", "check", PROJECT).out


@pytest.mark.parametrize(("hours", "code"), [(23, 1), (25, 0)])
def test_what_has_stopped_needs_nobody_but_is_still_told(
    provider: CommandLine, hours: int, code: int
) -> None:
    refuse(provider, "too_large", project_id=0, ago=timedelta(hours=hours))
    assert len(checked(provider, code=code)["findings"]) == 1


def test_a_site_that_has_fallen_silent_needs_a_person(provider: CommandLine) -> None:
    with Database(provider.database_url) as database:
        sessions.record(database, a_beacon("u.1"), datetime.now(UTC) - timedelta(days=3, hours=1))
    (sentence,) = checked(provider, code=1)["needs_person"]
    assert sentence.startswith("No beacon has come for 3 days.")
    assert f"collector verify {SHOP}/" in sentence
    words = unfolded(provider("installation", "check", PROJECT))
    assert sentence in words
    assert "3 days ago" in words
    assert "none 100 %" in words


def test_a_problem_of_the_last_run_and_a_pause_are_told(provider: CommandLine) -> None:
    with Database(provider.database_url) as database, database.write() as connection:
        installations.note_problem(connection, int(PROJECT), "something was wrong")
        installations.edit(connection, int(PROJECT), {"paused": True}, datetime.now(UTC))
    document = checked(provider, code=1)
    assert document["needs_person"] == ["something was wrong"]
    assert document["paused"] is True
    words = provider("installation", "check", PROJECT).out
    assert "something was wrong" in words
    assert f"collector installation resume {PROJECT}" in words


def test_credentials_that_do_not_work_hide_nothing_else(provider: CommandLine) -> None:
    provider.visit("u.1", visitor_id="v")
    refuse(provider, "opted_out")
    provider.write("wrong.txt", "hunter2")
    provider.well("installation", "edit", PROJECT, "--client-secret-file", "wrong.txt")
    ran = provider("installation", "check", PROJECT)
    ran.refused("refuses the credentials", code=1)
    assert "do not work" in ran.out
    assert "Last beacon" in ran.out
    assert "opted_out" in ran.out
    as_json = provider("installation", "check", PROJECT, "--json")
    assert as_json.code == 1
    document = as_json.json()
    assert document["credentials"]["work"] is False
    assert "refuses the credentials" in document["credentials"]["problem"]
    assert len(document["findings"]) == 1
    for said in (ran.said, as_json.said):
        assert SECRET not in said
        assert "hunter2" not in said


@pytest.mark.parametrize("fault", ["endpoint", "answer", "key"])
def test_credentials_that_nobody_could_try_are_not_said_to_fail(
    provider: CommandLine, closed_port: int, fault: str
) -> None:
    if fault == "endpoint":
        provider.set(auth_url=f"http://127.0.0.1:{closed_port}/v1/oauth/token")
    elif fault == "answer":
        provider.set(auth_url=f"{config.load().auth_url}/elsewhere")
    else:
        provider.set(secret_key=generate_key())
    ran = provider("installation", "check", PROJECT)
    step = "COLLECTOR_SECRET_KEY" if fault == "key" else "check COLLECTOR_AUTH_URL"
    ran.refused(step, code=1)
    assert "Credentials   could not be tried; the error below says why" in ran.out
    document = provider("installation", "check", PROJECT, "--json").json()
    assert document["credentials"]["work"] is None
    assert step in document["credentials"]["problem"]
    assert document["credentials"]["endpoint"] is None


def test_the_most_frequent_kinds_of_keys_are_told_and_the_others_counted(
    provider: CommandLine,
) -> None:
    provider.visit("u.1", **{f"k{number}": "v" for number in range(9)})
    provider.visit("u.2", k8="v", k7="v")
    assert "k7 100 %, k8 100 %, k0 50 %, k1 50 %, k2 50 %, k3 50 % and 3 more, none 0 %," in (
        unfolded(provider.well("installation", "check", PROJECT))
    )
    keys = checked(provider, code=0)["keys"]
    assert list(keys["kinds"]) == ["k7", "k8", "k0", "k1", "k2", "k3"]
    assert keys["more_kinds"] == 3


def test_the_help_says_what_the_exit_code_means(bare: CommandLine) -> None:
    told = " ".join(bare.well("installation", "check", "--help").out.split())
    assert "Exit code 0:" in told
    assert "none for 48 hours" in told
