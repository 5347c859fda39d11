"""Replays the matching of a period with other rules, beside today's, and changes nothing.

Every call is matched anew from its keys, as if none had an enrichment yet. So what is stored may
differ from a replay even of today's own rules: calls stay in the session that they were enriched
in, and rules and definition may have been others then. Hence three columns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from collector.domain import altering, limits, matching
from collector.domain.building import UnbuildableError, build_fields
from collector.domain.call import Call
from collector.domain.definition import Definition, IntegrationVersion, Matching
from collector.domain.identifiers import SessionId
from collector.domain.matching import Match, NoMatch
from collector.domain.verdicts import Verdict
from collector.errors import UsageError
from collector.jobs import sentences
from collector.jobs.examine import PAGE
from collector.jobs.lookup import Found, look_up
from collector.jobs.progress import Progress, Unwatched
from collector.storage import installations, periods
from collector.storage.database import Connection, Database
from collector.storage.examining import Examined
from collector.storage.periods import Period

#: What becomes of a call once it has a session and a number is the delivery's affair.
ENRICHED = "enriched"
_DELIVERY = frozenset({Verdict.PENDING, Verdict.REJECTED, Verdict.EXPIRED, Verdict.ACCEPTED})

#: The rows of the funnel that rules can change.
ROWS = (
    *(verdict.value for verdict in Verdict if verdict not in _DELIVERY),
    ENRICHED,
)

#: The rule of calls without a session.
NO_RULE = "none"

#: So many examples of each change are kept.
MOST_EXAMPLES = 1000


@dataclass(kw_only=True, slots=True)
class Tally:
    """Where the calls stand under one set of rules, and which of its rules found their sessions."""

    rows: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, Any]:
        return {
            "calls": self.rows.total(),
            "funnel": {row: self.rows[row] for row in ROWS},
            "by_rule": dict(sorted(self.rules.items())),
        }


@dataclass(kw_only=True, slots=True)
class Change:
    """Calls that fare in one way by the other rules, compared with today's; some by name."""

    calls: int = 0
    examples: list[str] = field(default_factory=list)

    def note(self, call_id: str) -> None:
        self.calls += 1
        if len(self.examples) < MOST_EXAMPLES:
            self.examples.append(call_id)


@dataclass(kw_only=True, slots=True)
class Simulation:
    """What the other rules would have made of the period."""

    period: Period
    todays_rules: Matching
    other_rules: Matching
    stored: Tally = field(default_factory=Tally)
    today: Tally = field(default_factory=Tally)
    other: Tally = field(default_factory=Tally)
    replayed_elsewhere: int = 0  #: calls that today's own rules put elsewhere than they stand
    changes: dict[str, Change] = field(
        default_factory=lambda: {
            name: Change() for name in ("found", "lost", "elsewhere", "same", "without")
        }
    )

    @property
    def same_as_stored(self) -> bool:
        """Whether today's rules, replayed, come to what is stored."""
        return not self.replayed_elsewhere and self.stored == self.today

    def as_json(self) -> dict[str, Any]:
        return {
            "project_id": self.period.project_id,
            "from": self.period.since,
            "to": self.period.until,
            "calls": self.stored.rows.total(),
            "stored": self.stored.as_json(),
            "today": self.today.as_json(),
            "other": self.other.as_json(),
            "replay_of_todays_rules_differs": not self.same_as_stored,
            "replayed_elsewhere": self.replayed_elsewhere,
            "changes": {
                name: {"calls": change.calls, "examples": change.examples}
                for name, change in self.changes.items()
            },
            "definition": altering.as_lines(
                self.other_rules, f"projects.{self.period.project_id}.matching"
            ),
        }


def simulate(
    database: Database,
    definition: Definition,
    period: Period,
    other_rules: Matching,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    progress: Progress | None = None,
) -> Simulation:
    """Match the period's calls anew, by today's rules and by the others.

    Raises:
        NotFoundError: the project has no installation.
        UsageError: the definition lacks the installation's integration version.
    """
    progress = progress or Unwatched()
    with database.read() as connection:
        installation = installations.get(connection, period.project_id)
        total = periods.count(connection, period)
    version = definition.versions.get(installation.integration_version)
    if version is None:
        raise UsageError(
            f"Project {period.project_id} cannot be simulated: "
            f"{sentences.version_not_defined(installation, definition)}."
        )
    replay = _Replay(definition, version, period, other_rules, clock())
    progress.begin("matching", total)
    after = None
    while True:
        # A transaction for each page: a long one would keep others from tidying up behind it.
        with database.read() as connection:
            page = periods.page(connection, period, after=after, limit=PAGE)
            replay.take(connection, page)
        if not page:
            return replay.simulation
        after = (page[-1].call.started_at, page[-1].call.call_id)
        progress.advance(len(page))


