"""Plays a made-up world into a database, and has its calls matched as the job would match them.

Beacons and calls go through the storage functions that the server and the job use. A call is
decided five minutes after it began at most, by what has arrived until then; one that found no
session is looked at again when the horizon is reached, and at the end, when all that comes late
has come. What was matched stays matched, as in the job.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain

from bench.matching_world import MINUTE, Made, Told, World, moment
from collector.domain import matching
from collector.domain.beacon import Beacon
from collector.domain.call import Call
from collector.domain.definition import Matching
from collector.domain.identifiers import parse_session_key
from collector.domain.matching import Match
from collector.storage import calls as stored_calls
from collector.storage import candidates, sessions
from collector.storage.database import Database
from collector.storage.sightings import Seen

#: So many beacons are stored in one transaction.
TOGETHER = 1000

#: How often the job runs.
EVERY = 5 * MINUTE


@dataclass(kw_only=True)
class Score:
    """Calls by what became of them."""

    calls: int = 0
    findable: int = 0  #: whose session told of itself
    right: int = 0
    wrong: int = 0

    @property
    def precision(self) -> float:
        matched = self.right + self.wrong
        return self.right / matched if matched else 1.0

    @property
    def recall(self) -> float:
        return self.right / self.findable if self.findable else 1.0


@dataclass(kw_only=True)
class Quality:
    """How right the matching was: in all, by rule, and why it was wrong."""

    whole: Score = field(default_factory=Score)
    rules: dict[str, Score] = field(default_factory=lambda: defaultdict(Score))
    verdicts: Counter[str] = field(default_factory=Counter)
    mistakes: Counter[tuple[str, str]] = field(default_factory=Counter)  #: by rule and situation

    def note(self, call: Made, answer: matching.Match | matching.NoMatch) -> None:
        self.whole.calls += 1
        self.whole.findable += call.truth is not None
        if not isinstance(answer, Match):
            self.verdicts[answer.verdict.value] += 1
            return
        self.verdicts["matched"] += 1
        right = answer.session.session_key == call.truth
        for score in (self.whole, self.rules[answer.rule]):
            score.right += right
            score.wrong += not right
        if not right:
            self.mistakes[answer.rule, call.situation] += 1


def run(database: Database, world: World, rules: Matching) -> Quality:
    """Play the world, and count."""
    quality = Quality()
    beacons = iter(world.beacons)
    ahead = next(beacons, None)
    open_calls: dict[float, list[Made]] = defaultdict(list)
    for call in world.calls:
        open_calls[_tick(call.at)].append(call)
    horizon = rules.horizon.total_seconds()
    unmatched: list[Made] = []
    while open_calls:
        now = min(open_calls)
        due: list[Told] = []
        while ahead is not None and ahead.at <= now:
            due.append(ahead)
            ahead = next(beacons, None)
        _tell(database, due)
        for call, answer in _decide(database, open_calls.pop(now), rules, moment(now), store=True):
            if isinstance(answer, Match):
                quality.note(call, answer)
            elif now < call.at + horizon:
                open_calls[_tick(call.at + horizon)].append(call)
            else:
                unmatched.append(call)
    _tell(database, list(chain([ahead] if ahead else [], beacons)))
    end = moment(world.calls[-1].at) + timedelta(days=7)
    for call, answer in _decide(database, unmatched, rules, end, store=False):
        quality.note(call, answer)
    return quality


def _tick(at: float) -> float:
    return (at // EVERY + 1) * EVERY


def _tell(database: Database, beacons: Sequence[Told]) -> None:
    seen = [
        Seen(
            beacon=Beacon(
                project_id=told.project,
                session=parse_session_key(told.session_key),
                keys=told.keys,
            ),
            now=moment(told.at),
        )
        for told in beacons
    ]
    for part in (seen[start : start + TOGETHER] for start in range(0, len(seen), TOGETHER)):
        if any(sessions.record_all(database, part)):
            raise RuntimeError("a beacon of the made-up world could not be stored")


def _decide(
    database: Database, made: Sequence[Made], rules: Matching, now: datetime, *, store: bool
) -> Iterator[tuple[Made, matching.Match | matching.NoMatch]]:
    by_project: dict[int, list[Made]] = defaultdict(list)
    for one in made:
        by_project[one.project].append(one)
    for project_id, of_project in by_project.items():
        calls = [_call(call) for call in of_project]
        with database.write() as connection:
            if store:
                stored_calls.store(connection, project_id, calls, now)
            found = candidates.of_calls(connection, project_id, calls, rules)
        for one, call in zip(of_project, calls, strict=True):
            yield one, matching.decide(call, found[call.call_id], rules, now)


def _call(made: Made) -> Call:
    return Call(
        call_id=made.call_id,
        started_at=moment(made.at),
        ended_at=None,
        updated_at=None,
        keys=made.keys,
        attributes={},
        caller=made.caller,
    )
