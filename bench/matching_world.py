"""Made-up visits and calls of which it is known who called from where.

Nothing here knows the rules of matching. Persons visit, numbers of a pool are lent to visits,
beacons come or do not, and people call; the truth is noted where a call is made. What each
parameter rests on is said beside it; where nobody publishes a figure it is an assumption, chosen
rather too hard than too easy. The same seed gives the same world.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from bench import matching_pool as pool

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
DAY = 86400.0
HOUR = 3600.0
MINUTE = 60.0

#: The snippet tells of a session again once a view comes so long after its last beacon.
QUIET = 5 * MINUTE


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """The parameters. Shares lie between 0 and 1; times are seconds unless they say otherwise."""

    calls: int = 20000
    projects: int = 4
    days: int = 14
    #: Calls for each visit. Assumption; few visits for each call make pools small, which is hard.
    calls_per_visit: float = 0.1
    #: Visitors without consent or with a blocker: they see a number and send no beacon. Assumption.
    unseen: float = 0.3
    #: Numbers in the pool, as a share of those needed at the busiest hour. Below 1 it runs dry.
    pool: float = 0.9
    #: How long a number is kept for a visit after its last view. Assumption: as long as a session.
    hold: float = 30 * MINUTE
    #: Visits by somebody who was there before; half of them within a day. Assumption.
    returning: float = 0.25
    #: Visits from a device that another person has used shortly before. Assumption.
    shared_device: float = 0.01
    #: Persons known by one visitor id who browse on two devices, two users. Assumption.
    two_devices: float = 0.03
    #: Beacons that arrive minutes late, and those that never do (the snippet repeats none).
    late_beacons: float = 0.02
    lost_beacons: float = 0.01
    #: Standard deviation of the platforms' clocks, one offset for each project.
    clock_skew: float = 15.0
    #: What calls carry, apart from the number that was dialled. Assumptions.
    with_session_key: float = 0.1
    with_visitor_id: float = 0.45
    with_reference: float = 0.15
    #: References of six digits that were typed with one digit wrong. Assumption.
    mistyped: float = 0.03
    #: Visitor ids taken from the wrong customer's record. Assumption.
    wrong_record: float = 0.002
    #: Calls an hour to five days after the visit, to the number noted then. Assumption.
    later: float = 0.03
    #: Calls followed by another of the same person, minutes to three days later. Assumption.
    redialled: float = 0.05
    #: Calls to a number of the pool by somebody who was never on the page. Assumption.
    stray: float = 0.003
    #: Callers who withhold their number. Assumption.
    withheld: float = 0.05


@dataclass(kw_only=True)
class Person:
    """Somebody, at one device or two, known to the page by one visitor id."""

    name: str
    users: list[str]
    seen: bool
    visits: list[Visit] = field(default_factory=list)


@dataclass(kw_only=True)
class Visit:
    """One session: when pages were viewed, which number they showed."""

    project: int
    person: Person
    user: str
    number_of_user: int
    views: list[float]
    number: str = ""
    reference: str | None = None
    told: bool = False  #: whether any beacon of it arrived

    @property
    def session_key(self) -> str:
        return f"{self.user}.{self.number_of_user}"


@dataclass(frozen=True, kw_only=True, order=True)
class Told:
    """A beacon as it arrives."""

    at: float
    project: int
    session_key: str
    keys: dict[str, str] = field(compare=False)


@dataclass(frozen=True, kw_only=True)
class Made:
    """A call as the platform records it; ``truth`` is its session, None if no beacon told it."""

    call_id: str
    project: int
    at: float
    keys: dict[str, str]
    caller: str | None
    truth: str | None
    situation: str


@dataclass(kw_only=True)
class World:
    """All that happened, in the order of time."""

    beacons: list[Told] = field(default_factory=list)
    calls: list[Made] = field(default_factory=list)


def moment(at: float) -> datetime:
    """A time of the made-up world as a date."""
    return BEGIN + timedelta(seconds=at)


def make(scenario: Scenario, seed: int) -> World:
    """The world of this scenario and seed."""
    random = Random(seed)  # noqa: S311 - a game, no secret
    world = World()
    for project in range(1, scenario.projects + 1):
        _Project(scenario, random, project, world).play()
    world.beacons.sort()
    world.calls.sort(key=lambda call: (call.at, call.call_id))
    return world


class _Project:
    def __init__(self, scenario: Scenario, random: Random, project: int, world: World) -> None:
        self.scenario, self.random, self.project, self.world = scenario, random, project, world
        self.skew = max(-50.0, min(50.0, random.gauss(0, scenario.clock_skew)))
        self.persons: list[Person] = []
        self.calls = 0

    def play(self) -> None:
        visits = sorted(self._visits(), key=lambda visit: visit.views[0])
        pool.lend(visits, self.scenario.pool, self.scenario.hold)
        self._lend_references(visits)
        for visit in visits:
            visit.person.visits.append(visit)
            if visit.person.seen:
                self._tell(visit)
        for visit in visits:
            if self.random.random() < self.scenario.calls_per_visit:
                self._call_from(visit)

    def _visits(self) -> Iterator[Visit]:
        scenario, random = self.scenario, self.random
        wanted = int(scenario.calls / scenario.calls_per_visit / scenario.projects)
        made = 0
        while made < wanted:
            start = random.randrange(scenario.days) * DAY + _hour_of_day(random) * HOUR
            person = self._newcomer()
            count = 1 + (random.random() < scenario.returning)
            user = person.users[0]
            for number in range(1, count + 1):
                yield self._visit(person, user, number, start)
                start += _spread(random, 10 * MINUTE, 5 * DAY) + HOUR / 2
                user = random.choice(person.users)
                made += 1
            if random.random() < scenario.shared_device:
                other = Person(name=person.name, users=person.users, seen=person.seen)
                after = start - HOUR / 2
                yield self._visit(other, person.users[0], count + 1, after)
                made += 1

    def _newcomer(self) -> Person:
        scenario, random = self.scenario, self.random
        name = f"{self.project}-{len(self.persons)}"
        users = [f"u{name}"]
        if random.random() < scenario.two_devices:
            users.append(f"w{name}")
        person = Person(name=f"v{name}", users=users, seen=random.random() >= scenario.unseen)
        self.persons.append(person)
        return person

    def _visit(self, person: Person, user: str, number: int, start: float) -> Visit:
        views = [start]
        while self.random.random() < 0.7 and len(views) < 40:
            views.append(views[-1] + self.random.expovariate(1 / (1.2 * MINUTE)))
        return Visit(
            project=self.project, person=person, user=user, number_of_user=number, views=views
        )

    def _lend_references(self, visits: list[Visit]) -> None:
        for visit in visits:
            if self.random.random() < 0.5:
                visit.reference = f"{self.random.randrange(10**6):06d}"

    def _tell(self, visit: Visit) -> None:
        scenario, random = self.scenario, self.random
        keys = {"visitor_id": visit.person.name, "tracking_number": visit.number}
        if visit.reference:
            keys["reference"] = visit.reference
        last = -math.inf
        for view in visit.views:
            if view - last <= QUIET:
                continue
            last = view
            if random.random() < scenario.lost_beacons:
                continue
            late = random.random() < scenario.late_beacons
            delay = random.expovariate(1 / (2 * MINUTE if late else 0.5))
            visit.told = True
            self.world.beacons.append(
                Told(at=view + delay, project=self.project, session_key=visit.session_key,
                     keys=keys)
            )  # fmt: skip

    def _call_from(self, visit: Visit) -> None:
        scenario, random = self.scenario, self.random
        if random.random() < scenario.stray / (1 - scenario.stray):
            self._note(None, visit, visit.views[-1] + random.random() * DAY, "stray")
        if random.random() < scenario.later:
            self._note(visit.person, visit, visit.views[-1] + _spread(random, HOUR, 5 * DAY),
                       "later")  # fmt: skip
            return
        # While a page is looked at, or soon after: half within a minute and a half of a view.
        at = random.choice(visit.views) + random.lognormvariate(math.log(1.5 * MINUTE), 1.2)
        self._note(visit.person, visit, at, "prompt")
        if random.random() < scenario.redialled:
            again = at + _spread(random, 2 * MINUTE, 3 * DAY)
            self._note(visit.person, visit, again, "redialled")

    def _note(self, person: Person | None, visit: Visit, at: float, situation: str) -> None:
        scenario, random = self.scenario, self.random
        known = [one for one in person.visits if one.views[0] <= at] if person else []
        led = known[-1] if known else None
        self.calls += 1
        call_id = f"{self.project}-{self.calls}"
        caller = (person.users[0] + person.name) if person else f"stray{call_id}"
        self.world.calls.append(
            Made(
                call_id=call_id,
                project=self.project,
                at=at + self.skew,
                keys={**self._keys(led, situation), "tracking_number": visit.number},
                caller=None if random.random() < scenario.withheld else caller,
                truth=led.session_key if led and led.told else None,
                situation=situation if led is None or led.told else f"{situation}, unseen",
            )
        )

    def _keys(self, led: Visit | None, situation: str) -> dict[str, str]:
        scenario, random = self.scenario, self.random
        keys: dict[str, str] = {}
        if led is None:
            return keys
        at_the_page = situation == "prompt"
        if at_the_page and led.person.seen and random.random() < scenario.with_session_key:
            keys["session_key"] = led.session_key
        if random.random() < scenario.with_visitor_id * (1 if at_the_page else 0.3):
            keys["visitor_id"] = led.person.name
            if random.random() < scenario.wrong_record:
                keys["visitor_id"] = random.choice(self.persons).name
        if led.reference and random.random() < 2 * scenario.with_reference:
            keys["reference"] = led.reference
            if random.random() < scenario.mistyped:
                place = random.randrange(6)
                digit = str((int(led.reference[place]) + random.randrange(1, 10)) % 10)
                keys["reference"] = led.reference[:place] + digit + led.reference[place + 1 :]
        return keys


def _hour_of_day(random: Random) -> float:
    """Busy from nine to eight, with its height in the afternoon, and hardly anybody at night."""
    while True:
        hour = random.random() * 24
        if random.random() < 0.08 + 0.92 * max(0.0, math.sin((hour - 8) / 13 * math.pi)):
            return hour


def _spread(random: Random, least: float, most: float) -> float:
    """Between the two, each doubling as likely as the next."""
    return math.exp(random.uniform(math.log(least), math.log(most)))
