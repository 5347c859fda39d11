"""A schema that is registered otherwise than the definition says, so that calls are refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collector.sandbox import SandboxInstallation
from tests.sandbox_fixtures import PHONE_CALL_INSTALLATION, PHONE_CALL_SCHEMA

#: It is short of the field that holds the rating: a call with one is refused.
SHORT_SCHEMA: Mapping[str, Any] = {
    "fields": [item for item in PHONE_CALL_SCHEMA["fields"] if item["name"] != "call_client_rating"]
}

#: What makes a call one of those.
RATED = {"rating": "4.5"}


def sharing_a_client(
    project_id: int, schemas: Mapping[int, Mapping[str, Any]]
) -> SandboxInstallation:
    """One of several installations with the same client id and secret."""
    return SandboxInstallation(
        project_id=project_id,
        integration_id=project_id - 120,  # 42 for project 162, as everywhere
        client_id=PHONE_CALL_INSTALLATION.client_id,
        client_secret=PHONE_CALL_INSTALLATION.client_secret,
        schemas=schemas,
    )
