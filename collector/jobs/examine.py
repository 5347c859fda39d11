"""Looks at calls page by page: finds their sessions, builds their fields, gives numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from collector.domain import ledger, matching
from collector.domain.building import UnbuildableError, build_fields
from collector.domain.call import Call
from collector.domain.definition import Definition, IntegrationVersion
from collector.domain.enrichment import FieldValue
from collector.domain.identifiers import SessionId
from collector.domain.installation import Installation
from collector.domain.ledger import Judgement, Slot
from collector.domain.matching import Match, NoMatch
from collector.domain.verdicts import Reason, State, Verdict
from collector.storage import candidates, enrichments, examining
from collector.storage.database import Connection
from collector.storage.enrichments import Place, Written
from collector.storage.examining import Decision, Examined

#: Calls in one transaction: few enough that the beacons behind it hardly wait.
PAGE = 500


@dataclass(kw_only=True, slots=True)
class Plan:
    """What is to be written for one page of calls."""

    decisions: list[Decision] = field(default_factory=list)
    left: list[Place] = field(default_factory=list)  #: enrichments that their calls leave behind
    drafts: list[Written] = field(default_factory=list)
    withheld: list[str] = field(default_factory=list)
    taken_up: list[Place] = field(default_factory=list)  #: calls came back, but cannot be built
    standing: set[str] = field(default_factory=set)  #: calls that wait on, as they did before

    def verdicts(self) -> Counter[str]:
        """How many calls of the page get each verdict."""
        return Counter(decision.judgement.verdict.value for decision in self.decisions)

    def due_before(self, moment: datetime) -> int:
        """How many of the new drafts reach their deadline by then."""
        return sum(
            draft.deadline <= moment for draft in self.drafts if draft.draft.state is State.PENDING
        )

    def write(self, connection: Connection, project_id: int, now: datetime) -> None:
        """Write everything, in the transaction that read the page."""
        changed = [item for item in self.decisions if item.call_id not in self.standing]
        examining.write_decisions(connection, project_id, changed, now)
        if self.left:
            enrichments.supersede(connection, project_id, self.left, now)
        enrichments.write_drafts(connection, project_id, self.drafts, now)
        if self.withheld:
            enrichments.withhold(connection, project_id, self.withheld)
        if self.taken_up:
            enrichments.take_up(connection, project_id, self.taken_up)

    def hold_back(self, call_id: str, match: Match, slot: Slot | None) -> None:
        """The call's fields cannot be built: nothing outdated is sent of it."""
        if slot is None:
            return
        if slot.state is State.SUPERSEDED:
            number = slot.enrichment_number
            self.taken_up.append(Place(session=match.session, enrichment_number=number))
        else:
            self.withheld.append(call_id)


