"""The express lane acknowledges as the view does, and what it does not take the view answers."""

from __future__ import annotations

import http.client
import json
import select
import socket
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from marshmallow import ValidationError

from collector.domain.installation import Installation
from collector.storage import installations
from collector.storage.database import Database
from collector.storage.tables import SessionRow
from collector.web import express, schemas, state
from tests.web.beaconing import TEXT, post
from tests.web.conftest import (
    BEACON,
    ORIGIN,
    PROJECT,
    Start,
    before_sql,
    counted,
    reported_sessions,
    rows,
)
from tests.web.serving import Serving

#: Values that a field of a beacon may have, right and wrong, more often than chance would.
ODD: st.SearchStrategy[Any] = st.sampled_from(
    [
        *(None, True, False, 0, 1, -1, 1.0, 162.0, 10**6, 10**6 + 1, 2**53, [], {}, ["162"]),
        *("", " ", "162", "-1", "4 ", "\u0967\u096c\u0968", "1" * 19, "1" * 20, "0162"),
        *("u.1", "u.0", "u", ".4", "u.", "a.b.12", "u.-1", "u. 1", "u.1 ", "é.1", "u.²"),
        *("x" * 100 + ".1", "x" * 101 + ".1", "u.1000000", "u.1000001"),
    ]
)
FIELDS = ("projectId", "userId", "sessionNumber", "sessionKey", "keys", "page")
BODIES = st.dictionaries(st.sampled_from(FIELDS), ODD) | st.builds(
    lambda changes: {"projectId": PROJECT, "sessionKey": "u.4"} | changes,
    st.dictionaries(st.sampled_from(FIELDS), ODD, max_size=2),
)
KEYS = st.dictionaries(
    st.sampled_from(["visitor_id", "tracking_number", "reference", "Bad", "", "basket"]),
    ODD
    | st.sampled_from(
        ["01 99 00 12 34", "a\tb", "\x00", "undefined", "x" * 201, "\x85é", "\u200b"]
    ),
)


@given(BODIES)
@settings(max_examples=400, deadline=None)
def test_what_the_lane_reads_the_schema_reads_alike(body: dict[str, Any]) -> None:
    plain = schemas.plain_beacon(body)
    try:
        told = schemas.BeaconSchema().load(body)
    except ValidationError:
        assert plain is None
        return
    if plain is not None:
        project_id, session, keys = plain
        read = (project_id, session.user_id, session.session_number, keys)
        assert read == (
            told["project_id"],
            told["user_id"],
            told["session_number"],
            told["keys"],
        )
        assert type(project_id) is type(session.session_number) is int


class Page:
    """Posts beacons to a server over one connection, as a browser does."""

    def __init__(self, server: Serving) -> None:
        self._connection = http.client.HTTPConnection(*server.address, timeout=60)

    def __enter__(self) -> Page:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def send(self, body: object, headers: Mapping[str, str]) -> None:
        data = json.dumps(body)
        self._connection.request("POST", "/v1/sessions", body=data, headers=dict(headers))

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        response = self._connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        # The server's own, and what HTTP asks for beside a body.
        kept = {name: headers[name] for name in headers if name not in {"server", "date"}}
        return response.status, kept, response.read()

    def post(self, body: object, **headers: str) -> tuple[int, dict[str, str], bytes]:
        self.send(body, HEADERS | headers)
        return self.answer()


HEADERS = {"Content-Type": TEXT, "Origin": ORIGIN}
PLAIN = {"projectId": str(PROJECT), "sessionKey": "u.4", "keys": BEACON["keys"]}


@before_sql
def test_a_beacon_is_acknowledged_while_all_threads_are_taken(
    start: Start, database: Database
) -> None:
    server = start("--threads", "1")
    with Page(server) as page, socket.create_connection(server.address, timeout=60) as slow:
        # The view, which gets to know the installation, and the number.
        assert [page.post(PLAIN)[0] for _ in range(2)] == [204, 204]
        slow.sendall(
            b"POST /v1/calls HTTP/1.1\r\nHost: here\r\nExpect: 100-continue\r\n"
            b"Content-Length: 2\r\n\r\n"
        )
        assert slow.recv(1000).startswith(b"HTTP/1.1 100 ")  # it has the one thread
        assert page.post(PLAIN)[0] == 204
        slow.sendall(b"{}")
        assert b" 401 " in slow.recv(1000)
    assert [row["beacons"] for row in reported_sessions(database)] == [3]
    assert len(rows(database, "SELECT * FROM sighting")) == 2


