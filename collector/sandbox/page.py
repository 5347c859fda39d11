"""The state as the page and ``GET /sandbox/state`` show it. No secret and no token is in it."""

from __future__ import annotations

import json
from typing import Any

from collector.sandbox.faults import Fault
from collector.sandbox.records import (
    DroppedEnrichment,
    EnrichmentKey,
    RequestSeen,
    StoredEnrichment,
)
from collector.sandbox.state import State

SHOWN_REQUESTS = 50
SHOWN_ENRICHMENTS = 200


def state_document(state: State) -> dict[str, Any]:
    """Everything held, and the last requests, for programs."""
    return {
        "installations": [
            {
                "projectId": one.project_id,
                "integrationId": one.integration_id,
                "clientId": one.client_id,
                "versions": sorted(one.schemas),
            }
            for one in state.installations
        ],
        "enrichments": [_stored(one) for one in state.held().values()],
        "dropped": [_dropped(one) for one in state.dropped()],
        "requests": [_request(one) for one in state.requests()[-SHOWN_REQUESTS:]],
        "faults": [_fault(fault, left) for fault, left in state.faults()],
    }


def page_context(state: State) -> dict[str, Any]:
    """The same for people: the newest first, and no more than a page can bear."""
    held, dropped, requests = list(state.held().values()), state.dropped(), state.requests()
    return {
        "installations": state.installations,
        "enrichments": held[: -SHOWN_ENRICHMENTS - 1 : -1],
        "dropped": dropped[: -SHOWN_ENRICHMENTS - 1 : -1],
        "requests": requests[: -SHOWN_REQUESTS - 1 : -1],
        "counts": {"held": len(held), "dropped": len(dropped), "requests": len(requests)},
        "faults": [json.dumps(_fault(fault, left)) for fault, left in state.faults()],
    }


def _key(key: EnrichmentKey) -> dict[str, Any]:
    return {
        "projectId": key.project_id,
        "userId": key.user_id,
        "sessionNumber": key.session_number,
        "enrichmentNumber": key.enrichment_number,
    }


def _stored(one: StoredEnrichment) -> dict[str, Any]:
    return {
        **_key(one.key),
        "enrichment": one.fields,
        "integrationId": one.integration_id,
        "integrationVersion": one.integration_version,
        "receivedAt": one.received_at.isoformat(),
        "overwritten": one.overwritten,
    }


def _dropped(one: DroppedEnrichment) -> dict[str, Any]:
    return {
        **_key(one.key),
        "enrichment": one.fields,
        "sessionStartedAt": one.session_started_at.isoformat(),
        "receivedAt": one.received_at.isoformat(),
    }


def _request(one: RequestSeen) -> dict[str, Any]:
    return {
        "method": one.method,
        "path": one.path,
        "status": one.status,
        "size": one.size,
        "at": one.at.isoformat(),
        "connection": one.connection,
        "note": one.note,
        "enrichments": one.enrichments,
    }


def _fault(fault: Fault, left: int | None) -> dict[str, Any]:
    return fault.to_json() | ({} if left is None else {"count": left})
