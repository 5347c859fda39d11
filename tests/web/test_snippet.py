"""How the snippet is served: to any page, and again only when it has changed."""

from __future__ import annotations

from flask.testing import FlaskClient

from collector import resources
from tests.web.conftest import before_sql


@before_sql
def test_the_built_file_is_served_as_a_script_to_any_page(client: FlaskClient) -> None:
    response = client.get("/v1/snippet.js", headers={"Origin": "https://any.example"})
    assert response.status_code == 200
    built = resources.path("static") / "js" / "collector.min.js"
    assert response.data == built.read_bytes()
    assert response.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@before_sql
def test_a_copy_is_kept_for_minutes_and_then_asked_about(client: FlaskClient) -> None:
    first = client.get("/v1/snippet.js")
    assert first.headers["Cache-Control"] == "public, max-age=300, must-revalidate"
    again = client.get("/v1/snippet.js", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert again.headers["Cache-Control"] == first.headers["Cache-Control"]
    assert again.headers["Access-Control-Allow-Origin"] == "*"


@before_sql
def test_another_version_is_sent_anew(client: FlaskClient) -> None:
    response = client.get("/v1/snippet.js", headers={"If-None-Match": '"another"'})
    assert response.status_code == 200
    assert response.data


@before_sql
def test_a_head_request_tells_the_size_only(client: FlaskClient) -> None:
    response = client.head("/v1/snippet.js")
    assert (response.status_code, response.data) == (200, b"")
    assert int(response.headers["Content-Length"]) > 0
