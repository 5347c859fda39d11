"""Why a call stands where it stands: its verdict, its candidates, its enrichment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from collector.domain import matching
from collector.domain.definition import Definition
from collector.domain.matching import Candidate
from collector.errors import NotFoundError
from collector.storage import calls, candidates, enrichments, installations
from collector.storage.calls import Examined
from collector.storage.database import Database


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """A call with everything that its verdict rests on."""

    examined: Examined
    candidates: list[Candidate]
    enrichment: dict[str, Any] | None

    def as_json(self) -> dict[str, Any]:
        call, judgement, match = (
            self.examined.call,
            self.examined.judgement,
            self.examined.match,
        )
        return {
            "call_id": call.call_id,
            "started_at": call.started_at,
            "ended_at": call.ended_at,
            "keys": dict(call.keys),
            "attributes": dict(call.attributes),
            "verdict": judgement.verdict.value,
            "reason": judgement.reason.value,
            "detail": judgement.detail,
            "match": match
            and {
                "session_key": match.session.session_key,
                "rule": match.rule,
                "evidence": match.evidence,
            },
            "candidates": [
                {
                    "rule": item.kind,
                    "session_key": item.session.session_key,
                    "session_first_seen": item.first_seen,
                    "session_last_seen": item.last_seen,
                    "key_first_seen": item.key_first_seen,
                    "key_last_seen": item.key_last_seen,
                    "open_at_call": item.covers(call.started_at),
                }
                for item in self.candidates
            ],
            "enrichment": self.enrichment
            and {
                name: self.enrichment[name]
                for name in (
                    "enrichment_number",
                    "state",
                    "revision",
                    "accepted_revision",
                    "integration_version",
                    "payload",
                    "attempts",
                    "deadline",
                    "accepted_at",
                )
            },
        }


def explain(
    database: Database, definition: Definition, project_id: int, call_id: str
) -> Explanation:
    """Everything about one call; the candidates are those that its rules find now.

    Raises:
        NotFoundError: the project has no installation, or no such call is stored.
    """
    with database.read() as connection:
        installations.get(connection, project_id)
        examined = calls.find(connection, project_id, call_id)
        if examined is None:
            raise NotFoundError(
                f"Project {project_id} has no call {call_id!r}. Was it imported? See the view "
                "report_calls for those that were."
            )
        probes = matching.probes(examined.call, definition.matching)
        found = candidates.find(connection, project_id, probes)[call_id]
        return Explanation(
            examined=examined,
            candidates=sorted(found, key=lambda item: (item.kind, item.first_seen)),
            enrichment=enrichments.of_call(connection, project_id, call_id),
        )
