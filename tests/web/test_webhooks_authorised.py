"""Who may post to a webhook, what is said to others, and what the logs tell of them."""

from __future__ import annotations

import hashlib
import hmac
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from flask.testing import FlaskClient
from twilio.request_validator import RequestValidator
from werkzeug.test import TestResponse

from collector.domain.installation import Installation
from collector.storage import tokens, webhooks
from collector.storage.database import Database
from collector.storage.secrets import SecretBox, generate_key
from tests.web.conftest import PROJECT, Open, before_sql, make_token, rows
from tests.web.hooking import (
    CALLRAIL,
    DEFINITION,
    FORM,
    JSON,
    PUBLIC_URL,
    SECRET,
    TWILIO,
    basic,
    bearer,
    by_callrail,
    by_twilio,
    path,
    store_secret,
)

pytestmark = [before_sql, pytest.mark.usefixtures("installation")]

ADDRESS = PUBLIC_URL + path("twilio")

Serve = Callable[..., FlaskClient]


@pytest.fixture
def serve(open_app: Open, database_url: str, secret_key: str, tmp_path: Path) -> Serve:
    """A server with these settings, its definition ending with ``more``."""

    def make(more: str = "", **settings: Any) -> FlaskClient:
        folder = shutil.copytree(DEFINITION.parent, tmp_path / "definition")
        definition = folder / DEFINITION.name
        definition.write_text(definition.read_text() + more)
        standard = {"secret_key": (secret_key,), "public_url": PUBLIC_URL}
        return open_app(
            database_url, **{**standard, "integration": str(definition), **settings}
        ).test_client()

    return make


@pytest.fixture
def stored(database: Database, secret_key: str) -> None:
    """The secrets of both platforms that sign."""
    for preset in ("twilio", "callrail"):
        store_secret(database, secret_key, preset)


def post(
    client: FlaskClient, headers: dict[str, str], form: bytes = TWILIO, **options: Any
) -> TestResponse:
    return client.post(
        path("twilio"), data=form, headers=headers, **{"content_type": FORM, **options}
    )


def post_callrail(client: FlaskClient, headers: dict[str, str]) -> TestResponse:
    return client.post(path("callrail"), data=CALLRAIL, headers=headers, content_type=JSON)


def count(database: Database) -> int:
    return len(rows(database, "SELECT * FROM call")) + len(
        rows(database, "SELECT * FROM refused_record")
    )


def refuses(response: TestResponse, code: str, status: int = 401) -> str:
    """It says no with this code, asks for credentials, and gives a reason."""
    assert response.status_code == status
    assert response.headers["X-Collector-Error"] == code
    assert response.headers["WWW-Authenticate"] == (
        'Basic realm="collector", Bearer realm="collector"'
    )
    return str(response.get_json()["error"]["message"])


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Twilio-Signature": ""},
        {"X-Twilio-Signature": "x" * 5000},
        {"X-Twilio-Signature": "\xe9"},
        by_twilio(ADDRESS, TWILIO, secret="other"),
        by_twilio(ADDRESS, TWILIO.replace(b"CallDuration=15", b"CallDuration=16")),
        by_twilio(ADDRESS + "/", TWILIO),
        by_twilio(ADDRESS.replace("162", "163"), TWILIO),
        by_twilio("http://localhost" + path("twilio"), TWILIO),
    ],
)
def test_what_is_not_rightly_signed_is_refused(
    serve: Serve, database: Database, headers: dict[str, str]
) -> None:
    with structlog.testing.capture_logs() as lines:
        message = refuses(post(serve(), headers), "signature_invalid")
    assert "X-Twilio-Signature" in message
    assert count(database) == 0
    (line,) = [line for line in lines if line["event"] == "signature_refused"]
    assert (line["log_level"], line["assumed_url"]) == ("warning", ADDRESS)
    assert (line["preset"], line["project_id"], line["signed"]) == (
        "twilio",
        PROJECT,
        bool(headers),
    )
    assert SECRET not in message + str(lines)


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    "headers", [{}, by_callrail(CALLRAIL + b" "), by_callrail(CALLRAIL, secret="other")]
)
def test_a_body_that_is_not_rightly_signed_is_refused(
    serve: Serve, database: Database, headers: dict[str, str]
) -> None:
    assert "Signature" in refuses(post_callrail(serve(), headers), "signature_invalid")
    assert count(database) == 0


@pytest.mark.usefixtures("stored")
def test_a_valid_token_makes_up_for_a_signature(
    serve: Serve, database: Database, token: str
) -> None:
    client = serve()
    assert post(client, bearer(token)).status_code == 204
    assert post(client, {**basic(token), "X-Twilio-Signature": "wrong"}).status_code == 204
    assert count(database) == 1


