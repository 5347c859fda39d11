"""Every answer that a browser shows carries what keeps it from becoming something else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from collector.storage.database import Database
from collector.web import express, health
from tests.web.conftest import BEACON, ORIGIN, Open, before_sql
from tests.web.dashboard.conftest import Browser
from tests.web.entering import add_user

pytestmark = [before_sql, pytest.mark.usefixtures("installation")]

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS")

#: What stands in the addresses.
VALUES = {"project_id": "162", "preset": "twilio", "build": "0", "filename": "dashboard.css"}


@pytest.fixture
def app(open_app: Open, database_url: str, secret_key: str) -> Flask:
    return open_app(
        database_url, secret_key=(secret_key,), public_url="https://collector.example.com"
    )


def path_of(rule: Rule) -> str:
    built = rule.build({name: VALUES.get(name, "x") for name in rule.arguments})
    assert built
    return built[1]


def answers(browser: Browser, app: Flask) -> Iterator[tuple[str, TestResponse]]:
    """What each address answers by each method, and what is answered of others."""
    paths = {path_of(rule) for rule in app.url_map.iter_rules() if rule.endpoint != "login.log_out"}
    for path in sorted({*paths, "/nothing", "/v1/nothing", "/v1/sessions/", "/dashboard/static/x"}):
        for method in METHODS:
            for accept in ("text/html", "application/json"):
                yield path, browser.client.open(path, method=method, headers={"Accept": accept})
    yield "/logout", browser.client.post("/logout")


def require_safe(path: str, response: TestResponse) -> None:
    headers, what = response.headers, f"{response.request.method} {path} {response.status_code}"
    assert headers["X-Content-Type-Options"] == "nosniff", what
    assert "Cache-Control" in headers, what
    if response.status_code == 204:
        assert response.data == b"", what
        return
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; "), what
    for part in ("base-uri 'none'", "frame-ancestors 'none'"):
        assert part in policy, what
    assert "unsafe" not in policy, what
    assert "*" not in policy, what
    assert headers["Referrer-Policy"] in {"no-referrer", "same-origin"}, what
    assert headers["Strict-Transport-Security"] == "max-age=31536000", what
    # Pages of others load the scripts, and read why beacons were refused.
    is_beacons = path.startswith("/v1/sessions")
    is_for_any = is_beacons or headers.get("Access-Control-Allow-Origin") == "*"
    assert headers["Cross-Origin-Resource-Policy"] == (
        "cross-origin" if is_for_any else "same-origin"
    ), what
    if response.mimetype == "text/html":
        assert headers["X-Frame-Options"] == "DENY", what
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin", what
        assert "camera=()" in headers["Permissions-Policy"], what


@pytest.mark.parametrize("logged_in", [False, True])
def test_each_address_answers_with_them_by_each_method(
    app: Flask, database: Database, logged_in: bool
) -> None:
    browser = Browser(app)
    browser.client.environ_base["wsgi.url_scheme"] = "https"
    if logged_in:
        add_user(database)
        assert browser.log_in().status_code == 303
    seen = set()
    for path, response in answers(browser, app):
        require_safe(path, response)
        seen.add(response.status_code)
        response.close()
    assert seen >= {200, 204, 303, 415, 401, 403, 404, 405} - ({303} if logged_in else set())
    assert 503 in seen  # there is no definition


def test_an_error_nobody_foresaw_carries_them_too(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise ValueError

    monkeypatch.setitem(app.view_functions, f"{health.blueprint.name}.healthz", fail)
    response = app.test_client().get("/healthz")
    assert response.status_code == 500
    require_safe("/healthz", response)


def test_a_server_without_tls_does_not_ask_for_it(open_app: Open, database_url: str) -> None:
    for public_url in ("", "http://collector.example.com"):
        response = open_app(database_url, public_url=public_url).test_client().get("/login")
        assert "Strict-Transport-Security" not in response.headers


def test_an_acknowledgement_is_small_and_the_express_lane_gives_the_same(app: Flask) -> None:
    response = app.test_client().post(
        "/v1/sessions", json=BEACON, headers={"Origin": ORIGIN}, content_type="text/plain"
    )
    require_safe("/v1/sessions", response)
    given = {name.lower(): value for name, value in response.headers}
    assert given == dict(express._headers(ORIGIN))
