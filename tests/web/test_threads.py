"""The application behind the event loop is run as its standard (PEP 3333) says."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.validate import validator

import pytest

from collector.web import threads
from collector.web.rsgi import Headers


class Heads:
    """Headers as granian has them: what is not UTF-8 has a name and no value."""

    def __init__(self, headers: dict[str, list[str]]) -> None:
        self._headers = headers

    def __contains__(self, name: str) -> bool:
        return name in self._headers

    def keys(self) -> list[str]:
        return list(self._headers)

    def get(self, name: str) -> str | None:
        return next(iter(self.get_all(name)), None)

    def get_all(self, name: str) -> list[str]:
        return self._headers.get(name, [])


class Asked:
    """A request as granian hands it over."""

    http_version = "1.1"
    server = "127.0.0.1:8000"
    client = "127.0.0.1:50000"
    scheme = "http"
    method = "GET"
    path = "/v1/é"
    query_string = "a=%C3%A9&b=\u20ac"

    def __init__(self, **headers: list[str]) -> None:
        self.headers: Headers = Heads(
            {name.replace("_", "-"): values for name, values in headers.items()}
        )


def test_an_environment_has_what_the_standard_asks_for() -> None:
    asked = Asked(
        host=["shop.example"],
        content_type=["text/plain"],
        content_length=["2"],
        x_twice=["a", "é"],
        cookie=["a=1", "b=2"],
        x_not_utf_8=[],
    )
    environ = threads._environment(asked)
    assert environ["PATH_INFO"].encode("latin-1").decode() == "/v1/é"
    assert environ["QUERY_STRING"].encode("latin-1").decode() == "a=%C3%A9&b=\u20ac"
    assert (environ["CONTENT_TYPE"], environ["CONTENT_LENGTH"]) == ("text/plain", "2")
    assert environ["HTTP_X_TWICE"].encode("latin-1").decode() == "a,é"
    assert environ["HTTP_COOKIE"] == "a=1; b=2"
    assert environ["HTTP_X_NOT_UTF_8"] == ""
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == ("127.0.0.1", "8000")


def test_a_header_named_with_an_underscore_does_not_pass_for_the_one_with_a_dash() -> None:
    asked = Asked()
    asked.headers = Heads(
        {"x-forwarded-for": ["192.0.2.1"], "x_forwarded_for": ["192.0.2.2"], "content_type": ["b"]}
    )
    environ = threads._environment(asked)
    assert environ["HTTP_X_FORWARDED_FOR"] == "192.0.2.1"
    assert not {"HTTP_CONTENT_TYPE", "CONTENT_TYPE"} & environ.keys()


class Streaming:
    """An answer in pieces that notes that it was closed."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces
        self.is_closed = False

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._pieces)

    def close(self) -> None:
        self.is_closed = True


def environment() -> dict[str, Any]:
    return threads._environment(Asked(host=["shop.example"])) | {"wsgi.input": None}


def test_an_answer_in_pieces_is_sent_whole_and_closed() -> None:
    answer = Streaming([b"b", b"c"])

    def application(_environ: dict[str, Any], start: Callable[..., Any]) -> Streaming:
        start("200 OK", [("X-A", "1"), ("X-A", "2")])(b"a")
        return answer

    found = threads._run(application, environment())
    assert found == (200, [("X-A", "1"), ("X-A", "2")], b"abc")
    assert answer.is_closed


def test_an_application_may_change_its_mind_and_what_breaks_is_closed() -> None:
    def broken() -> Iterator[bytes]:
        raise OSError("broken")
        yield b""

    answer = Streaming(broken())

    def changing(_environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
        start("200 OK", [])
        start("500 Internal Server Error", [("X-A", "1")], (None, None, None))
        return [b"sorry"]

    assert threads._run(changing, environment()) == (500, [("X-A", "1")], b"sorry")

    def breaking(_environ: dict[str, Any], start: Callable[..., Any]) -> Streaming:
        start("200 OK", [])
        return answer

    with pytest.raises(OSError, match="broken"):
        threads._run(breaking, environment())
    assert answer.is_closed


def test_the_validator_of_the_standard_library_has_no_complaint() -> None:
    def application(environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
        start("200 OK", [("Content-Type", "text/plain")])
        return [environ["wsgi.input"].read(2)]

    environ = threads._environment(Asked(host=["shop.example"])) | {"wsgi.input": io.BytesIO(b"ab")}
    assert threads._run(validator(application), environ)[2] == b"ab"
