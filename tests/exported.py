"""Something in every view, with values that are awkward to write, for tests of exports."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import sqlalchemy as sa

from collector.domain.beacon import Beacon
from collector.domain.call import Call
from collector.domain.identifiers import parse_session_key
from collector.domain.installation import Installation
from collector.domain.reading import Refusal
from collector.domain.retention import Kind
from collector.storage import beacon_counts, calls, installations, purged, refusals, runs, sessions
from collector.storage.beacon_counts import BeaconCount
from collector.storage.database import Database
from collector.storage.purged import Mark
from collector.storage.tables import EnrichmentRow

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)

#: Ids of calls, each a day after the one before.
CALLS = ("=1+1", "-2, or so", '@"x"', "\tté", "\r+3", "plain")


def fill(database: Database) -> None:
    """Of projects 162 and 163; the calls of the second are none of the first's."""
    with database.write() as connection:
        for project_id in (162, 163):
            installations.add(
                connection,
                Installation(
                    project_id=project_id, integration_id=42, name="Café, Ltd", client_id="c",
                    integration_version=1, origins=("https://a.example", "https://b.example"),
                ),
                "sealed",
                NOON,
            )  # fmt: skip
            purged.note(connection, project_id, Kind.SESSIONS, Mark(before=NOON - DAY))
    for number, at in enumerate((NOON, NOON + DAY), 1):
        beacon = Beacon(
            project_id=162, session=parse_session_key(f"u.{number}"), keys={"visitor_id": "v"}
        )
        sessions.record(database, beacon, at + timedelta(microseconds=5 * number))
    counted = BeaconCount(
        project_id=162, day=date(2026, 3, 2), outcome="accepted", origin="", beacons=2, last_at=NOON
    )
    beacon_counts.add(database, [counted])
    with database.write() as connection:
        calls.store(connection, 162, [_call(place) for place in range(len(CALLS))], NOON)
        calls.store(connection, 163, [_call(5)], NOON)
        connection.execute(sa.insert(EnrichmentRow), [_enrichment(1), _enrichment(2)])
        unread = Refusal(number=1, call_id=None, code="bad_time", message="-", record="{}")
        refusals.keep(
            connection, 162, [unread], source="own", origin="a.csv", now=NOON, secrets=None
        )
        runs.start(connection, "r", "reconcile", NOON)
        runs.finish(
            connection, "r", outcome="done", counts={"b": [1.5], "a": {"é": None}}, now=NOON
        )
        runs.note_batch(
            connection,
            runs.Batch(
                project_id=162, batch_id="b", run_id="r", sent_at=NOON, integration_version=1,
                size=2, outcome="accepted", status=200, message="HTTP 200", milliseconds=5,
            ),
        )  # fmt: skip


def _call(place: int) -> Call:
    return Call(
        call_id=CALLS[place],
        started_at=NOON + place * DAY,
        ended_at=None if place else NOON + timedelta(seconds=75),
        updated_at=None,
        keys={"visitor_id": "v"},
        attributes={},
        answered=(True, False, None)[place % 3],
        value=(12.5, None)[place % 2],
    )


def _enrichment(number: int) -> dict[str, object]:
    """The second was left behind in its session."""
    return {
        "project_id": 162, "user_id": "u", "session_number": number, "enrichment_number": 1,
        "call_id": "plain", "payload": {"z": 1, "a": ["é", None, True]}, "payload_hash": "",
        "integration_version": 1, "revision": 1, "accepted_revision": 1,
        "state": ("accepted", "superseded")[number - 1], "deadline": NOON + 7 * DAY, "attempts": 1,
        "created_at": NOON, "changed_at": NOON, "accepted_at": NOON, "batch_id": "b",
        "doubtful_revision": 0,
    }  # fmt: skip