@pytest.mark.usefixtures("stored")
def test_a_signature_makes_up_for_a_token_that_is_not_ours(
    serve: Serve, database: Database
) -> None:
    # An address with a password of a proxy in front: platforms send that along.
    assert post(serve(), {**by_twilio(ADDRESS, TWILIO), **basic("proxy")}).status_code == 204
    assert count(database) == 1


def test_a_signature_without_a_stored_secret_names_the_command(
    serve: Serve, database: Database, token: str
) -> None:
    client = serve()
    message = refuses(post(client, by_twilio(ADDRESS, TWILIO)), "secret_missing")
    assert f"collector webhook add twilio --project-id {PROJECT}" in message
    assert count(database) == 0
    assert post(client, {**by_twilio(ADDRESS, TWILIO), **basic(token)}).status_code == 204


def test_without_anything_a_token_is_asked_for(serve: Serve, database: Database) -> None:
    assert "Bearer TOKEN" in refuses(post(serve(), {}), "token_missing")
    assert count(database) == 0


@pytest.mark.parametrize("kind", [bearer, basic])
@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("x", "token_invalid"),
        ("revoked", "token_invalid"),
        ("expired", "token_expired"),
        ("other scope", "token_out_of_scope"),
        ("other project", "token_out_of_scope"),
        ("as user", "token_missing"),
    ],
)
def test_a_token_that_does_not_fit_is_refused(
    serve: Serve,
    database: Database,
    token: str,
    kind: Callable[..., dict[str, str]],
    given: str,
    code: str,
) -> None:
    sent = {
        "other scope": lambda: make_token(database, scope="other"),
        "other project": lambda: make_token(database, project_id=163),
        "expired": lambda: make_token(database, expires_at=datetime.now(UTC)),
        "revoked": lambda: token,
    }.get(given, lambda: "x")()
    if given == "revoked":
        with database.write() as connection:
            tokens.revoke(connection, token.split("_")[2])
    headers = basic("", user=token) if given == "as user" else kind(sent)
    response = post(serve(), headers)
    refuses(response, code, 403 if code == "token_out_of_scope" else 401)
    assert sent not in {"", response.text}
    assert count(database) == 0
    assert [row["last_used_at"] for row in rows(database, "SELECT * FROM token")] in (
        [],
        [None],
        [None, None],
    )


@pytest.mark.usefixtures("stored")
def test_who_holds_an_expired_token_is_told_so_and_may_still_sign(
    serve: Serve, database: Database
) -> None:
    client = serve()
    expired = basic(make_token(database, expires_at=datetime.now(UTC)))
    with structlog.testing.capture_logs() as lines:
        message = refuses(post(client, expired), "token_expired")
    assert f"collector token create --scope calls --project-id {PROJECT}" in message
    assert "token_expired" in [line["event"] for line in lines]
    assert post(client, {**by_twilio(ADDRESS, TWILIO), **expired}).status_code == 204
    refuses(post(client, {"X-Twilio-Signature": "wrong", **expired}), "signature_invalid")


@pytest.mark.usefixtures("stored")
def test_nobody_is_told_more_than_that_who_may_not_post(serve: Serve) -> None:
    response = post(serve(), {}, form=b"{", content_type="text/plain")
    refuses(response, "signature_invalid")


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("port", ["", ":443", ":8443"])
def test_the_public_address_is_what_was_signed_with_its_path_and_port(
    serve: Serve, port: str
) -> None:
    client = serve(public_url=f"https://calls.example.com{port}/collector")
    address = f"https://calls.example.com{port}/collector" + path("twilio")
    assert post(client, by_twilio(address, TWILIO)).status_code == 204
    refuses(post(client, by_twilio(ADDRESS, TWILIO)), "signature_invalid")


@pytest.mark.usefixtures("stored")
def test_without_a_public_address_that_of_the_request_is_taken(serve: Serve) -> None:
    client = serve(public_url="")
    address = "https://calls.example.com:8443" + path("twilio")
    signed = by_twilio(address, TWILIO)
    assert post(client, signed, base_url="https://calls.example.com:8443").status_code == 204
    with structlog.testing.capture_logs() as lines:
        refuses(post(client, signed), "signature_invalid")
    (line,) = [line for line in lines if line["event"] == "signature_refused"]
    assert line["assumed_url"] == "http://localhost" + path("twilio")
    refuses(post(client, {**signed, "Host": "a:b"}), "signature_invalid")


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("query", ["a=b", "name=%C3%A9%20+%2F", "b=2&a=1&b=", "%zz"])
def test_the_query_is_signed_letter_by_letter(serve: Serve, query: str) -> None:
    client = serve()
    signed = by_twilio(f"{ADDRESS}?{query}", TWILIO)
    response = client.post(
        path("twilio") + "?" + query, data=TWILIO, headers=signed, content_type=FORM
    )
    assert response.status_code == 204
    with structlog.testing.capture_logs() as lines:
        response = client.post(
            path("twilio") + "?x" + query, data=TWILIO, headers=signed, content_type=FORM
        )
    refuses(response, "signature_invalid")
    assert query not in str(lines)


