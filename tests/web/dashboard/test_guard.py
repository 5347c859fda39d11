"""What stands behind the login: who has none is led to it, and only our own forms do anything."""

from __future__ import annotations

import json
import re

import pytest
import requests
from flask import Blueprint, session

from collector.storage import migrate
from collector.storage.database import Database
from collector.storage.secrets import generate_key
from collector.web.dashboard import cookie, guard
from tests.web.conftest import BEACON, ORIGIN, Start, before_sql
from tests.web.dashboard.conftest import Browser, OpenBoard
from tests.web.entering import NAME, PASSWORD, add_user

pytestmark = before_sql


@pytest.fixture
def board(browser: Browser) -> Browser:
    """With a page that changes something, as the dashboard has some."""
    blueprint = Blueprint("pausing", __name__)
    guard.protect(blueprint)
    blueprint.add_url_rule("/pause/<shop>", "pause", lambda **_: "paused", methods=["GET", "POST"])
    browser.client.application.register_blueprint(blueprint)
    return browser


def test_who_has_not_logged_in_is_led_to_the_login_and_back(board: Browser) -> None:
    address = "/pause/caf%C3%A9%3Fa%23b%2541?week=1&x=%2F%2Fevil"
    answer = board.get(address)
    assert answer.status_code == 303
    login = answer.headers["Location"]
    assert login.startswith("/login?next=")
    wanted = re.search(r'name="next" value="([^"]+)"', board.get(login).text)
    assert wanted
    answer = board.log_in(next=wanted[1].replace("&amp;", "&"))
    assert answer.headers["Location"] == address
    assert board.get(answer.headers["Location"]).text == "paused"


def test_from_the_first_page_the_login_has_nowhere_to_go_back_to(board: Browser) -> None:
    assert board.get("/").headers["Location"] == "/login"
    assert board.post("/pause/shop", {}).headers["Location"] == "/login"


def test_a_program_is_told_by_json(board: Browser) -> None:
    answer = board.get("/", Accept="application/json")
    assert answer.status_code == 401
    assert answer.get_json()["error"]["code"] == "not_logged_in"
    assert answer.headers["WWW-Authenticate"] == 'Cookie realm="collector"'


@pytest.mark.parametrize("token", ["", "x", "é", None])
def test_what_no_form_of_this_login_has_posted_does_nothing(
    board: Browser, token: str | None
) -> None:
    board.log_in()
    fields = {} if token is None else {"form_token": token}
    for path in ("/pause/shop", "/logout"):
        answer = board.post(path, fields)
        assert (answer.status_code, answer.headers["X-Collector-Error"]) == (403, "form_outdated")
        assert "try again" in answer.text
        assert NAME in answer.text
    answer = board.post("/pause/shop", fields, Accept="application/json")
    assert answer.get_json()["error"]["code"] == "form_outdated"
    assert board.is_logged_in()
    assert board.post("/pause/shop", {"form_token": board.token("/")}).text == "paused"


def test_a_form_of_another_browser_is_none_of_this_one(board: Browser) -> None:
    board.log_in()
    stolen = Browser(board.client.application).token()
    assert board.post("/pause/shop", {"form_token": stolen}).status_code == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://behind.example"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"}, 403),
        ({"Origin": "http://localhost"}, 200),
        ({"Origin": "https://collector.example.com"}, 200),
        ({"Origin": "http://collector.example.com"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://["}, 403),
        ({}, 200),
    ],
)
def test_what_a_page_of_another_site_posts_does_nothing(
    open_board: OpenBoard, headers: dict[str, str], status: int
) -> None:
    board = open_board(public_url="https://collector.example.com")
    fields = {"form_token": board.token(), "name": NAME, "password": PASSWORD}
    answer = board.post("/login", fields, **headers)
    assert answer.status_code == {200: 303}.get(status, status)
    assert board.is_logged_in() is (status == 200)
    if status == 403:
        assert answer.headers["X-Collector-Error"] == "cross_site"
        assert "COLLECTOR_PUBLIC_URL" in answer.text


def test_a_body_that_no_form_has_is_refused(board: Browser) -> None:
    assert board.post("/login", {"name": "x" * guard.MAX_BODY_BYTES}).status_code == 413


