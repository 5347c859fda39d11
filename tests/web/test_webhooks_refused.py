"""Which requests a webhook refuses as a whole, and that nothing is stored of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from collector.domain.reading import CallReader
from collector.storage import installations
from collector.storage.database import Database
from collector.web import receiving
from tests.web.conftest import PROJECT, Open, before_sql, rows
from tests.web.hooking import FORM, INFINITY, INVOCA, JSON, TWILIO, basic, path

pytestmark = before_sql


def stored(database: Database) -> list[dict[str, Any]]:
    """Calls and refused records."""
    return rows(database, "SELECT call_id FROM call") + rows(
        database, "SELECT call_id FROM refused_record"
    )


@pytest.mark.parametrize(
    ("data", "content_type", "code"),
    [
        (b" " * (4 * 2**20 + 1), JSON, "too_large"),
        (b"a=" + b"a" * 4 * 2**20, FORM, "too_large"),
        (json.dumps([{}] * 1001).encode(), JSON, "too_many_records"),
        (b"a&" * 1001, FORM, "too_many_fields"),
    ],
)
def test_a_request_is_bounded(
    hooks: FlaskClient,
    database: Database,
    token: str,
    data: bytes,
    content_type: str,
    code: str,
) -> None:
    response = hooks.post(
        path("infinity"), data=data, content_type=content_type, headers=basic(token)
    )
    assert response.status_code == 413
    assert response.headers["X-Collector-Error"] == code
    assert stored(database) == []


@pytest.mark.parametrize("body", [INVOCA, b"{}"])
def test_what_comes_while_its_installation_is_removed_is_not_stored(
    hooks: FlaskClient,
    database: Database,
    token: str,
    monkeypatch: pytest.MonkeyPatch,
    body: bytes,
) -> None:
    def remove_and_read(*given: Any) -> CallReader:
        with database.write() as connection:
            installations.remove(connection, PROJECT, with_data=True)
        return reader(*given)

    reader = receiving.reader
    monkeypatch.setattr(receiving, "reader", remove_and_read)
    response = hooks.post(path("invoca"), data=body, content_type=JSON, headers=basic(token))
    assert response.status_code == 404
    assert response.headers["X-Collector-Error"] == "unknown_project"
    assert stored(database) == []


@pytest.mark.parametrize("media_type", ["text/plain", "multipart/form-data; boundary=x", None])
def test_other_media_types_are_refused(
    hooks: FlaskClient, token: str, media_type: str | None
) -> None:
    response = hooks.post(
        path("infinity"), data=b"{}", content_type=media_type, headers=basic(token)
    )
    assert response.status_code == 415
    assert response.headers["X-Collector-Error"] == "unsupported_media_type"


def test_an_unknown_preset_is_answered_with_those_there_are(hooks: FlaskClient, token: str) -> None:
    response = hooks.post(path("Twilio"), data=b"{}", content_type=JSON, headers=basic(token))
    assert response.status_code == 404
    assert response.headers["X-Collector-Error"] == "unknown_preset"
    assert "callrail, infinity, invoca, twilio" in response.get_json()["error"]["message"]


@pytest.mark.parametrize("project_id", ["163", "0", "-1", "x", "%D9%A1", "9" * 16, "9" * 5000])
def test_an_unknown_project_is_answered_as_such(
    hooks: FlaskClient, token: str, project_id: str
) -> None:
    response = hooks.post(
        path("twilio", project_id), data=TWILIO, content_type=FORM, headers=basic(token)
    )
    assert response.status_code == 404
    assert response.headers["X-Collector-Error"] == "unknown_project"
    assert len(response.data) < 300


@pytest.mark.parametrize(
    ("preset", "methods", "allowed"),
    [
        ("twilio", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"], "POST"),
        ("infinity", ["HEAD", "OPTIONS", "PUT", "DELETE"], "GET, POST"),
    ],
)
def test_other_methods_are_refused_and_store_nothing(
    hooks: FlaskClient, database: Database, token: str, preset: str, methods: list[str],
    allowed: str,
) -> None:  # fmt: skip
    for method in methods:
        response = hooks.open(
            path(preset), method=method, query_string=INFINITY, headers=basic(token)
        )
        assert response.status_code == 405, method
        assert response.headers["Allow"] == allowed
        assert response.headers["X-Collector-Error"] == "method_not_allowed"
    assert stored(database) == []


def test_a_broken_definition_asks_to_send_it_again(
    open_app: Open, database_url: str, token: str, tmp_path: Any
) -> None:
    client = open_app(database_url, integration=str(tmp_path / "nowhere.toml")).test_client()
    response = client.post(path("invoca"), data=INVOCA, content_type=JSON, headers=basic(token))
    assert response.status_code == 503
    assert response.headers["X-Collector-Error"] == "definition_unavailable"
