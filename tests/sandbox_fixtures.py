"""A running sandbox for any test, with the schema that the documents give for phone calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from collector.sandbox import Sandbox, SandboxInstallation

#: Creating an integration, the example schema "for a Provider sending phone call data".
PHONE_CALL_SCHEMA: Mapping[str, Any] = {
    "fields": [
        {
            "name": "answered",
            "type": "BOOL",
            "optional": True,
            "label": "Call answered",
            "description": "True if somebody picked up",
        },
        {
            "name": "call_duration",
            "type": "INT",
            "optional": False,
            "label": "Call duration",
            "description": "How long it lasted, in ms",
        },
        {
            "name": "call_client_rating",
            "type": "FLOAT",
            "optional": True,
            "label": "Client rating",
            "description": "What the caller gave it, if asked",
        },
        {
            "name": "call_center_name",
            "type": "STRING",
            "optional": False,
            "label": "Call center name",
            "description": "Which call centre took it",
        },
        {
            "name": "call_datetime",
            "type": "DATETIME",
            "optional": False,
            "label": "Call date and time",
            "description": "When it began",
        },
    ]
}

PHONE_CALL_INSTALLATION = SandboxInstallation(
    project_id=162,
    integration_id=42,
    client_id="c3133d76-a768-4f5a-XXX",
    client_secret="0ISL0DEC;UyYKB;riWRS0EXXX",
    schemas={1: PHONE_CALL_SCHEMA},
)

#: Fields that match `PHONE_CALL_SCHEMA`.
PHONE_CALL_FIELDS: Mapping[str, Any] = {
    "answered": True,
    "call_duration": 3532,
    "call_client_rating": 4.5,
    "call_center_name": "RENNES",
    "call_datetime": "2022-01-01T20:02:22Z",
}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox with one installation: project 162, integration 42, version 1."""
    with Sandbox([PHONE_CALL_INSTALLATION]) as running:
        yield running