class Held:
    """The enrichments that one call has: in ``session`` the current one, elsewhere superseded."""

    def __init__(self, slots: Mapping[SessionId, Slot]) -> None:
        self.slots = slots
        current = [at for at, slot in slots.items() if slot.state is not State.SUPERSEDED]
        self.session = current[0] if current else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A page of calls, in order of their start, with what was found of each."""

    page: Sequence[Examined]
    held: Mapping[str, Held]
    matches: Mapping[str, Match | NoMatch]

    @property
    def sessions(self) -> list[SessionId]:
        """Those that the calls were matched to."""
        return [found.session for found in self.matches.values() if isinstance(found, Match)]


class Examiner:
    """Plans pages of one project's calls. It writes nothing itself, so that it can be asked dry."""

    def __init__(
        self,
        project_id: int,
        definition: Definition,
        version: IntegrationVersion,
        restored_at: datetime | None = None,
    ) -> None:
        """Plan for one project.

        Args:
            restored_at: when the database was put back from a copy.
        """
        self._restored_at = restored_at
        self._project_id = project_id
        self._definition = definition
        self._version = version

    def fits(self, installation: Installation) -> bool:
        """Whether this still builds for the version that the installation is on."""
        return installation.integration_version == self._version.number

    def find(self, connection: Connection, page: Sequence[Examined], now: datetime) -> Found:
        """The session of each call of ``page``, which is in order of the calls' start."""
        call_ids = [examined.call.call_id for examined in page]
        slots = enrichments.slots_of(connection, self._project_id, call_ids)
        held = {call_id: Held(slots[call_id]) for call_id in call_ids}
        return Found(page=page, held=held, matches=self._match(connection, page, held, now))

    def plan(
        self,
        connection: Connection,
        found: Found,
        now: datetime,
        *,
        given: Mapping[SessionId, Collection[int]] | None = None,
    ) -> Plan:
        """The verdict of each call of a page.

        Args:
            given: the numbers given by earlier pages that were not written.
        """
        taken = enrichments.numbers_taken(connection, self._project_id, found.sessions)
        for session in found.sessions if given else ():
            taken[session].update((given or {}).get(session, ()))
        plan = Plan()
        for examined in found.page:
            self._decide(plan, examined, found, taken, now)
        return plan

    def _match(
        self,
        connection: Connection,
        page: Sequence[Examined],
        held: Mapping[str, Held],
        now: datetime,
    ) -> dict[str, Match | NoMatch]:
        """A call that has an enrichment stays with its session while it points there.

        What was sent cannot be recalled, so neither a new visitor nor a better candidate moves
        it: only a change of the call's own keys or start, and only to a session that is certain.
        """
        rules = self._definition.matching_of(self._project_id)
        matches: dict[str, Match | NoMatch] = {}
        searching = []
        for examined in page:
            settled = held[examined.call.call_id].session is not None
            if settled and examined.match is not None and not examined.points_elsewhere:
                matches[examined.call.call_id] = examined.match
            else:
                searching.append(examined)
        found = candidates.of_calls(
            connection, self._project_id, [examined.call for examined in searching], rules
        )
        for examined in searching:
            call = examined.call
            match = matching.decide(call, found[call.call_id], rules, now)
            still = {item.session for item in found[call.call_id] if item.objection is None}
            if (
                isinstance(match, NoMatch)
                and match.verdict is Verdict.AMBIGUOUS
                and examined.match is not None
                and held[call.call_id].session in still
            ):
                match = examined.match
            matches[call.call_id] = match
        return matches

    def _decide(
        self,
        plan: Plan,
        examined: Examined,
        found: Found,
        taken: Mapping[SessionId, set[int]],
        now: datetime,
    ) -> None:
        call_id = examined.call.call_id
        mine, match = found.held[call_id], found.matches[call_id]
        session = match.session if isinstance(match, Match) else None
        if mine.session is not None and mine.session != session:
            number = mine.slots[mine.session].enrichment_number
            plan.left.append(Place(session=mine.session, enrichment_number=number))
        if isinstance(match, NoMatch):
            decision = _unmatched(examined, match)
            plan.decisions.append(decision)
            if decision.examine_again and decision.judgement == examined.judgement:
                plan.standing.add(call_id)
        else:
            slot = mine.slots.get(match.session)
            self._settle(plan, examined, match, slot, taken[match.session], now)

    def _settle(
        self,
        plan: Plan,
        examined: Examined,
        match: Match,
        slot: Slot | None,
        taken: set[int],
        now: datetime,
    ) -> None:
        call = examined.call
        deadline = ledger.deadline_of(match.first_seen, call.started_at)
        try:
            fields = build_fields(call, self._version, self._definition.mapping_behind(call.source))
        except UnbuildableError as error:
            plan.hold_back(call.call_id, match, slot)
            plan.decisions.append(_decision(call, _invalid(error), match))
            return
        judgement, draft = ledger.settle(
            fields,
            integration_version=self._version.number,
            slot=slot,
            taken=taken,
            deadline=deadline,
            now=now,
            last_number_first=ledger.from_the_top(
                self._restored_at, match.first_seen, call.started_at
            ),
        )
        if draft is None and judgement.verdict is examined.judgement.verdict:
            judgement = examined.judgement  # nothing is new, and it knows more: why, since when
        plan.decisions.append(_decision(call, judgement, match))
        if draft is not None:
            taken.add(draft.enrichment_number)
            plan.drafts.append(self._written(call, match, draft, fields, slot))

    def _written(
        self,
        call: Call,
        match: Match,
        draft: ledger.Draft,
        fields: dict[str, FieldValue],
        slot: Slot | None,
    ) -> Written:
        version = self._version.number
        if slot is not None and draft.state is State.ACCEPTED:
            version = slot.accepted_version or version
        return Written(
            call_id=call.call_id,
            session=match.session,
            draft=draft,
            fields=fields,
            integration_version=version,
            deadline=ledger.deadline_of(match.first_seen, call.started_at),
            is_new=slot is None,
        )


def _unmatched(examined: Examined, found: NoMatch) -> Decision:
    return Decision(
        call_id=examined.call.call_id,
        judgement=Judgement(verdict=found.verdict, reason=found.reason, detail=found.detail),
        match=None,
        examine_again=found.verdict is Verdict.WAITING,
    )


def _decision(call: Call, judgement: Judgement, match: Match) -> Decision:
    return Decision(
        call_id=call.call_id,
        judgement=judgement,
        match=match,
        match_hash=call.match_hash(),
        examine_again=False,
    )


def _invalid(error: UnbuildableError) -> Judgement:
    return Judgement(verdict=Verdict.INVALID, reason=Reason.FIELDS_INVALID, detail=str(error))