@pytest.mark.parametrize(
    ("public_url", "attributes"),
    [
        ("https://collector.example.com", {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"}),
        ("", {"HttpOnly", "Path=/", "SameSite=Lax"}),
    ],
)
def test_the_cookie_is_read_by_no_script_and_sent_by_no_other_site(
    open_board: OpenBoard, public_url: str, attributes: set[str]
) -> None:
    board = open_board(public_url=public_url)
    shown = board.get("/login").headers["Set-Cookie"]
    assert set(shown.split("; ")[1:]) == attributes  # it ends with the browser
    kept = board.log_in().headers["Set-Cookie"]
    assert kept.startswith("__Host-collector=" if public_url else "collector=")
    assert {part for part in kept.split("; ")[1:] if "Expires" not in part} == attributes
    assert "Expires=" in kept
    assert "Set-Cookie" not in board.get("/").headers  # looking does not renew it


def test_a_login_ends_twelve_hours_after_the_login(board: Browser) -> None:
    board.log_in()
    with board.client.session_transaction() as held:
        held["since"] -= cookie.LIFETIME.total_seconds() - 60
    assert board.is_logged_in()
    with board.client.session_transaction() as held:
        held["since"] -= 61
    assert not board.is_logged_in()


def test_a_new_key_ends_no_login_until_the_old_one_is_taken_away(
    open_board: OpenBoard, secret_key: str
) -> None:
    board = open_board()
    board.log_in()
    given = board.client.get_cookie("collector")
    assert given is not None
    new = generate_key()
    for keys, lasts in (((new, secret_key), True), ((new,), False)):
        other = open_board(keys=keys)
        other.client.set_cookie("collector", given.value)
        assert other.is_logged_in() is lasts
        assert "Set-Cookie" not in other.get("/").headers


def test_a_cookie_that_was_changed_is_nobodys(board: Browser) -> None:
    board.log_in()
    given = board.client.get_cookie("collector")
    assert given is not None
    last = "A" if given.value[-2] != "A" else "B"
    board.client.set_cookie("collector", given.value[:-2] + last + given.value[-1])
    assert not board.is_logged_in()


def test_every_page_forbids_what_is_not_its_own(board: Browser, database: Database) -> None:
    pages = [board.get("/login"), board.get("/"), board.post("/logout", {}), board.log_in()]
    pages += [board.get("/"), board.post("/pause/shop", {})]
    migrate.downgrade(database, "0009")
    pages.append(board.get("/"))
    assert [page.status_code for page in pages] == [200, 303, 303, 303, 200, 403, 503]
    for page in pages:
        assert page.headers["Content-Security-Policy"] == (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
            "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
            "frame-ancestors 'none'"
        )
        assert page.headers["Referrer-Policy"] == "same-origin"
        assert page.headers["X-Frame-Options"] == "DENY"
        assert page.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert "camera=()" in page.headers["Permissions-Policy"]
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert pages[-1].mimetype == "text/html"
    assert "does not answer" in pages[-1].text


def test_what_a_page_loads_has_its_type_and_is_asked_about(board: Browser) -> None:
    found = re.search(r'<link rel="stylesheet" href="([^"]+)"', board.get("/login").text)
    assert found
    assert found[1] == "/dashboard/static/dashboard.css"
    sheet = board.get(found[1])
    assert sheet.status_code == 200
    assert sheet.content_type == "text/css; charset=utf-8"
    assert sheet.headers["Cache-Control"] == "no-cache"
    assert sheet.headers["X-Content-Type-Options"] == "nosniff"
    assert "Set-Cookie" not in sheet.headers
    again = board.get(found[1], **{"If-None-Match": sheet.headers["ETag"]})
    assert again.status_code == 304
    assert board.get("/dashboard/static/../login.py").status_code == 404
    assert board.get("/dashboard/static/%2e%2e/login.py").status_code == 404


@pytest.mark.usefixtures("installation")
def test_what_machines_ask_reads_and_sets_no_cookie(board: Browser) -> None:
    board.log_in()
    answers = [
        board.client.post("/v1/sessions", data=json.dumps(BEACON), content_type="text/plain",
                          headers={"Origin": ORIGIN}),
        board.client.post("/v1/calls", json=[]),
        board.get("/v1/snippet.js"),
        board.get("/v1/nothing"),
        board.get("/healthz"),
    ]  # fmt: skip
    assert [answer.status_code for answer in answers] == [204, 401, 200, 404, 200]
    with board.client.application.test_request_context("/v1/calls"), pytest.raises(RuntimeError):
        session["x"] = 1
    for answer in answers:
        assert "Set-Cookie" not in answer.headers
        assert "Cookie" not in answer.headers.get("Vary", "")
    assert board.is_logged_in()


@pytest.mark.usefixtures("installation")
def test_a_login_over_real_connections(start: Start, database: Database, secret_key: str) -> None:
    add_user(database)
    server = start(COLLECTOR_SECRET_KEY=secret_key)
    with requests.Session() as http:
        page = http.get(server.url + "/", timeout=10)
        assert page.url == server.url + "/login"
        found = re.search(r'name="form_token" value="([^"]+)"', page.text)
        assert found
        page = http.post(
            page.url,
            data={"form_token": found[1], "name": NAME, "password": PASSWORD},
            headers={"Origin": server.url},
            timeout=10,
        )
        assert (page.status_code, page.url) == (200, server.url + "/")
        sheet = http.get(server.url + "/dashboard/static/dashboard.css", timeout=10)
        assert sheet.headers["Content-Type"] == "text/css; charset=utf-8"
        assert "color-scheme" in sheet.text
    assert "logged_in" in server.log()
    assert "127.0.0.1" not in server.log()
