"""Why a call stands where it stands: its verdict, what each rule finds, its enrichment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from collector.domain import matching
from collector.domain.call import Call
from collector.domain.definition import Definition
from collector.domain.matching import Attempt, Candidate, Match, NoMatch, Trace
from collector.domain.verdicts import State
from collector.errors import NotFoundError
from collector.storage import candidates, enrichments, examining, installations
from collector.storage.database import Database
from collector.storage.examining import Examined


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """A call with everything that its verdict rests on."""

    examined: Examined
    trace: Trace  #: of the rules as they are, over what is stored
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
            "rules": [
                _rule_as_json(attempt, decides=attempt is self.trace.deciding)
                for attempt in self.trace.attempts
            ],
            "by_the_rules_now": _answer_as_json(self.trace.answer),
            "candidates": [
                _candidate_as_json(item, call)
                for attempt in self.trace.attempts
                for item in sorted(
                    (*attempt.candidates, *attempt.set_aside), key=lambda item: item.first_seen
                )
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


def _rule_as_json(attempt: Attempt, *, decides: bool) -> dict[str, Any]:
    probe, margin = attempt.probe, attempt.margin
    return {
        "rule": attempt.rule.kind,
        "shared": attempt.rule.shared,
        "key": probe and probe.value,
        "seen_since": probe and probe.since,
        "seen_by": probe and probe.sighted_by,
        "session_begun_by": probe and probe.begun_by,
        "sessions": len(attempt.candidates),
        "users": len(attempt.latest),
        "set_aside": len(attempt.set_aside),
        "decides": decides,
        "chosen": attempt.chosen and attempt.chosen.session.session_key,
        "runner_up": attempt.runner_up and attempt.runner_up.session.session_key,
        "margin_seconds": None if margin is None else int(margin.total_seconds()),
    }


def _answer_as_json(answer: Match | NoMatch) -> dict[str, Any]:
    if isinstance(answer, Match):
        return {"session_key": answer.session.session_key, "rule": answer.rule}
    return {"verdict": answer.verdict.value, "detail": answer.detail}


def _candidate_as_json(candidate: Candidate, call: Call) -> dict[str, Any]:
    return {
        "rule": candidate.kind,
        "session_key": candidate.session.session_key,
        "session_first_seen": candidate.first_seen,
        "session_last_seen": candidate.last_seen,
        "key_first_seen": candidate.key_first_seen,
        "key_last_seen": candidate.key_last_seen,
        "open_at_call": candidate.covers(call.started_at),
        "objection": candidate.objection,
        "seconds_before_call": int(candidate.gap(call.started_at).total_seconds()),
    }


def explain(
    database: Database,
    definition: Definition,
    project_id: int,
    call_id: str,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Explanation:
    """Everything about one call; the candidates are those that its rules find now.

    Raises:
        NotFoundError: the project has no installation, or no such call is stored.
    """
    with database.read() as connection:
        installations.get(connection, project_id)
        examined = examining.find(connection, project_id, call_id)
        if examined is None:
            raise NotFoundError(
                f"Project {project_id} has no call {call_id!r}. Was it imported, or refused? See "
                f"the view report_calls, and: collector calls refused --project-id {project_id}"
            )
        rules = definition.matching_of(project_id)
        found = candidates.of_calls(connection, project_id, [examined.call], rules)
        return Explanation(
            examined=examined,
            trace=matching.trace(examined.call, found[call_id], rules, clock()),
            enrichments=enrichments.of_call(connection, project_id, call_id),
        )
