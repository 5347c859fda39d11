"""Signed keys over HTTP: both ways judge them alike, and a page is told what is wrong."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from cryptography.fernet import Fernet

from collector.domain.installation import Installation
from collector.domain.signed_keys import signed
from collector.errors import KeysNotStoredError, TooManySessionsError
from collector.storage import installations
from collector.storage.database import Database
from collector.storage.secrets import SecretBox
from collector.web import express
from collector.web.beacons import FAILED
from tests.web.beaconing import code_of, post
from tests.web.conftest import BEACON, ORIGIN, PROJECT, Open, before_sql, rows

SECRET = "made up"

VALUES = [
    "v-1",
    "v~1",
    signed(SECRET, PROJECT, "visitor_id", "v-1"),
    signed(SECRET, PROJECT, "visitor_id", "x" * 200),
    signed(SECRET, PROJECT, "visitor_id", "undefined"),
    signed("other", PROJECT, "visitor_id", "v-1"),
    signed(SECRET, PROJECT, "reference", "v-1"),
    "",
]


def sign_keys(database: Database, *kinds: str) -> str:
    """Give the installation a secret, sealed by the key that is returned."""
    key = Fernet.generate_key().decode()
    changes = {"signing_secrets": [SecretBox([key]).seal(SECRET)], "signed_kinds": list(kinds)}
    with database.write() as connection:
        installations.edit(connection, PROJECT, changes, datetime.now(UTC))
    return key


@before_sql
def test_the_express_lane_believes_what_the_view_believes(
    installation: Installation, database: Database, database_url: str, open_app: Open
) -> None:
    for kinds in ((), ("visitor_id",)):
        key = sign_keys(database, *kinds)
        app = open_app(database_url, secret_key=(key,))
        lane = express.Express(app, threads=1)
        for number, value in enumerate(VALUES, 1):
            keys = {"visitor_id": value}
            told = {"projectId": PROJECT, "sessionKey": f"u.{number}", "keys": keys}
            answer = post(app.test_client(), told)
            assert answer.status_code == 204
            seen = lane._plainly_right(json.dumps(told).encode(), ORIGIN, None)
            assert (seen is None) == ("X-Collector-Ignored" in answer.headers)
            stored = rows(database, "SELECT * FROM sighting WHERE user_id = 'u'")
            mine = [row["value"] for row in stored if row["session_number"] == number]
            assert seen is None or list(seen.beacon.keys.values()) == mine
        with database.write() as connection:
            connection.exec_driver_sql("DELETE FROM session")


@before_sql
def test_an_unsigned_key_is_left_out_counted_and_told_where_it_has_to_be_signed(
    installation: Installation, database: Database, database_url: str, open_app: Open
) -> None:
    key = sign_keys(database, "visitor_id")
    app = open_app(database_url, secret_key=(key,))
    answer = post(app.test_client())
    assert answer.status_code == 204
    assert answer.headers["X-Collector-Ignored"] == (
        "keys.visitor_id must be signed (VALUE~SIGNATURE), as this installation requires"
    )
    assert [row["kind"] for row in rows(database, "SELECT * FROM sighting")] == ["tracking_number"]
    # A server that lacks the key lets through nothing that it cannot judge.
    other = open_app(database_url).test_client()
    keys = {"visitor_id": signed(SECRET, PROJECT, "visitor_id", "v-1")}
    answer = post(other, {**BEACON, "keys": keys})
    assert "the server cannot read the secret" in answer.headers["X-Collector-Ignored"]


@before_sql
def test_what_is_beyond_the_caps_is_told_whichever_way_it_came(
    installation: Installation, database_url: str, open_app: Open
) -> None:
    app = open_app(database_url)
    client = app.test_client()
    left = {FAILED: (PROJECT, KeysNotStoredError(["reference"]))}
    answer = client.post("/v1/sessions", data="{}", environ_overrides=left)
    assert answer.status_code == 204
    assert answer.headers["X-Collector-Ignored"].startswith("keys.reference is one too many")
    refused = {FAILED: (PROJECT, TooManySessionsError())}
    answer = client.post("/v1/sessions", data="{}", environ_overrides=refused)
    assert code_of(answer) == (403, "too_many_sessions")