class _Numbers:
    """The enrichment numbers that one replay has given, in sessions that can still get calls."""

    def __init__(self, rules: Matching) -> None:
        longest = max((rule.window for rule in rules.rules), default=timedelta(0))
        self._reach = longest + limits.ENRICHABLE_FOR
        self._given: dict[SessionId, int] = {}
        self._last: dict[SessionId, datetime] = {}

    def forget_before(self, started: datetime) -> None:
        """No call that started then or later can reach sessions last met so long ago."""
        gone = [session for session, last in self._last.items() if last + self._reach < started]
        for session in gone:
            del self._given[session], self._last[session]

    def take(self, session: SessionId, started: datetime, others: int) -> bool:
        """Give the next number, if there is one left beside those of ``others``."""
        given = self._given.get(session, 0)
        if given + others >= limits.MAX_ENRICHMENT_NUMBER:
            return False
        self._given[session], self._last[session] = given + 1, started
        return True


class _Replay:
    """Takes page after page, in order of start."""

    def __init__(
        self,
        definition: Definition,
        version: IntegrationVersion,
        period: Period,
        other_rules: Matching,
        now: datetime,
    ) -> None:
        todays_rules = definition.matching_of(period.project_id)
        self.simulation = Simulation(
            period=period, todays_rules=todays_rules, other_rules=other_rules
        )
        self._definition = definition
        self._version = version
        self._period = period
        self._now = now
        self._numbers = (_Numbers(todays_rules), _Numbers(other_rules))

    def take(self, connection: Connection, page: Sequence[Examined]) -> None:
        """Match these calls by both sets of rules, and count."""
        if not page:
            return
        rules = (self.simulation.todays_rules, self.simulation.other_rules)
        calls = [examined.call for examined in page]
        looked = look_up(connection, self._period.project_id, calls, rules)
        answers = [self._decide(calls, *each) for each in zip(rules, looked, strict=True)]
        sessions = {
            match.session
            for answered in answers
            for match in answered.values()
            if isinstance(match, Match)
        }
        others = periods.taken_by_others(connection, self._period, sorted(sessions))
        for numbers in self._numbers:
            numbers.forget_before(calls[0].started_at)
        for examined in page:
            call_id = examined.call.call_id
            self._count(examined, answers[0][call_id], answers[1][call_id], others)

    def _decide(
        self, calls: Sequence[Call], rules: Matching, found: Found
    ) -> dict[str, Match | NoMatch]:
        return {
            call.call_id: matching.decide(call, found.get(call.call_id, ()), rules, self._now)
            for call in calls
        }

    def _count(
        self,
        examined: Examined,
        today: Match | NoMatch,
        other: Match | NoMatch,
        others: Counter[SessionId],
    ) -> None:
        simulation, call = self.simulation, examined.call
        verdict = examined.judgement.verdict
        simulation.stored.rows[ENRICHED if verdict in _DELIVERY else verdict.value] += 1
        simulation.stored.rules[_rule_of(examined.match)] += 1
        tallies = (simulation.today, simulation.other)
        buildable = None
        for tally, numbers, answer in zip(tallies, self._numbers, (today, other), strict=True):
            if isinstance(answer, Match) and buildable is None:
                buildable = self._is_buildable(call)
            tally.rows[_row(answer, call, numbers, others, buildable=buildable)] += 1
            tally.rules[_rule_of(answer)] += 1
        simulation.replayed_elsewhere += _session_of(examined.match) != _session_of(today)
        change = _change(_session_of(today), _session_of(other))
        simulation.changes[change].note(call.call_id)

    def _is_buildable(self, call: Call) -> bool:
        try:
            build_fields(call, self._version, self._definition.mapping_behind(call.source))
        except UnbuildableError:
            return False
        return True


def _row(
    answer: Match | NoMatch,
    call: Call,
    numbers: _Numbers,
    others: Counter[SessionId],
    *,
    buildable: bool | None,
) -> str:
    if isinstance(answer, NoMatch):
        return answer.verdict.value
    if not buildable:
        return Verdict.INVALID.value
    if numbers.take(answer.session, call.started_at, others[answer.session]):
        return ENRICHED
    return Verdict.OVER_LIMIT.value


def _session_of(answer: Match | NoMatch | None) -> SessionId | None:
    return answer.session if isinstance(answer, Match) else None


def _rule_of(answer: Match | NoMatch | None) -> str:
    return answer.rule if isinstance(answer, Match) else NO_RULE


def _change(before: SessionId | None, after: SessionId | None) -> str:
    match before, after:
        case None, None:
            return "without"
        case None, _:
            return "found"
        case _, None:
            return "lost"
        case _:
            return "same" if before == after else "elsewhere"
