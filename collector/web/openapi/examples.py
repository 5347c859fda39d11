"""The examples of the document. A test posts each of them to a server, and it takes them."""

from __future__ import annotations

from typing import Any

#: By name: the sentence that explains it, and the value.
Examples = dict[str, dict[str, Any]]


def _example(summary: str, value: object) -> dict[str, Any]:
    return {"summary": summary, "value": value}


BEACONS: Examples = {
    "app": _example(
        "From an app or a server, with the parts of the session key",
        {
            "projectId": 162,
            "userId": "ae267-6g87D-88Nn6od",
            "sessionNumber": 4,
            "keys": {"visitor_id": "v-123", "tracking_number": "+33 1 99 00 12 34"},
        },
    ),
    "snippet": _example(
        "As the snippet sends it, with the session key as it is",
        {
            "projectId": 162,
            "sessionKey": "ae267-6g87D-88Nn6od.4",
            "keys": {"visitor_id": "v-123"},
        },
    ),
    "no_keys": _example(
        "A session alone; a call finds it only if it names it",
        {"projectId": "162", "userId": "ae267-6g87D-88Nn6od", "sessionNumber": 4},
    ),
}

_CALL = {
    "call_id": "c-1",
    "started": "2026-01-31T14:05:00Z",
    "duration_s": 75,
    "status": "completed",
    "visitor_id": "v-123",
}

CALLS: Examples = {
    "one": _example("One record", _CALL),
    "several": _example(
        "Several", [_CALL, {**_CALL, "call_id": "c-2", "duration_s": 0, "status": "missed"}]
    ),
}

TAKEN_IN: Examples = {
    "taken": _example(
        "One was new, one could not be read",
        {
            "new": 1,
            "updated": 0,
            "unchanged": 0,
            "forgotten": 0,
            "too_old": 0,
            "passed_over": 0,
            "refused": [
                {
                    "index": 1,
                    "call_id": None,
                    "code": "no_call_id",
                    "message": "call_id (the call's id) is missing.",
                }
            ],
        },
    )
}

#: By preset.
WEBHOOKS: Examples = {
    "invoca": _example(
        "From Invoca",
        {
            "transaction_type": "Call",
            "complete_call_id": "0000-000000000001",
            "start_time_utc": "1769868300000",
            "duration": "125",
            "connect_duration": "98",
        },
    ),
}

WEBHOOK_FORMS: Examples = {
    "twilio": _example(
        "From Twilio",
        {
            "CallSid": "CA00000000000000000000000000000001",
            "CallStatus": "completed",
            "Direction": "inbound",
            "CallDuration": "75",
            "Timestamp": "Sat, 31 Jan 2026 14:06:15 +0000",
            "To": "+442079460111",
        },
    ),
}
