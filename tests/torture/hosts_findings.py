"""What came of a round on several hosts: looked for in the database, the API and its journal."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from http.client import HTTPSConnection
from itertools import pairwise
from pathlib import Path
from ssl import create_default_context
from typing import Any

import sqlalchemy as sa

from collector.storage.database import Database
from tests.torture.hosts_net import Host

#: Beyond the lease, for the successor's next round and its wait for a row.
SPARE_SECONDS = 15

Key = tuple[int, str, int, int]


@dataclass(frozen=True, kw_only=True)
class Findings:
    """Counts, and in words whatever is not as it should be."""

    sessions: int
    calls: int
    batches: int
    repeated: int
    faults: Sequence[str]

    def told(self) -> str:
        """One line, and one for each fault."""
        counted = (
            f"{self.sessions} beacons and {self.calls} calls were acknowledged, {self.batches} "
            f"batches sent, {self.repeated} enrichments more than once; {len(self.faults)} faults"
        )
        return "\n".join([counted, *self.faults[:20]])

    def with_takeover(self, seconds: float, term: float) -> Findings:
        """The same, with what is to be said of when the work was taken over."""
        if seconds <= term + SPARE_SECONDS:
            return self
        return replace(self, faults=[*self.faults, f"taken over after {seconds:.1f} s"])


def look(folder: Path, database: Database, api: Host) -> Findings:
    """Everything that was acknowledged, sent and is held."""
    api.do(lambda: _have_it_tell(api.address, folder / "trusted.pem"))
    held = {tuple(key): times for *key, times in json.loads((folder / "held.json").read_text())}
    batches = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
    told = [json.loads(line) for line in (folder / "acknowledged.jsonl").read_text().splitlines()]
    with database.read() as connection:
        sessions = {
            ("session", row[0], f"{row[1]}.{row[2]}")
            for row in connection.execute(
                sa.text("SELECT project_id, user_id, session_number FROM session")
            )
        }
        calls = {
            ("call", *row)
            for row in connection.execute(sa.text("SELECT project_id, call_id FROM call"))
        }
        ledger = {
            tuple(row)
            for row in connection.execute(
                sa.text(
                    "SELECT project_id, user_id, session_number, enrichment_number "
                    "FROM enrichment WHERE accepted_revision = revision"
                )
            )
        }
        calls_each = connection.execute(
            sa.text("SELECT count(*), count(DISTINCT (project_id, call_id)) FROM enrichment")
        ).one()
    faults = [
        f"acknowledged and not there: {item}" for item in map(tuple, told)
        if item not in sessions | calls
    ]  # fmt: skip
    faults += [f"accepted and not held: {key}" for key in ledger - held.keys()]
    faults += [f"held and not accepted: {key}" for key in held.keys() - ledger]
    if calls_each[0] != calls_each[1]:
        faults.append(f"{calls_each[0]} enrichments of {calls_each[1]} calls")
    faults += doubled(batches)
    return Findings(
        sessions=sum(item[0] == "session" for item in told),
        calls=sum(item[0] == "call" for item in told),
        batches=len(batches),
        repeated=sum(times > 0 for times in held.values()),
        faults=faults,
    )


def doubled(batches: Sequence[dict[str, Any]]) -> list[str]:
    """Enrichments that were in two requests at the same moment."""
    spans: dict[Key, list[tuple[float, float, str]]] = defaultdict(list)
    for batch in batches:
        for key in batch["sent"]:
            spans[tuple(key)].append((batch["came"], batch["answered"], batch["sender"]))
    found = []
    for key, theirs in spans.items():
        theirs.sort()
        for (_, ended, one), (began, _, other) in pairwise(theirs):
            if began < ended:
                found.append(f"in flight twice: {key}, from {one} and {other}")
    return found


def _have_it_tell(address: str, trusted: Path) -> None:
    context = create_default_context(cafile=str(trusted))
    connection = HTTPSConnection(address, context=context, timeout=30)
    connection.request("GET", "/held")
    assert connection.getresponse().status == 204
    connection.close()