# One test of many requests, since servers and databases cost more than they.
@before_sql
def test_no_answer_tells_which_way_a_beacon_went(start: Start, app: Flask) -> None:
    client = app.test_client()

    with Page(start()) as page:
        page.post(PLAIN)

        @given(
            body=st.builds(lambda body, keys: body | {"keys": keys}, BODIES, KEYS) | BODIES | ODD,
            origin=st.sampled_from(
                [ORIGIN, None, "https://SHOP.example", "null", "https://evil.example"]
            ),
            media=st.sampled_from([TEXT, "Text/Plain", "application/json", "text/html", ""]),
            gpc=st.sampled_from([None, "0", "1"]),
        )
        @settings(max_examples=100, deadline=None)
        def same(body: object, origin: str | None, media: str, gpc: str | None) -> None:
            headers = {"Content-Type": media}
            headers |= {} if origin is None else {"Origin": origin}
            headers |= {} if gpc is None else {"Sec-GPC": gpc}
            page.send(body, headers)
            status, answered, read = page.answer()
            expected = client.post("/v1/sessions", data=json.dumps(body), headers=headers)
            assert (status, read) == (expected.status_code, expected.data)
            wanted = {name.lower(): value for name, value in expected.headers}
            assert answered == wanted

        same()


@before_sql
def test_what_strangers_send_as_numbers_is_remembered_within_bounds(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(express, "MAX_NUMBERS", 3)
    lane = express.Express(app, threads=1)
    for _ in range(2):
        for number in ("0" * 201, *map(str, range(10))):
            lane._are_quickly_read({"tracking_number": number}, None)
            assert len(lane._numbers) <= 3
            assert all(len(known) <= 200 for known, _ in lane._numbers)
    assert lane._are_quickly_read({"tracking_number": "9"}, None)


@before_sql
def test_an_origin_that_comes_twice_or_cannot_be_read_is_refused(start: Start) -> None:
    server = start()
    body = json.dumps(PLAIN).encode()
    origin = f"Origin: {ORIGIN}\r\n"
    statuses = []
    for headers in (origin, origin, origin * 2, "Origin: \xff\r\n"):
        with socket.create_connection(server.address, timeout=60) as connection:
            connection.sendall(
                f"POST /v1/sessions HTTP/1.1\r\nHost: here\r\nContent-Type: {TEXT}\r\n"
                f"Content-Length: {len(body)}\r\n{headers}\r\n".encode("latin-1")
                + body
            )
            statuses.append(int(connection.recv(1000).split()[1]))
    assert statuses == [204, 204, 403, 403]


@before_sql
def test_both_ways_are_counted_alike(start: Start, database: Database) -> None:
    server = start()
    with Page(server) as page:
        for _ in range(3):
            page.post({**BEACON, "userId": "u"})
            page.post(PLAIN)
            page.send(PLAIN, {"Content-Type": TEXT})
            page.answer()
    assert server.stop() == 0
    assert counted(database) == {(PROJECT, "accepted", ORIGIN): 6, (PROJECT, "accepted", ""): 3}


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"origins": ["https://new.example"]}, 403),
        ({"region": "GB"}, 204),
        (None, 404),
    ],
)
def test_an_installation_that_was_edited_is_heeded_at_once(
    start: Start,
    database: Database,
    installation: Installation,
    changes: dict[str, Any] | None,
    status: int,
) -> None:
    body = {"projectId": PROJECT, "sessionKey": "u.4", "keys": {"tracking_number": "020 7946 0123"}}
    with Page(start()) as page:
        assert [page.post(body)[0] for _ in range(2)] == [204, 204]
        with database.write() as connection:
            if changes is None:
                installations.remove(connection, PROJECT, with_data=True)
            else:
                installations.edit(connection, PROJECT, changes, datetime.now(UTC))
        assert page.post(body)[0] == status
    numbers = [row["value"] for row in rows(database, "SELECT value FROM sighting ORDER BY value")]
    if changes is None:
        assert numbers == []
    else:
        assert ("+442079460123" in numbers) == ("region" in changes)


@before_sql
def test_too_many_who_wait_are_sent_away_and_counted(
    start: Start, app: Flask, database: Database
) -> None:
    server = start("--threads", "1")
    with ExitStack() as opened:
        ready = opened.enter_context(select.epoll())
        page, *others = [opened.enter_context(Page(server)) for _ in range(9)]
        assert [page.post(PLAIN)[0] for _ in range(2)] == [204, 204]
        with database.write() as connection:
            connection.execute(sa.update(SessionRow).values(beacons=SessionRow.beacons))
            pages = {}
            for one in (page, *others):
                one.send(PLAIN, HEADERS)
                assert one._connection.sock
                pages[one._connection.sock.fileno()] = one
                ready.register(one._connection.sock, select.EPOLLIN)
            # Some wait for the transaction above, and there is room for eight.
            ((number, _),) = ready.poll(60)
            status, headers, _ = pages.pop(number).answer()
        assert (status, headers["x-collector-error"], headers["retry-after"]) == (
            503,
            "too_busy",
            "5",
        )
        assert [patient.answer()[0] for patient in pages.values()] == [204] * 8
        assert page.post(PLAIN)[0] == 204
    assert server.stop() == 0
    assert counted(database)[PROJECT, "too_busy", ORIGIN] == 1

    store = state.of(app).store
    store._limit = 0  # and behind another server
    assert post(app.test_client()).headers["X-Collector-Error"] == "too_busy"
