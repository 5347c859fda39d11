"""What was sent, as somebody on the line would have seen it, and what was wrong with it.

The real client does the sending. What stands at Contentsquare is known here from the answers
alone, not from the ledger, so that the two can be compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from collector.contentsquare import Answer, Outcome
from collector.domain.enrichment import Enrichment
from collector.domain.ledger import payload_hash
from collector.sandbox import EnrichmentKey
from tests.properties.scene import Record
from tests.world import World

SEVEN_DAYS = timedelta(days=7)

#: What has less time left than this is not begun.
MARGIN = timedelta(minutes=5)

#: So far may the clocks of the page and of the call differ.
SKEW = timedelta(seconds=60)


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One batch on the line."""

    project_id: int
    version: int
    enrichments: Sequence[Enrichment]

    def contents(self) -> dict[EnrichmentKey, str]:
        """What is sent under each key, as a hash."""
        return {
            EnrichmentKey(
                self.project_id, item.user_id, item.session_number, item.enrichment_number
            ): payload_hash(item.fields)
            for item in self.enrichments
        }

    def callers(self) -> dict[EnrichmentKey, str]:
        """Whose call is sent under each key: the definition makes a field of the call centre, and
        the records of these tests name the call there.
        """
        return {
            key: str(item.fields["call_center_name"])
            for key, item in zip(self.contents(), self.enrichments, strict=True)
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Visit:
    """One beacon."""

    project_id: int
    session_key: str
    keys: Mapping[str, str]
    at: datetime


@dataclass(kw_only=True)
class Recording:
    """What was seen, sent and answered in one example, over all its runs."""

    world: World
    #: the newest record of each call, by project and id
    records: dict[tuple[int, str], Record] = field(default_factory=dict)
    #: the earliest start that any record of a call has named
    earliest: dict[tuple[int, str], datetime] = field(default_factory=dict)
    #: when each session began, by the provider's clock
    began: dict[tuple[int, str], datetime] = field(default_factory=dict)
    visits: list[Visit] = field(default_factory=list)
    #: what stands under a key for certain: accepted, and nothing in doubt since
    standing: dict[EnrichmentKey, str] = field(default_factory=dict)
    #: all that may stand under a key; None is nothing
    possible: dict[EnrichmentKey, set[str | None]] = field(default_factory=dict)
    owners: dict[EnrichmentKey, str] = field(default_factory=dict)
    objections: list[str] = field(default_factory=list)
    requests: Counter[int] = field(default_factory=Counter)  #: by project
    mishaps: int = 0
    last: Request | None = None

    def saw(self, project_id: int, session_key: str, keys: Mapping[str, str]) -> bool:
        """Note a beacon; whether its session is a new one."""
        now = self.world.clock()
        self.visits.append(Visit(project_id=project_id, session_key=session_key, keys=keys, at=now))
        is_new = (project_id, session_key) not in self.began
        self.began.setdefault((project_id, session_key), now)
        return is_new

    def heard(self, project_id: int, call_id: str, record: Record) -> None:
        """Note a record."""
        call = project_id, call_id
        self.records[call] = record
        self.earliest[call] = min(record.started_at, self.earliest.get(call, record.started_at))

    def deadline(self, project_id: int, session_key: str, call_began: datetime) -> datetime:
        """Until when enriching a session with a call makes sense: it was there when that began."""
        return min(self.began[project_id, session_key], call_began) + SEVEN_DAYS

    def led_to(self, project_id: int, record: Record) -> bool:
        """Whether any session can have led to a call, by a key that is one person's."""
        return any(
            self.points_to(project_id, session_key, record, ("visitor_id", "reference"))
            for (project, session_key) in self.began
            if project == project_id
        )

    def points_to(
        self,
        project_id: int,
        session_key: str,
        record: Record,
        kinds: Sequence[str] = ("visitor_id", "reference", "tracking_number"),
    ) -> bool:
        """Whether a call can have come from this session, by what it names or by these keys."""
        began, call = self.began[project_id, session_key], record.started_at
        visits = [
            visit
            for visit in self.visits
            if (visit.project_id, visit.session_key) == (project_id, session_key)
        ]
        last = max(visit.at for visit in visits)
        if record.keys.get("session_key") == session_key:
            return began <= call + SEVEN_DAYS and last >= call - SEVEN_DAYS
        seen = [
            visit
            for visit in visits
            for kind in kinds
            if kind in record.keys and visit.keys.get(kind) == record.keys[kind]
        ]
        return bool(seen) and began <= call + SKEW and seen[-1].at >= call - SEVEN_DAYS

    def wrong_with(self, request: Request) -> list[str]:
        """What speaks against sending this now."""
        (installation,) = self.world.rows(
            "SELECT integration_version, paused FROM installation WHERE project_id = :project_id",
            project_id=request.project_id,
        )
        found = []
        if request.version != installation["integration_version"]:
            found.append(f"version {request.version}, which is not the installation's")
        if installation["paused"]:
            found.append("for a paused installation")
        for key, content in request.contents().items():
            if self.standing.get(key) == content:
                found.append(f"{tuple(key)} unchanged since it was accepted, and without a doubt")
        for (key, caller), item in zip(request.callers().items(), request.enrichments, strict=True):
            record = self.records[key.project_id, caller]
            if not record.is_told_by(item.fields):
                found.append(f"{tuple(key)} as an older record of {caller} has it")
            session_key = f"{key.user_id}.{key.session_number}"
            deadline = self.deadline(key.project_id, session_key, record.started_at)
            if self.world.clock() + MARGIN >= deadline:
                found.append(f"{tuple(key)} too near its deadline")
            if self.owners.setdefault(key, caller) != caller:
                found.append(f"{tuple(key)} for {caller}, but it is the number of another call")
        return found

    def sent(self, request: Request, answer: Answer | None, objections: Sequence[str]) -> None:
        """Note a request with its answer; None if nothing came back."""
        self.last = request
        self.requests[request.project_id] += 1
        self.objections += [f"sent: {objection}" for objection in objections]
        for key, content in request.contents().items():
            if answer is not None and answer.outcome is Outcome.ACCEPTED:
                self.standing[key], self.possible[key] = content, {content}
            elif answer is None or answer.outcome is Outcome.LATER or answer.requests > 1:
                self.standing.pop(key, None)
                self.possible.setdefault(key, {None}).add(content)

    def unread(self) -> None:
        """Nobody has written down the last answer: to the sender, its request is in doubt."""
        for key in self.last.contents() if self.last else ():
            self.standing.pop(key, None)
