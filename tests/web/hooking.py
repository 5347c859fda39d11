"""What call platforms post, and how they sign it, for tests of the webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl

from twilio.request_validator import RequestValidator
from werkzeug.datastructures import MultiDict

from collector.storage import webhooks
from collector.storage.database import Database
from collector.storage.secrets import SecretBox
from tests.sandbox_fixtures import PHONE_CALL_INSTALLATION

PLATFORMS = Path(__file__).parents[1] / "platforms"
DEFINITION = PLATFORMS / "integration.toml"

PROJECT = PHONE_CALL_INSTALLATION.project_id

#: Where platforms believe the server to be; nothing listens there.
PUBLIC_URL = "https://collector.example.com"

#: Shared with platforms in these tests.
SECRET = "s3cret-of-the-platform"

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"

TWILIO = (PLATFORMS / "twilio.webhook.form").read_bytes().strip()
CALLRAIL = (PLATFORMS / "callrail.webhook.json").read_bytes()
INVOCA = (PLATFORMS / "invoca.webhook.json").read_bytes()
INFINITY = (PLATFORMS / "infinity.webhook.query").read_text().strip()


def path(preset: str, project_id: object = PROJECT) -> str:
    return f"/v1/calls/{preset}/{project_id}"


def store_secret(database: Database, key: str, preset: str, secret: str = SECRET) -> None:
    with database.write() as connection:
        webhooks.add(connection, PROJECT, preset, SecretBox([key]).seal(secret), datetime.now(UTC))


def by_twilio(address: str, form: bytes, secret: str = SECRET) -> dict[str, str]:
    """The header with which Twilio signs a form."""
    fields = MultiDict(parse_qsl(form.decode(), keep_blank_values=True))
    return {"X-Twilio-Signature": RequestValidator(secret).compute_signature(address, fields)}


def by_callrail(body: bytes, secret: str = SECRET) -> dict[str, str]:
    """The header with which CallRail signs a body."""
    signature = hmac.digest(secret.encode(), body, hashlib.sha1)
    return {"Signature": base64.b64encode(signature).decode()}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def basic(token: str, user: str = "calls") -> dict[str, str]:
    told = base64.b64encode(f"{user}:{token}".encode()).decode()
    return {"Authorization": f"Basic {told}"}
