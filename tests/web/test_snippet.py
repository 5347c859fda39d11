"""How the scripts are served: to any page, as small as its browser can read, and again only when
they have changed.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import brotli
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from collector import resources, snippet
from collector.web import snippet as served
from tests.web.conftest import before_sql

JS = resources.path("static") / "js"
BUILT = (JS / "collector.min.js").read_bytes()
PINNED = f"/v1/snippet.{hashlib.sha384(BUILT).hexdigest()[:16]}.js"
UNKNOWN = "/v1/snippet.0123456789abcdef.js"

DECODERS: dict[str | None, Callable[[bytes], bytes]] = {
    None: bytes,
    "gzip": gzip.decompress,
    "br": brotli.decompress,
}

built_scripts = pytest.mark.parametrize("address", ["/v1/snippet.js", PINNED])
every_script = pytest.mark.parametrize("address", ["/v1/snippet.js", PINNED, "/v1/sessions"])

pytestmark = before_sql


def decoded(response: TestResponse) -> bytes:
    return DECODERS[response.headers.get("Content-Encoding")](response.data)


@pytest.fixture
def released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of released builds, of a copy of the static files in which it is still missing."""
    folder = tmp_path / "static" / "js"
    folder.mkdir(parents=True)
    for file in JS.glob("collector.*"):
        (folder / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr(resources, "path", lambda name: tmp_path / name)
    remembered = (snippet.current, snippet.debugging, snippet.published)
    for one in remembered:
        one.cache_clear()
    yield folder / "released"
    for one in remembered:
        one.cache_clear()


@pytest.mark.parametrize(
    ("address", "file"),
    [
        ("/v1/snippet.js", "collector.min.js"),
        (PINNED, "collector.min.js"),
        ("/v1/sessions", "collector.debug.js"),
    ],
)
def test_a_script_is_served_as_such_to_any_page(
    client: FlaskClient, address: str, file: str
) -> None:
    response = client.get(address, headers={"Origin": "https://any.example"})
    assert response.status_code == 200
    assert response.data == (JS / file).read_bytes()
    assert response.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("/v1/snippet.js", "public, max-age=300, must-revalidate"),
        ("/v1/sessions", "public, max-age=300, must-revalidate"),
        (PINNED, "public, max-age=31536000, immutable"),
    ],
)
@pytest.mark.parametrize("accepted", ["", "gzip", "br"])
def test_a_copy_is_kept_and_asked_about_afterwards(
    client: FlaskClient, address: str, kept: str, accepted: str
) -> None:
    first = client.get(address, headers={"Accept-Encoding": accepted})
    assert first.headers["Cache-Control"] == kept
    again = client.get(
        address,
        headers={"Accept-Encoding": accepted, "If-None-Match": first.headers["ETag"]},
    )
    assert (again.status_code, again.data) == (304, b"")
    for name in ("ETag", "Cache-Control", "Vary", "Access-Control-Allow-Origin"):
        assert again.headers[name] == first.headers[name]
    assert again.headers["Cross-Origin-Resource-Policy"] == "cross-origin"


@every_script
def test_another_version_is_sent_anew(client: FlaskClient, address: str) -> None:
    response = client.get(address, headers={"If-None-Match": '"another"'})
    assert response.status_code == 200
    assert response.data


@pytest.mark.parametrize(
    ("accepted", "sent"),
    [
        (None, None),
        ("", None),
        ("identity", None),
        ("deflate, zstd", None),
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("br", "br"),
        ("gzip, deflate, br, zstd", "br"),
        ("gzip;q=1.0, br;q=0.9", "gzip"),
        ("gzip;q=0.5, br;q=0.5", "br"),
        ("br;q=0, gzip", "gzip"),
        ("br;q=0, gzip;q=0", None),
        ("gzip;q=0.2, identity;q=0.8", None),
        ("*", "br"),
        ("*, br;q=0", "gzip"),
        ("*;q=0", None),
        ("identity;q=0", None),
        ("br;q=nonsense, gzip", "gzip"),
        (",;=,", None),
    ],
)
@built_scripts
def test_the_browser_chooses_how_it_is_compressed(
    client: FlaskClient, address: str, accepted: str | None, sent: str | None
) -> None:
    headers = {} if accepted is None else {"Accept-Encoding": accepted}
    response = client.get(address, headers=headers)
    assert response.headers.get("Content-Encoding") == sent
    assert response.headers["Vary"] == "Accept-Encoding"
    assert int(response.headers["Content-Length"]) == len(response.data)
    assert decoded(response) == BUILT


