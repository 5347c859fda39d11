"""Finds and reads the platforms' example records."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, quote, quote_plus

from collector.domain.definition import Definition
from collector.sources import definition

FOLDER = Path(__file__).parent

#: Every file that has the same call in it as the first of its platform, and the platform.
FILES = {
    "twilio.json": "twilio",
    "twilio.csv": "twilio",
    "twilio.webhook.form": "twilio",
    "callrail.json": "callrail",
    "callrail.webhook.json": "callrail",
    "invoca.json": "invoca",
    "invoca.csv": "invoca",
    "invoca.webhook.json": "invoca",
    "infinity.jsonl": "infinity",
    "infinity.csv": "infinity",
    "infinity.webhook.query": "infinity",
}

#: Where a platform writes numbers in national form, their country.
REGIONS = {"twilio": "US", "callrail": "US", "invoca": "US", "infinity": "GB"}


def records(name: str) -> list[dict[str, object]]:
    """What a file holds, read without the help of what is tested."""
    text = (FOLDER / name).read_text(encoding="utf-8")
    match name.rpartition(".")[2]:
        case "csv":
            return [dict(row) for row in csv.DictReader(text.splitlines())]
        case "form" | "query":
            return [dict(parse_qsl(text, keep_blank_values=True))]
        case "jsonl":
            return [json.loads(line) for line in text.splitlines()]
        case _:
            document = json.loads(text)
            return document if isinstance(document, list) else [document]


def platforms() -> Definition:
    """The definition that writes no mapping."""
    return definition.read(FOLDER / "integration.toml")


def recent(name: str, moment: datetime) -> str:
    """A file whose call started in the minute of ``moment``, and is the same otherwise."""
    text = (FOLDER / name).read_text(encoding="utf-8")
    utc = moment.astimezone(UTC).replace(second=0, microsecond=0)
    forms = {
        "twilio": ("Tue, 31 Aug 2010 20:36", f"{utc:%a, %d %b %Y %H:%M}"),
        "callrail.webhook": ("2018-02-19T13:41", f"{utc - timedelta(hours=5):%Y-%m-%dT%H:%M}"),
        "callrail": ("2017-01-24T11:27", f"{utc - timedelta(hours=5):%Y-%m-%dT%H:%M}"),
        "invoca": ("1548337395000", str(int(utc.timestamp()) * 1000)),
        "infinity": ("2025-03-04 14:05", f"{utc:%Y-%m-%d %H:%M}"),
    }
    was, is_now = next(form for start, form in forms.items() if name.startswith(start))
    write = {"form": quote_plus, "query": quote}.get(name.rpartition(".")[2], str)
    assert write(was) in text
    return text.replace(write(was), write(is_now))
