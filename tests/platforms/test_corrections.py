"""A platform that tells of a call again: the newest telling counts, in whatever order they come."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import pytest

from collector.domain.reading import CallReader
from collector.storage import calls, examining
from collector.storage.calls import Stored
from collector.storage.database import Database
from tests.platforms.records import REGIONS, platforms, records
from tests.sandbox_fixtures import PHONE_CALL_INSTALLATION

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PROJECT = PHONE_CALL_INSTALLATION.project_id


def store(database: Database, preset: str, *rows: dict[str, Any]) -> list[Stored]:
    """What each of the rows did, which came one after the other."""
    reader = CallReader.of(platforms(), preset, region=REGIONS[preset], caller_hash=None)
    outcomes = []
    for row in rows:
        readings = reader.read_all([(1, row)], NOW)
        assert not readings.refusals
        with database.write() as connection:
            outcomes += calls.store(connection, PROJECT, readings.calls, NOW)
    return outcomes


def value_of(database: Database, call_id: str) -> float | None:
    with database.read() as connection:
        found = examining.find(connection, PROJECT, call_id)
    assert found is not None
    return found.call.value


ROW = records("invoca.json")[0]
FIRST = {
    **ROW,
    "transaction_id": "FE7F3A51-11111113",
    "corrects_transaction_id": "FE7F3A51-11111111",
    "corrected_at": "2019-01-24 07:10:02 -07:00",
    "sale_amount": "125.50",
}
SECOND = {
    **FIRST,
    "transaction_id": "FE7F3A51-11111114",
    "corrects_transaction_id": "FE7F3A51-11111113",
    "corrected_at": "2019-01-25 09:00:00 -07:00",
    "sale_amount": "99.00",
}


@pytest.mark.parametrize("order", list(permutations((ROW, FIRST, SECOND))))
def test_invoca_s_last_correction_counts(
    database: Database, order: tuple[dict[str, Any], ...]
) -> None:
    outcomes = store(database, "invoca", *order)
    assert outcomes[0] is Stored.NEW
    assert value_of(database, "Z6E5-C7397356976E") == 99.0
    assert store(database, "invoca", *order) == [Stored.UNCHANGED] * 3


def test_invoca_s_correction_updates_the_call(database: Database) -> None:
    assert store(database, "invoca", ROW, FIRST) == [Stored.NEW, Stored.UPDATED]


def test_a_row_that_was_corrected_already_changes_nothing(database: Database) -> None:
    assert store(database, "invoca", FIRST, ROW) == [Stored.NEW, Stored.UNCHANGED]
    assert value_of(database, "Z6E5-C7397356976E") == 125.5


def test_twilio_s_record_after_its_callback_is_nothing_new(database: Database) -> None:
    (callback,), resource = records("twilio.webhook.form"), records("twilio.json")[0]
    priced = {**resource, "date_updated": "Tue, 31 Aug 2010 21:00:00 +0000", "price": "-0.1"}
    assert store(database, "twilio", callback, resource, priced, callback) == [
        Stored.NEW,
        Stored.UNCHANGED,
        Stored.UNCHANGED,
        Stored.UNCHANGED,
    ]


def test_callrail_s_last_telling_counts(database: Database) -> None:
    (posted,) = records("callrail.webhook.json")
    changed = {**posted, "value": "$20.00"}
    assert store(database, "callrail", posted, changed) == [Stored.NEW, Stored.UPDATED]
    assert value_of(database, "766970532") == 20.0
