"""What a call platform exports goes in by its preset, and comes out accepted, by commands alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collector.sandbox import Sandbox
from tests.cli.conftest import PROJECT, CommandLine
from tests.platforms.records import FILES, FOLDER, REGIONS, recent
from tests.sandbox_fixtures import PHONE_CALL_INSTALLATION


@pytest.fixture
def contentsquare() -> Iterator[Sandbox]:
    """A sandbox that knows the schema of the platforms' definition."""
    schema = json.loads((FOLDER / "schema.v1.json").read_text(encoding="utf-8"))
    with Sandbox([replace(PHONE_CALL_INSTALLATION, schemas={1: schema})]) as running:
        yield running


@pytest.fixture
def provider(collector: CommandLine, contentsquare: Sandbox) -> CommandLine:
    """A provider whose definition writes no mapping."""
    for name in ("integration.toml", "schema.v1.json"):
        shutil.copy(FOLDER / name, collector.folder)
    collector.set(auth_url=contentsquare.auth_url)
    return collector


@pytest.mark.parametrize(
    ("name", "keys", "second", "fields"),
    [
        (
            name,
            {"tracking_number": "+12025550188"},
            29,
            {"answered": True, "call_duration": 15_000, "number_dialled": "+12025550188"},
        )
        for name in ("twilio.json", "twilio.csv")
    ]
    + [
        (
            "callrail.json",
            {"tracking_number": "+12025550188"},
            48,
            {"answered": False, "call_duration": 60_000, "number_dialled": "+12025550188"},
        )
    ]
    + [
        (
            name,
            {"visitor_id": "i-b7f2a1c0"},
            0,
            {"answered": True, "call_duration": 125_000, "number_dialled": "9"},
        )
        for name in ("invoca.json", "invoca.csv")
    ]
    + [
        (
            name,
            {"visitor_id": "0f0e0d0c-0b0a-4908-8706-050403020100"},
            6,
            {"answered": True, "call_duration": 145_000, "number_dialled": "+442079460111"},
        )
        for name in ("infinity.jsonl", "infinity.csv")
    ],
)
def test_a_platform_s_file_is_delivered_with_the_right_values(
    provider: CommandLine,
    contentsquare: Sandbox,
    name: str,
    keys: dict[str, str],
    second: int,
    fields: dict[str, Any],
) -> None:
    preset = FILES[name]
    provider.add(PROJECT, "--region", REGIONS[preset])
    provider.visit("ae267-6g87D.4", **keys)
    minute = (datetime.now(UTC) + timedelta(minutes=1)).replace(second=0, microsecond=0)
    file = provider.write(name, recent(name, minute))
    imported = provider.well("calls", "import", file, "--project-id", PROJECT, "--preset", preset)
    assert "1 new" in imported.out
    run = provider.well("reconcile", "--json").json()
    assert run["verdicts"]["accepted"] == run["calls"] == 1
    ((key, stored),) = contentsquare.held.items()
    assert tuple(key) == (int(PROJECT), "ae267-6g87D", 4, 1)
    started = minute + timedelta(seconds=second)
    assert stored.fields == {**fields, "call_datetime": f"{started:%Y-%m-%dT%H:%M:%SZ}"}
