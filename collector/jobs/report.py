"""What a run of the job did, for people and machines."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from collector.domain.verdicts import Verdict
from collector.storage.calls import Stored
from collector.storage.funnel import Funnel


class ProjectOutcome(StrEnum):
    """How the run went for one installation."""

    DONE = "done"
    PAUSED = "paused"  #: matched, but by the operator's wish nothing was sent
    BUSY = "busy"  #: another worker has the installation
    LATER = "later"  #: the API was not to be had; the rest waits for the next run
    PROBLEM = "problem"  #: a person has to look


def _weight(outcome: ProjectOutcome) -> int:
    return {ProjectOutcome.DONE: 0, ProjectOutcome.PROBLEM: 2}.get(outcome, 1)


@dataclass(kw_only=True, slots=True)
class Pulled:
    """What came from the provider's own database, and what went wrong with it."""

    counts: Counter[Stored] = field(default_factory=Counter)
    passed_over: int = 0
    refused: int = 0
    problem: str | None = None
    needs_a_person: bool = False  #: or the next run may find it well again

    def counted(self) -> dict[str, int]:
        """How many rows became what."""
        stored = {outcome.value: self.counts[outcome] for outcome in Stored}
        return {**stored, "passed_over": self.passed_over, "refused": self.refused}

    @property
    def has_changed(self) -> bool:
        """Whether anything was new, or went wrong."""
        news = self.counts[Stored.NEW] + self.counts[Stored.UPDATED] + self.refused
        return bool(news or self.problem)

    def as_json(self) -> dict[str, Any]:
        return {**self.counted(), "problem": self.problem}


@dataclass(kw_only=True, slots=True)
class ProjectReport:
    """What a run did for one installation. ``decided`` counts the calls looked at, by verdict.

    ``pulled`` is there only where calls are read from the provider's own database.
    ``slowed_to`` is how many connections were left, if the API answered 429.
    ``to_send`` is only filled by a dry run: everything that would be sent now is counted in
    ``to_send_count`` and ``to_send_batches``; ``to_send`` holds the first few of them.
    """

    project_id: int
    name: str
    outcome: ProjectOutcome = ProjectOutcome.DONE
    message: str | None = None
    pulled: Pulled | None = None
    revived: int = 0
    decided: Counter[str] = field(default_factory=Counter)
    expired: int = 0
    batches: int = 0
    slowed_to: int | None = None
    accepted: int = 0
    rejected: int = 0
    purged: Counter[str] = field(default_factory=Counter)
    to_send_count: int = 0
    to_send_batches: int = 0
    to_send: list[dict[str, Any]] = field(default_factory=list)

    def end(self, outcome: ProjectOutcome, message: str) -> None:
        """Note how it ended; a problem outweighs all else, and what came first what comes later."""
        if _weight(outcome) > _weight(self.outcome):
            self.outcome, self.message = outcome, message

    @property
    def is_idle(self) -> bool:
        """Whether there was nothing to do, and nothing that hindered it but the operator's wish."""
        done = self.revived or self.decided or self.expired or self.batches
        hindered = self.outcome not in {ProjectOutcome.DONE, ProjectOutcome.PAUSED}
        return not (done or hindered or (self.pulled and self.pulled.has_changed))

    def counted(self) -> dict[str, int]:
        """How many of what, in a few numbers."""
        return {
            "examined": self.decided.total(),
            "batches": self.batches,
            "accepted": self.accepted,
            "rejected": self.rejected,
            "expired": self.expired,
        }

    @property
    def attention(self) -> list[str]:
        """What a person has to look at, one sentence each."""
        found = []
        if self.outcome is ProjectOutcome.PROBLEM and self.message:
            found.append(self.message)
        if self.pulled and self.pulled.problem and self.pulled.needs_a_person:
            found.append(self.pulled.problem)
        if invalid := self.decided[Verdict.INVALID]:
            found.append(
                f"{invalid} call(s) have fields that cannot be built: see report_calls where "
                "verdict = 'invalid', mend the records and import them again, or mend the "
                f"definition, then: collector retry --project-id {self.project_id} --reason "
                "fields_invalid"
            )
        if self.rejected:
            found.append(
                f"{self.rejected} enrichment(s) were refused by the API: see report_calls where "
                "verdict = 'rejected', compare the definition with the registered schema, and "
                f"when it is mended: collector retry --project-id {self.project_id}"
            )
        return [f"Project {self.project_id}: {sentence}." for sentence in found]

    def as_json(self) -> dict[str, Any]:
        report: dict[str, Any] = {
            "project_id": self.project_id,
            "name": self.name,
            "outcome": self.outcome.value,
            "message": self.message,
            "pulled": self.pulled.as_json() if self.pulled else None,
            "revived": self.revived,
            "decided": dict(self.decided),
            "expired": self.expired,
            "batches": self.batches,
            "slowed_to": self.slowed_to,
            "accepted": self.accepted,
            "rejected": self.rejected,
            "purged": {kind: number for kind, number in self.purged.items() if number},
        }
        return report


@dataclass(frozen=True, kw_only=True, slots=True)
class RunReport:
    """What one run did, and where everything stands after it."""

    run_id: str
    dry_run: bool
    funnel: Funnel
    projects: list[ProjectReport]
    note: str | None = None  #: what a dry run did not look at

    @property
    def attention(self) -> list[str]:
        """What a person has to look at, over all installations."""
        return [sentence for project in self.projects for sentence in project.attention]

    def as_json(self) -> dict[str, Any]:
        document: dict[str, Any] = {
            "run_id": self.run_id,
            "dry_run": self.dry_run,
            "sessions": self.funnel.sessions,
            "calls": self.funnel.calls,
            "verdicts": self.funnel.verdicts,
            "projects": [project.as_json() for project in self.projects],
            "attention": self.attention,
        }
        if self.dry_run:
            document["note"] = self.note
            document["would_send"] = {
                "enrichments": sum(project.to_send_count for project in self.projects),
                "batches": sum(project.to_send_batches for project in self.projects),
                "first": [item for project in self.projects for item in project.to_send],
            }
        return document
