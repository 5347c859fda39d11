"""Beacons of any bytes: the express lane and the view judge them alike, and neither fails.

An input is bytes, so that Hypothesis, atheris and the examples that were found share one form:
the first byte chooses the headers, the rest is the body.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from hypothesis import strategies as st

from collector.config import Settings
from collector.domain.beacon import Beacon
from collector.storage.sightings import Seen
from collector.web import create_app, state
from collector.web.answers import IGNORED_HEADER
from collector.web.express import Express, _may_be_plain
from tests.fuzz.server import ORIGIN, PROJECT, folder, prepare

ORIGINS = (ORIGIN, None, "null", "https://evil.example", "https://SHOP.example")
MEDIA = ("text/plain;charset=UTF-8", "application/json", "text/html", "")
GPC = (None, "1", "0")
CHOICES = len(ORIGINS) * len(MEDIA) * len(GPC)

STORED = 204


class Headers:
    """As the server hands them to the lane."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = {name.lower(): value for name, value in values.items()}

    def __contains__(self, name: str, /) -> bool:
        return name in self._values

    def keys(self) -> list[str]:
        return list(self._values)

    def get(self, name: str, /) -> str | None:
        return self._values.get(name)

    def get_all(self, name: str, /) -> list[str]:
        return [self._values[name]] if name in self._values else []


class Beacons:
    """Both ways of a beacon, in one process, on a real database."""

    def __init__(self) -> None:
        self._folder = folder()
        url, _ = prepare(Path(self._folder.name))
        app = create_app(Settings(database_url=url))
        self._shared = state.of(app)
        self._client = app.test_client()
        self._lane = Express(app, threads=1)
        self._stored: list[Beacon] = []
        store = self._shared.store

        def noted(seen: Seen) -> None:
            self._stored.append(seen.beacon)
            store(seen)

        self._shared.store = noted  # type: ignore[assignment]
        self.try_one(b"\0" + json.dumps({"projectId": PROJECT, "sessionKey": "u.1"}).encode())

    def __enter__(self) -> Beacons:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None
    ) -> None:
        self._lane.__rsgi_del__(None)  # type: ignore[arg-type]
        self._folder.cleanup()

    def try_one(self, data: bytes) -> None:
        """Raises AssertionError if the two differ, or the view fails."""
        choice, body = (data[0] if data else 0) % CHOICES, data[1:]
        headers = _headers(choice)
        plain = self._plain(body, headers)
        self._stored.clear()
        answer = self._client.post("/v1/sessions", data=body, headers=headers)
        assert answer.status_code < 500, answer.text
        assert len(self._stored) == (answer.status_code == STORED)
        if plain is not None:
            assert answer.status_code == STORED, (plain, answer.text)
            assert IGNORED_HEADER not in answer.headers
            assert self._stored == [plain.beacon]

    def _plain(self, body: bytes, headers: Mapping[str, str]) -> Seen | None:
        asked = Headers({**headers, "content-length": str(len(body))})
        if not _may_be_plain(asked):
            return None
        origin, gpc = headers.get("Origin"), headers.get("Sec-GPC")
        # A number that is met for the first time is left to the view once.
        return self._lane._plainly_right(body, origin, gpc) or self._lane._plainly_right(
            body, origin, gpc
        )


def _headers(choice: int) -> dict[str, str]:
    choice, gpc = divmod(choice, len(GPC))
    media, origin = divmod(choice, len(ORIGINS))
    told = {"Content-Type": MEDIA[media], "Origin": ORIGINS[origin], "Sec-GPC": GPC[gpc]}
    return {name: value for name, value in told.items() if value is not None}


_ODD: st.SearchStrategy[Any] = st.sampled_from(
    [
        *(None, True, False, 0, 1, -1, 1.0, 162.0, 1e21, 5e-324, 2**31 - 1, 2**31, 2**53, 10**400),
        *([], {}, ["162"], "", " ", "162", "-1", "\u0967\u096c\u0968", "1" * 20, "0162", "1_6_2"),
        *("u.1", "u.0", ".4", "u.", "a.b.12", "u. 1", "é.1", "u.²", "x" * 101 + ".1"),
        *(
            "\ud800",
            "\0",
            "\x85",
            "\u200b",
            "a\tb",
            "a\r\nb",
            "undefined",
            "' OR 1=1 --",
            "x" * 201,
        ),
        *("+33 1 99 00 12 34", "01 99 00 12 34", "tel:0199001234;ext=5", "=1+1", "\x1b[2J"),
    ]
)
_VALUES = _ODD | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(), inside, max_size=3),
    max_leaves=5,
)
_FIELDS = ("projectId", "userId", "sessionNumber", "sessionKey", "keys", "page")
_KEYS = st.dictionaries(
    st.sampled_from(["visitor_id", "tracking_number", "reference", "session_key", "Bad", ""])
    | st.text(max_size=5),
    _VALUES,
    max_size=4,
)
_BODIES = st.builds(
    lambda keys, changes: {"projectId": PROJECT, "sessionKey": "u.4", "keys": keys} | changes,
    _KEYS,
    st.dictionaries(st.sampled_from(_FIELDS), _VALUES, max_size=2),
)
#: What breaks JSON, or makes it large, put anywhere.
SCRAPS = st.sampled_from(
    [b"[" * 3000, b'{"a":' * 1000, b"1e999999999", b"9" * 5000, b"\xff", b"\xed\xa0\x80", b"NaN",
     b"-Infinity", b'"', b"\\u0000", b"\\ud800", b"\0", b"\xef\xbb\xbf", b"1E400", b",", b"\r\n"]
) | st.binary(max_size=8)  # fmt: skip


@st.composite
def mangled(draw: st.DrawFn, whole: st.SearchStrategy[bytes]) -> bytes:
    """What was well-formed, more often than not with something put into it, or cut."""
    content = draw(whole)
    if draw(st.booleans()):
        at = draw(st.integers(0, len(content)))
        content = content[:at] + draw(SCRAPS) + content[at + draw(st.integers(0, 3)) :]
    return content


#: Bytes in the form of an input.
INPUTS = st.builds(
    lambda choice, body: bytes([choice]) + body,
    st.integers(0, CHOICES - 1) | st.just(0),
    mangled(_BODIES.map(lambda body: json.dumps(body).encode())) | st.binary(max_size=200),
)