@pytest.mark.parametrize(("accepted", "suffix"), [("gzip", ".gz"), ("br", ".br")])
def test_what_was_compressed_beforehand_is_what_is_sent(
    client: FlaskClient, accepted: str, suffix: str
) -> None:
    response = client.get("/v1/snippet.js", headers={"Accept-Encoding": accepted})
    assert response.data == (JS / f"collector.min.js{suffix}").read_bytes()


def test_what_debugs_a_page_is_sent_as_it_is_under_one_tag(client: FlaskClient) -> None:
    answers = [
        client.get("/v1/sessions", headers={"Accept-Encoding": accepted})
        for accepted in ("gzip, br", "gzip", "identity")
    ]
    for answer in answers:
        assert "Content-Encoding" not in answer.headers
        assert answer.data == (JS / "collector.debug.js").read_bytes()
    assert len({answer.headers["ETag"] for answer in answers}) == 1


@built_scripts
def test_each_way_of_compressing_has_a_strong_tag_of_its_own(
    client: FlaskClient, address: str
) -> None:
    answers = [
        client.get(address, headers={"Accept-Encoding": accepted})
        for accepted in ("identity", "gzip", "br")
    ]
    tags = {answer.headers["ETag"] for answer in answers}
    assert len(tags) == len({answer.data for answer in answers}) == 3
    assert not [tag for tag in tags if tag.startswith("W/")]
    other = client.get(
        address, headers={"Accept-Encoding": "gzip", "If-None-Match": answers[0].headers["ETag"]}
    )
    assert other.status_code == 200


@every_script
@pytest.mark.parametrize("accepted", ["identity", "gzip", "br"])
def test_a_head_request_tells_the_same_without_the_script(
    client: FlaskClient, address: str, accepted: str
) -> None:
    headers = {"Accept-Encoding": accepted}
    whole, head = client.get(address, headers=headers), client.head(address, headers=headers)
    assert (head.status_code, head.data) == (200, b"")
    assert int(head.headers["Content-Length"]) == len(whole.data)
    # A second may have turned in between.
    head.headers["Date"] = whole.headers["Date"]
    assert head.headers == whole.headers


def test_the_address_and_the_integrity_are_of_the_script_that_is_sent(client: FlaskClient) -> None:
    sent = client.get(PINNED).data
    assert f".{snippet.current().hash}.js" in PINNED
    digest = base64.b64encode(hashlib.sha384(sent).digest()).decode()
    assert snippet.current().integrity == f"sha384-{digest}"


@pytest.mark.parametrize(
    "address",
    [
        UNKNOWN,
        PINNED.replace(".js", "0.js"),
        "/v1/snippet.min.js",
        "/v1/snippet.%00.js",
        "/v1/snippet.%2e%2e%5cbuild.js",
    ],
)
def test_a_build_that_is_not_here_is_refused_and_not_remembered(
    client: FlaskClient, address: str
) -> None:
    response = client.get(address)
    assert response.status_code == 404
    error = response.get_json()["error"]
    assert error["code"] == response.headers["X-Collector-Error"] == "unknown_build"
    assert "collector snippet" in error["message"]
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert client.head(address).status_code == 404


def test_a_released_build_is_served_under_its_hash_after_the_next_one(
    client: FlaskClient, released: Path
) -> None:
    assert client.get(PINNED).status_code == 200, "before anything is released"
    old = b"old();" * 50
    address = f"/v1/snippet.{snippet.hash_of(old)}.js"
    snippet.published.cache_clear()
    released.mkdir()
    (released / f"{snippet.hash_of(old)}.js").write_bytes(old)
    (released / f"{snippet.hash_of(old)}.js.br").write_bytes(brotli.compress(old))
    for accepted, sent in (("br", "br"), ("gzip", None), ("identity", None)):
        response = client.get(address, headers={"Accept-Encoding": accepted})
        assert response.status_code == 200
        assert response.headers["Cache-Control"] == served.IMMUTABLE
        assert response.headers.get("Content-Encoding") == sent
        assert decoded(response) == old
    assert decoded(client.get("/v1/snippet.js")) == BUILT
    assert decoded(client.get(PINNED)) == BUILT


def test_a_released_build_whose_bytes_have_changed_is_not_served_under_its_old_name(
    client: FlaskClient, released: Path
) -> None:
    released.mkdir()
    (released / "0123456789abcdef.js").write_bytes(b"changed();")
    assert client.get(UNKNOWN).status_code == 404
