"""What every answer has in common: CORS for the page's developer, one form of errors, no leaks."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from flask.testing import FlaskClient

from collector.errors import NotMigratedError
from collector.storage import migrate, sessions
from collector.storage.database import Database
from collector.web import create_app
from collector.web.answers import NOT_FOR_HERE
from collector.web.state import State
from tests.web.conftest import BEACON, ORIGIN, Open, before_sql

EVIL = "https://evil.example"


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that nobody listens on, and nobody else can take meanwhile."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield reserved.getsockname()[1]


@pytest.fixture(params=["sqlite", "postgresql"])
def unreachable_url(request: pytest.FixtureRequest, tmp_path: Path, closed_port: int) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/no/such/directory/collector.db"
    return f"postgresql://collector:pass-word@127.0.0.1:{closed_port}/collector"


@before_sql
@pytest.mark.parametrize(
    ("method", "path", "body", "media_type", "status"),
    [
        ("POST", "/v1/sessions", json.dumps(BEACON), "text/plain", 403),
        ("POST", "/v1/sessions", "{", "text/plain", 400),
        ("POST", "/v1/sessions", "{}", "text/plain", 400),
        ("POST", "/v1/sessions", "{}", "text/html", 415),
        ("POST", "/v1/sessions", "x" * 9000, "text/plain", 413),
        ("POST", "/v1/sessions", json.dumps({**BEACON, "projectId": 1}), "text/plain", 404),
        ("PUT", "/v1/sessions", None, None, 405),
        ("POST", "/v1/sessions/", None, None, 404),
        ("OPTIONS", "/v1/sessions", None, None, 204),
    ],
)
def test_the_page_may_read_every_answer_of_the_beacon_endpoint(
    client: FlaskClient,
    method: str,
    path: str,
    body: str | None,
    media_type: str | None,
    status: int,
) -> None:
    response = client.open(
        path, method=method, data=body, content_type=media_type, headers={"Origin": EVIL}
    )
    assert response.status_code == status
    assert response.headers["Access-Control-Allow-Origin"] == EVIL
    assert response.headers["Vary"] == "Origin"
    assert response.headers["Access-Control-Expose-Headers"] == (
        "X-Collector-Error, X-Collector-Ignored, Retry-After"
    )
    assert "Access-Control-Allow-Credentials" not in response.headers
    assert response.headers["Cache-Control"] == "no-store"
    if status != 204:
        assert response.headers["X-Collector-Error"] == response.get_json()["error"]["code"]


@before_sql
def test_an_accepted_beacon_may_be_read_by_its_page_too(client: FlaskClient) -> None:
    response = client.post(
        "/v1/sessions",
        data=json.dumps(BEACON),
        content_type="text/plain",
        headers={"Origin": ORIGIN},
    )
    assert response.status_code == 204
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert response.headers["Vary"] == "Origin"


@before_sql
def test_an_answer_varies_by_origin_even_when_none_was_sent(client: FlaskClient) -> None:
    response = client.post("/v1/sessions", data="{}", content_type="text/plain")
    assert response.headers["Vary"] == "Origin"
    assert "Access-Control-Allow-Origin" not in response.headers


@before_sql
@pytest.mark.parametrize("origin", ["null", EVIL, ORIGIN])
def test_a_preflight_allows_json_from_any_origin(client: FlaskClient, origin: str) -> None:
    response = client.options(
        "/v1/sessions",
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type",
        },
    )
    assert (response.status_code, response.data) == (204, b"")
    assert response.headers["Access-Control-Allow-Origin"] == origin
    assert "POST" in response.headers["Access-Control-Allow-Methods"]
    assert response.headers["Access-Control-Allow-Headers"] == "Content-Type"
    assert int(response.headers["Access-Control-Max-Age"]) > 0


@before_sql
@pytest.mark.parametrize(
    ("method", "path", "status", "code", "allow"),
    [
        ("GET", "/nothing", 404, "not_found", None),
        ("GET", "/v1/snippet.js/", 404, "not_found", None),
        ("POST", "//v1/sessions", 404, "not_found", None),
        ("PUT", "/v1/sessions", 405, "method_not_allowed", {"GET", "HEAD", "POST", "OPTIONS"}),
        ("GET", "/v1/calls", 405, "method_not_allowed", {"POST", "OPTIONS"}),
        ("DELETE", "/healthz", 405, "method_not_allowed", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_unknown_paths_and_methods_are_errors_of_the_same_form(
    client: FlaskClient, method: str, path: str, status: int, code: str, allow: set[str] | None
) -> None:
    response = client.open(path, method=method)
    assert response.status_code == status
    assert response.get_json()["error"] == {"code": code, "message": NOT_FOR_HERE[code]}
    assert response.headers["X-Collector-Error"] == code
    if allow is not None:
        assert set(response.headers["Allow"].split(", ")) == allow


@before_sql
def test_an_unexpected_error_is_logged_and_tells_nothing(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: object) -> None:
        raise ZeroDivisionError("an inner detail")

    monkeypatch.setattr(sessions, "record_all", broken)
    with structlog.testing.capture_logs() as lines:
        response = client.post(
            "/v1/sessions",
            data=json.dumps(BEACON),
            content_type="text/plain",
            headers={"Origin": ORIGIN},
        )
    assert response.status_code == 500
    assert response.headers["X-Collector-Error"] == "internal_error"
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "detail" not in response.get_data(as_text=True)
    (line,) = [line for line in lines if line["event"] == "internal_error"]
    assert isinstance(line["exc_info"], ZeroDivisionError)


def test_without_a_database_a_beacon_is_asked_to_come_again(
    open_app: Open, unreachable_url: str
) -> None:
    client = open_app(unreachable_url).test_client()
    with structlog.testing.capture_logs() as lines:
        response = client.post(
            "/v1/sessions",
            data=json.dumps(BEACON),
            content_type="text/plain",
            headers={"Origin": ORIGIN},
        )
    assert response.status_code == 503
    assert response.headers["X-Collector-Error"] == "database_unavailable"
    assert response.headers["Retry-After"] == "5"
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "127.0.0.1" not in response.get_data(as_text=True)
    assert "pass-word" not in repr(lines)


def test_without_a_database_the_process_lives_but_is_not_ready(
    open_app: Open, unreachable_url: str
) -> None:
    client = open_app(unreachable_url).test_client()
    assert client.get("/healthz").get_json() == {"status": "ok"}
    ready = client.get("/readyz")
    assert ready.status_code == 503
    assert ready.headers["X-Collector-Error"] == "database_unavailable"


def test_with_its_database_the_process_is_ready(client: FlaskClient) -> None:
    assert client.get("/readyz").get_json() == {"status": "ok"}


def test_a_database_that_is_not_migrated_is_refused_at_the_start(
    open_app: Open, empty_database_url: str
) -> None:
    with pytest.raises(NotMigratedError, match="collector db upgrade"):
        open_app(empty_database_url)


def test_a_database_that_loses_its_tables_meanwhile_is_unavailable(
    client: FlaskClient, database: Database
) -> None:
    migrate.downgrade(database, "base")
    response = client.post("/v1/sessions", data=json.dumps(BEACON), content_type="text/plain")
    assert response.status_code == 503
    assert response.headers["X-Collector-Error"] == "database_unavailable"
    assert client.get("/readyz").headers["X-Collector-Error"] == "not_migrated"


def test_when_all_connections_are_in_use_a_beacon_is_asked_to_come_again(
    open_app: Open, client: FlaskClient, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collector.storage.database.PATIENCE_SECONDS", 1)
    app = open_app(database_url, threads=1)
    state: State = app.extensions["collector"]
    # A request's thread, the counts, and whoever commits for all.
    with state.database.read(), state.database.read(), state.database.read():
        response = app.test_client().post(
            "/v1/sessions", data=json.dumps(BEACON), content_type="text/plain"
        )
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "5"


def test_the_database_is_opened_at_first_use_and_once(open_app: Open, database_url: str) -> None:
    app = open_app(database_url)
    state: State = app.extensions["collector"]
    assert state._database is None
    assert state.database is state.database


def test_the_application_reads_its_settings_itself_for_other_servers(
    database_url: str, monkeypatch: pytest.MonkeyPatch, restored_logs: None
) -> None:
    monkeypatch.setenv("COLLECTOR_DATABASE_URL", database_url)
    monkeypatch.delenv("COLLECTOR_SECRET_KEY", raising=False)
    app = create_app()
    assert app.test_client().get("/readyz").status_code == 200
    app.extensions["collector"].close()
