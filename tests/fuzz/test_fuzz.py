"""The short form of `make fuzz`: the same few hundred inputs each time, and what was found once."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import structlog
from hypothesis import HealthCheck, Phase, given, settings

from collector.config import Settings
from collector.storage.secrets import generate_key
from collector.web import create_app
from tests.fuzz import beacon, over_http, records
from tests.fuzz.server import DEFINITION, prepare

SHORT = settings(
    derandomize=True,
    deadline=None,
    max_examples=200,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)

#: Nested, endless, or larger than any number: each was some parser's end somewhere.
BOMBS = (
    b"[" * 8000, b'{"a":' * 1300, b'{"keys":{"a":' + b"9" * 5000 + b"}}",
    b'{"projectId":162,"sessionKey":"u.1","keys":{"a":1e999999999}}',
    b'{"projectId":162,"sessionKey":"u.1","keys":{"a":"\\ud800"}}',
    b'{"projectId":162,"sessionKey":"u.1","keys":{"tracking_number":' + b"1" * 4300 + b"}}",
    b"id,at\n" + b'"' * 4000, b"\x1f\x8b\x08\x00", b"PK\x03\x04", b"\xff\xfe\x00\xd8", b"",
    b'<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;">]><a>&d;</a>',
)  # fmt: skip


@pytest.fixture(autouse=True)
def quiet(restored_logs: None) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def test_the_express_lane_and_the_view_judge_any_bytes_alike() -> None:
    with beacon.Beacons() as target:
        SHORT(given(beacon.INPUTS)(target.try_one))()
        for bomb in BOMBS:
            target.try_one(b"\0" + bomb)


def test_call_records_of_any_bytes_are_stored_or_refused() -> None:
    with records.Records() as target:
        SHORT(given(records.INPUTS)(target.try_one))()
        for bomb in BOMBS:
            for way in range(len(records.WAYS)):
                target.try_one(bytes([way, 0]) + bomb)


@pytest.fixture
def document(tmp_path: Path) -> Iterator[tuple[Any, str]]:
    url, token = prepare(tmp_path)
    app = create_app(
        Settings(database_url=url, integration=str(DEFINITION), secret_key=(generate_key(),))
    )
    yield schemathesis.openapi.from_wsgi("/openapi.json", app), token
    app.extensions["collector"].close()


def test_every_answer_is_one_that_the_document_tells_of(document: tuple[Any, str]) -> None:
    schema, token = document
    asked = 0

    def send(case: Any, known: bool) -> None:
        nonlocal asked
        asked += 1
        over_http.check(case, None, token if known else None)

    for operation in schema.get_all_operations():
        one = operation.ok()
        many = 4 if (one.method, one.path) in over_http.RARELY else 20
        over_http.try_operation(one, many, None, send)
    assert asked > 60
