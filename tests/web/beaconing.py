"""Posts beacons as the snippet does, and reads refusals as a page's developer does."""

from __future__ import annotations

import json
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.web.conftest import BEACON, ORIGIN

TEXT = "text/plain;charset=UTF-8"


def post(client: FlaskClient, beacon: object = BEACON, **changes: Any) -> TestResponse:
    """Post a beacon as the snippet does, from an allowed page, with some of its fields changed."""
    body = json.dumps({**beacon, **changes}) if isinstance(beacon, dict) else beacon
    return client.post("/v1/sessions", data=body, headers={"Content-Type": TEXT, "Origin": ORIGIN})


def code_of(response: TestResponse) -> tuple[int, str]:
    body = response.get_json()
    assert body["error"]["code"] == response.headers["X-Collector-Error"]
    assert body["error"]["message"]
    return response.status_code, body["error"]["code"]
