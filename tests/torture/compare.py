"""What has to be the same after any disturbance, and what has to be true at every moment."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from collector.domain.ledger import payload_hash
from collector.sandbox import EnrichmentKey
from tests.torture.scenario import DEPENDS_ON_THE_MOMENT
from tests.world import World

Rows = list[dict[str, Any]]

#: Views and columns without times of writing, ids of batches and runs, and counts of attempts.
_COMPARED = {
    "report_calls": "project_id, call_id, verdict, reason, detail, rule, session_key, "
    "enrichment_number, revision, accepted_revision, integration_version",
    "report_enrichments": "project_id, session_key, enrichment_number, call_id, state, revision, "
    "accepted_revision, integration_version, payload",
    "report_superseded": "project_id, session_key, enrichment_number, call_id, stands, "
    "accepted_revision, session_key_now, verdict_now",
    "installation": "project_id, integration_version, proven_version, paused, problem",
}

#: Tables with all that they hold, where nobody may have written anything.
_UNTOUCHED = ("call", "call_key", "enrichment", "batch", "session", "sighting")

#: How often a call was built depends on when it was changed.
_REVISIONS = ("revision", "accepted_revision", "attempts")


class DifferenceError(Exception):
    """A trial did not end as it ought to; the message says how."""


def outcome(world: World) -> dict[str, Rows]:
    """All that two runs of the same have to agree about."""
    found = {
        name: world.rows(f"SELECT {columns} FROM {name} ORDER BY 1, 2, 3, 4")
        for name, columns in _COMPARED.items()
    }
    # What was refused after an answer was lost may stay in doubt; what is accepted is certain.
    found["accepted and in doubt"] = world.rows(
        "SELECT project_id, call_id FROM enrichment WHERE state = 'accepted' "
        "AND doubtful_revision > accepted_revision"
    )
    found["the sandbox's content"] = [
        {
            **key._asdict(),
            "fields": dict(stored.fields),
            "integration": stored.integration_id,
            "integration_version": stored.integration_version,
        }
        for key, stored in sorted(world.held.items())
    ]
    return found


def of_any_order(outcomes: Mapping[str, Rows]) -> dict[str, Rows]:
    """What of it has to be the same whenever the changes came: not how often a call was built."""
    return {
        name: [
            {
                column: re.sub(r"revision \d+", "revision N", value)
                if column == "detail" and isinstance(value, str)
                else value
                for column, value in row.items()
                if column not in _REVISIONS
            }
            for row in rows
            if row["project_id"] != DEPENDS_ON_THE_MOMENT
        ]
        for name, rows in outcomes.items()
    }


def untouched(world: World) -> dict[str, Rows]:
    """Everything that a worker which has lost its lease must not write to."""
    return {name: world.rows(f"SELECT * FROM {name} ORDER BY 1, 2, 3, 4") for name in _UNTOUCHED}


def require_same(expected: Mapping[str, Rows], found: Mapping[str, Rows]) -> None:
    """Raise `DifferenceError` that shows the first few differences, if there are any."""
    different = [
        line for name in expected for line in _differences(name, expected[name], found[name])
    ]
    if different:
        more = f"\n  and {len(different) - 6} more" if len(different) > 6 else ""
        raise DifferenceError("\n  ".join(["what is left differs:", *different[:6]]) + more)


def _differences(name: str, expected: Rows, found: Rows) -> Iterable[str]:
    for sign, rows, others in (("-", expected, found), ("+", found, expected)):
        for row in rows:
            if row not in others:
                yield f"{sign} {name}: " + ", ".join(f"{key}={row[key]}" for key in row)


def require_true(world: World) -> None:
    """Raise `DifferenceError` if the ledger says of the sandbox what is not so.

    Only for moments at which no request is on its way.
    """
    wrong = []
    held = dict(world.held)
    for row in world.rows("SELECT * FROM enrichment"):
        key = EnrichmentKey(
            row["project_id"], row["user_id"], row["session_number"], row["enrichment_number"]
        )
        stored = held.pop(key, None)
        found = payload_hash(stored.fields) if stored else None
        accepted = row["accepted_hash"] if row["accepted_revision"] else None
        in_doubt = row["doubtful_revision"] > row["accepted_revision"]
        if found != accepted and not in_doubt:
            wrong.append(
                f"{row['call_id']} at {key}: revision {row['accepted_revision']} is said to be"
                f" accepted, but the sandbox holds {stored.fields if stored else 'nothing'}"
            )
    wrong += [f"the sandbox holds {key}, of which the ledger knows nothing" for key in held]
    if wrong:
        raise DifferenceError("\n  ".join(["the ledger is wrong:", *wrong]))
