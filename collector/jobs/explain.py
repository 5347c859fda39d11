"""Why a call stands where it stands: its verdict, its candidates, its enrichment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from collector.domain import matching
from collector.domain.definition import Definition
from collector.domain.matching import Candidate
from collector.domain.verdicts import State
from collector.errors import NotFoundError
from collector.storage import calls, candidates, enrichments, installations
from collector.storage.calls import Examined
from collector.storage.database import Database


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """A call with everything that its verdict rests on."""

    examined: Examined
    candidates: list[Candidate]
    enrichments: list[dict[str, Any]]

    @property
    def enrichment(self) -> dict[str, Any] | None:
        """The one that the verdict is about, if there is one."""
        current = [item for item in self.enrichments if item["state"] != State.SUPERSEDED]
        return current[0] if current else None

    @property
    def left_behind(self) -> list[dict[str, Any]]:
        """What stands, or perhaps stands, in sessions that the call points to no longer."""
        return [
            {
                "session_key": f"{item['user_id']}.{item['session_number']}",
                "enrichment_number": item["enrichment_number"],
                "stands": "yes" if item["accepted_revision"] else "perhaps",
                "accepted_at": item["accepted_at"],
                "superseded_at": item["changed_at"],
            }
            for item in self.enrichments
            if item["state"] == State.SUPERSEDED
            and (item["accepted_revision"] or item["doubtful_revision"])
        ]

    def as_json(self) -> dict[str, Any]:
        call, judgement, match = (
            self.examined.call,
            self.examined.judgement,
            self.examined.match,
        )
        enrichment = self.enrichment
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
            "enrichment": enrichment
            and {
                name: enrichment[name]
                for name in (
                    "enrichment_number",
                    "state",
                    "revision",
                    "accepted_revision",
                    "doubtful_revision",
                    "integration_version",
                    "payload",
                    "attempts",
                    "deadline",
                    "accepted_at",
                )
            },
            "left_behind": self.left_behind,
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
            enrichments=enrichments.of_call(connection, project_id, call_id),
        )
