"""Who logs in is let in, whoever is not is told why, and nobody can try for long."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime

import pytest
import structlog

from collector.config import Settings
from collector.storage import users
from collector.storage.database import Database
from collector.web.clients import Clients
from collector.web.dashboard import throttle
from collector.web.dashboard.throttle import (
    AT_ONCE,
    FOR_A_NAME,
    OF_AN_ADDRESS,
    Refused,
    Throttle,
)
from tests.web.conftest import Open, before_sql
from tests.web.dashboard.conftest import Browser, OpenBoard
from tests.web.entering import NAME, PASSWORD, add_user, cheap


def test_a_user_logs_in_looks_and_logs_out(browser: Browser, database: Database) -> None:
    answer = browser.log_in()
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    page = browser.get("/")
    assert page.status_code == 200
    assert NAME in page.text
    with database.read() as connection:
        (user,) = users.list_all(connection)
    assert user.last_login_at is not None
    answer = browser.post("/logout", {"form_token": browser.token("/")})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert not browser.is_logged_in()


def test_an_unknown_name_and_a_wrong_password_are_told_the_same(browser: Browser) -> None:
    told = set()
    for name, password in (
        (NAME, "not the password"),
        ("bert", PASSWORD),
        (NAME.upper(), PASSWORD),
        ("an\x00na", PASSWORD),
        ("", ""),
    ):
        answer = browser.log_in(name, password)
        assert answer.status_code == 401
        assert answer.headers["X-Collector-Error"] == "login_failed"
        assert answer.headers["WWW-Authenticate"] == 'Cookie realm="collector"'
        told.add(answer.text[answer.text.index('role="alert">') :][:100])
        assert not browser.is_logged_in()
    assert len(told) == 1


@before_sql
def test_the_form_can_be_filled_in_by_password_managers_and_read_aloud(browser: Browser) -> None:
    page = browser.log_in(NAME, "not the password").text
    assert '<html lang="en">' in page
    assert f'value="{NAME}"' in page
    assert "not the password" not in page
    assert 'autocomplete="username"' in page
    assert 'autocomplete="current-password"' in page
    assert page.count('aria-describedby="trouble"') == 2
    assert page.count('<label for="') == 2
    assert "<script" not in page


@before_sql
def test_a_name_with_a_blank_that_a_keyboard_has_added_is_the_name(browser: Browser) -> None:
    assert browser.log_in(f" {NAME} ").status_code == 303


@before_sql
@pytest.mark.parametrize(
    ("wanted", "goes_to"),
    [
        ("/calls/c-1?project_id=162&q=%C3%A9", "/calls/c-1?project_id=162&q=%C3%A9"),
        ("//evil.example", "/"),
        ("///evil.example", "/"),
        ("https://evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("\\\\evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("calls", "/"),
        ("", "/"),
    ],
)
def test_a_login_leads_to_paths_of_this_server_and_nowhere_else(
    browser: Browser, wanted: str, goes_to: str
) -> None:
    assert browser.log_in(next=wanted).headers["Location"] == goes_to
    answer = browser.client.get("/login", query_string={"next": wanted})  # who has logged in
    assert answer.headers["Location"] == goes_to


@before_sql
def test_a_form_that_is_too_old_is_shown_again(browser: Browser) -> None:
    answer = browser.post("/login", {"form_token": "x", "name": NAME, "password": PASSWORD})
    assert (answer.status_code, answer.headers["X-Collector-Error"]) == (403, "form_outdated")
    assert "Try again" in answer.text
    assert 'name="form_token" value="' in answer.text
    assert not browser.is_logged_in()


@before_sql
def test_nothing_that_the_cookie_held_before_goes_on_after_the_login(browser: Browser) -> None:
    before = browser.token()
    with browser.client.session_transaction() as held:
        held["planted"] = "by somebody else"
    browser.log_in()
    assert browser.token("/") not in {before, ""}
    with browser.client.session_transaction() as held:
        assert "planted" not in held


@before_sql
def test_without_a_key_the_page_says_which_setting_is_missing(open_board: OpenBoard) -> None:
    browser = open_board(keys=())
    for answer in (browser.get("/login"), browser.get("/"), browser.post("/login", {})):
        assert answer.status_code == 503
        assert answer.headers["X-Collector-Error"] == "secret_key_missing"
        assert "COLLECTOR_SECRET_KEY" in answer.text
        assert "collector keys generate" in answer.text
        assert answer.mimetype == "text/html"
        assert "Set-Cookie" not in answer.headers


@before_sql
def test_without_a_user_the_page_says_how_to_add_one(
    open_app: Open, database_url: str, secret_key: str
) -> None:
    page = Browser(open_app(database_url, secret_key=(secret_key,))).get("/login")
    assert "collector user add NAME" in page.text
    assert 'name="password"' not in page.text


@before_sql
def test_too_many_tries_for_a_name_are_answered_with_when_to_try_again(
    open_board: OpenBoard, database: Database
) -> None:
    add_user(database, "bert")
    browser = open_board()
    other = Browser(browser.client.application, "192.0.2.7")
    for _ in range(FOR_A_NAME):
        assert browser.log_in(NAME, "not the password").status_code == 401
    answer = other.log_in()  # though the password is right, and the address another
    assert (answer.status_code, answer.headers["X-Collector-Error"]) == (429, "too_many_logins")
    assert 0 < int(answer.headers["Retry-After"]) <= 600
    assert "Try again in 10 minutes, from " in answer.text
    assert not other.is_logged_in()
    assert browser.log_in("bert").status_code == 303


@before_sql
def test_who_has_logged_in_may_slip_as_often_as_before(browser: Browser) -> None:
    for _ in range(2):
        for _ in range(FOR_A_NAME - 1):
            assert browser.log_in(NAME, "not the password").status_code == 401
        assert browser.log_in().status_code == 303
        browser.post("/logout", {"form_token": browser.token("/")})


def test_an_address_cannot_go_through_many_names_however_it_is_written() -> None:
    counted = Throttle()
    clients = Clients(Settings(proxy_hops=1))

    def tried(name: str, address: str) -> Refused | None:
        return counted.refused(name, clients.network("127.0.0.1", f"198.51.100.9, {address}"))

    for number in range(OF_AN_ADDRESS):
        assert tried(f"user-{number}", f"[2001:db8::{number:x}]") is None
    refused = tried("another", "2001:db8::ffff")
    assert refused is not None
    assert refused.by == "address"
    assert tried("another", "2001:db8:0:1::1") is None
    assert tried("another", "192.0.2.1") is None
    assert tried("another", "") is None


@before_sql
def test_who_comes_while_many_passwords_are_compared_is_sent_away_at_once(
    browser: Browser,
) -> None:
    with browser.client.application.app_context(), ExitStack() as held:
        turns = [held.enter_context(throttle.current().turn()) for _ in range(AT_ONCE + 1)]
        assert turns == [True] * AT_ONCE + [False]
        answer = browser.log_in()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert browser.log_in().status_code == 303


@before_sql
def test_the_logs_name_users_and_neither_passwords_nor_what_else_was_typed(
    browser: Browser,
) -> None:
    browser.client.environ_base["HTTP_X_FORWARDED_FOR"] = "192.0.2.9"  # which anybody can claim
    with structlog.testing.capture_logs() as lines:
        browser.log_in(NAME, "not the password")
        browser.log_in("a password typed as a name".replace(" ", "_"), "x")
        browser.log_in()
        browser.post("/logout", {"form_token": browser.token("/")})
    told = [(line["event"], line.get("user")) for line in lines if line["log_level"] != "debug"]
    assert told == [
        ("login_failed", NAME),
        ("login_failed", None),
        ("logged_in", NAME),
        ("logged_out", NAME),
    ]
    assert not [line for line in lines if "password" in str(line)]
    assert [line["address"] for line in lines if "address" in line] == ["127.0.0.1"] * 2
    assert {line["log_level"] for line in lines if "address" in line} == {"debug"}


@before_sql
def test_a_removed_user_and_a_new_password_end_all_logins_at_once(
    open_board: OpenBoard, database: Database
) -> None:
    add_user(database, "bert")
    one, two, bert = open_board(), open_board(), open_board()
    for browser, name in ((one, NAME), (two, NAME), (bert, "bert")):
        browser.log_in(name)
        assert browser.is_logged_in()
    with database.write() as connection:
        users.set_password(connection, NAME, cheap("another password"), datetime.now(UTC))
    assert [browser.is_logged_in() for browser in (one, two, bert)] == [False, False, True]
    one.log_in(NAME, "another password")
    assert one.is_logged_in()
    with database.write() as connection:
        users.remove(connection, NAME)
    assert [browser.is_logged_in() for browser in (one, bert)] == [False, True]