@pytest.mark.usefixtures("stored")
def test_json_of_twilio_is_vouched_for_by_the_address(serve: Serve, database: Database) -> None:
    client = serve()
    body = b'{"sid": "CA1", "status": "completed", "direction": "inbound"}'
    query = "?bodySHA256=" + hashlib.sha256(body).hexdigest()
    signed = {"X-Twilio-Signature": RequestValidator(SECRET).compute_signature(ADDRESS + query, {})}

    def posted(data: bytes) -> TestResponse:
        return client.post(path("twilio") + query, data=data, headers=signed, content_type=JSON)

    refuses(posted(body + b" "), "signature_invalid")
    assert count(database) == 0
    assert posted(body).status_code == 204
    assert count(database) == 1


@pytest.mark.usefixtures("stored")
def test_twilios_newer_signature_names_its_algorithm(serve: Serve) -> None:
    client = serve()
    fields = {"CallSid": "CA1"}
    signature = RequestValidator(SECRET).compute_signature(ADDRESS, fields, "HMAC_SHA256")
    signed = {"X-Twilio-Signature": signature}
    named = {"X-Twilio-Webhooks-Signature-Settings": "key=k1,algorithm=HMAC_SHA256"}
    assert post(client, {**signed, **named}, form=b"CallSid=CA1").status_code == 204
    refuses(post(client, signed, form=b"CallSid=CA1"), "signature_invalid")


@pytest.mark.usefixtures("stored")
def test_header_and_form_of_a_signature_are_the_definitions(serve: Serve) -> None:
    client = serve(
        '[presets.callrail.webhook]\nsignature = "hmac"\nheader = "X-Signed"\n'
        'algorithm = "sha256"\nencoding = "hex"\nprefix = "sha256="\n'
    )
    signature = hmac.digest(SECRET.encode(), CALLRAIL, hashlib.sha256).hex()
    refuses(post_callrail(client, by_callrail(CALLRAIL)), "signature_invalid")
    refuses(post_callrail(client, {"X-Signed": signature}), "signature_invalid")
    assert post_callrail(client, {"X-Signed": f"sha256={signature}"}).status_code == 200


@pytest.mark.usefixtures("stored")
def test_a_signature_of_no_body_does_not_stand_for_a_query(serve: Serve, token: str) -> None:
    client = serve(
        '[presets.callrail.webhook]\nsignature = "hmac"\nheader = "Signature"\nquery = true\n'
    )
    query = {"resource_id": "CAL1"}
    signed = client.get(path("callrail"), query_string=query, headers=by_callrail(b""))
    refuses(signed, "signature_invalid")
    given = client.get(path("callrail"), query_string=query, headers=basic(token))
    assert given.status_code == 200


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("keys", [(), (generate_key(),)])
def test_a_secret_that_cannot_be_read_asks_to_send_it_again(
    serve: Serve, token: str, keys: tuple[str, ...]
) -> None:
    client = serve(secret_key=keys)
    with structlog.testing.capture_logs() as lines:
        response = post(client, by_twilio(ADDRESS, TWILIO))
    assert response.status_code == 503
    assert response.headers["X-Collector-Error"] == "secret_unavailable"
    assert response.headers["Retry-After"] == "60"
    assert any("COLLECTOR_SECRET_KEY" in line.get("error", "") for line in lines)
    assert "COLLECTOR_SECRET_KEY" not in response.get_data(as_text=True)
    assert post(client, basic(token)).status_code == 204


@pytest.mark.usefixtures("stored")
def test_an_earlier_secret_signs_as_well_while_it_is_good(
    serve: Serve, database: Database, secret_key: str
) -> None:
    client, now = serve(), datetime.now(UTC)
    for kept, earlier in ((timedelta(hours=1), SECRET), (timedelta(0), "second")):
        newer = "second" if earlier == SECRET else "third"
        with database.write() as connection:
            webhooks.add(
                connection, PROJECT, "twilio", SecretBox([secret_key]).seal(newer), now,
                earlier_until=now + kept,
            )  # fmt: skip
        assert post(client, by_twilio(ADDRESS, TWILIO, secret=newer)).status_code == 204
        response = post(client, by_twilio(ADDRESS, TWILIO, secret=earlier))
        assert response.status_code == (204 if kept else 401)


def test_a_secret_serves_its_own_project_and_platform_only(
    serve: Serve, database: Database, secret_key: str, installation: Installation
) -> None:
    store_secret(database, secret_key, "callrail")
    refuses(post(serve(), by_twilio(ADDRESS, TWILIO)), "secret_missing")
