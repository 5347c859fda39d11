"""A made-up day of a shop: who visited, who called, and how it went. Always the same day.

Phone numbers are from ranges reserved for fiction.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

NUMBERS = tuple(f"+331990000{number:02d}" for number in range(1, 21))
CENTRES = ("RENNES", "LILLE", "NANTES")
COLUMNS = (
    "call_id",
    "started",
    "duration_s",
    "status",
    "rating",
    "call_center",
    "visitor_id",
    "reference",
    "dialled_number",
    "session_key",
    "updated",
)

#: A share of the visitors that call, and how the calls come out.
VISITS = 240
FIRST_CALLER, CALLERS = 0, 90


@dataclass(frozen=True, kw_only=True)
class Visit:
    """One session of the day, as the snippet will tell of it, ``ago`` before now."""

    user_id: str
    session_number: int
    ago: timedelta
    keys: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Day:
    """The visits, and the lines of the call platform's CSV file."""

    visits: list[Visit]
    records: list[dict[str, str]]


def make_day(now: datetime, seed: int = 162) -> Day:
    """A day that ends at ``now``, with every kind of call that a provider meets."""
    # Made-up data, the same on each machine; nothing secret comes of it.
    chance = random.Random(seed)  # noqa: S311 - nothing secret depends on it
    visits = [_visit(chance, number) for number in range(VISITS)]
    records = [_call(chance, now, visit) for visit in visits[FIRST_CALLER:CALLERS]]
    for story in (_strangers, _shared_line, _talkative, _last_week, _misfits, _too_early):
        more_visits, more_records = story(chance, now)
        visits += more_visits
        records += more_records
    chance.shuffle(records)
    return Day(visits=visits, records=records)


Story = tuple[list[Visit], list[dict[str, str]]]


def _user(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))


def _visit(chance: random.Random, number: int) -> Visit:
    """A visitor with an id of the shop's own, and a number of the pool for some minutes."""
    slot, line = divmod(number, len(NUMBERS))
    ago = timedelta(hours=23) - slot * timedelta(minutes=80)
    keys = {"tracking_number": NUMBERS[line]}
    if chance.random() < 0.6:
        keys["visitor_id"] = f"visitor-{number}"
    return Visit(user_id=_user(chance), session_number=chance.randint(1, 9), ago=ago, keys=keys)


def _call(
    chance: random.Random,
    now: datetime,
    visit: Visit,
    *,
    after: timedelta = timedelta(minutes=3),
    **changes: str,
) -> dict[str, str]:
    """The platform's record of a call that this visit led to."""
    answered = chance.random() < 0.85
    record = dict.fromkeys(COLUMNS, "")
    record.update(
        call_id=f"call-{chance.getrandbits(32):08x}",
        started=_text(now - visit.ago + after),
        duration_s=str(chance.randint(20, 900) if answered else 0),
        status="completed" if answered else "no-answer",
        rating=str(chance.randint(2, 10) / 2) if answered else "",
        call_center=chance.choice(CENTRES),
        visitor_id=visit.keys.get("visitor_id", ""),
        dialled_number=visit.keys.get("tracking_number", ""),
    )
    return record | changes


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _strangers(chance: random.Random, now: datetime) -> Story:
    """Calls of people who never saw the site: the number was on a poster."""
    poster = Visit(user_id="", session_number=1, ago=timedelta(0))
    return [], [
        _call(
            chance,
            now,
            poster,
            after=-timedelta(hours=2 + number),
            dialled_number="+33199000099",
        )
        for number in range(12)
    ]


def _shared_line(chance: random.Random, now: datetime) -> Story:
    """Two visitors were shown one number in the same minutes; nobody can tell who called."""
    visits, records = [], []
    for number in range(5):
        keys = {"tracking_number": f"+3319900005{number}"}
        ago = timedelta(hours=3 + number)
        pair = [
            Visit(user_id=_user(chance), session_number=1, ago=ago, keys=keys) for _ in range(2)
        ]
        visits += pair
        records.append(_call(chance, now, pair[0]))
    return visits, records


def _talkative(chance: random.Random, now: datetime) -> Story:
    """One visit, four calls: Contentsquare keeps three."""
    visit = Visit(
        user_id=_user(chance),
        session_number=2,
        ago=timedelta(hours=5),
        keys={"visitor_id": "visitor-talkative"},
    )
    return [visit], [
        _call(chance, now, visit, after=timedelta(minutes=2 + 4 * number)) for number in range(4)
    ]


def _last_week(chance: random.Random, now: datetime) -> Story:
    """Records that come late: their sessions started more than seven days ago."""
    visits = [
        Visit(
            user_id=_user(chance),
            session_number=1,
            ago=timedelta(days=7, hours=2 + number),
            keys={"reference": f"QUOTE-{number}"},
        )
        for number in range(4)
    ]
    return visits, [
        _call(chance, now, visit, reference=visit.keys["reference"]) for visit in visits
    ]


def _misfits(chance: random.Random, now: datetime) -> Story:
    """A rating that is no number, which the schema refuses; and two lines that are no records."""
    visit = Visit(
        user_id=_user(chance),
        session_number=1,
        ago=timedelta(hours=4),
        keys={"visitor_id": "visitor-misfit"},
    )
    return [visit], [
        _call(chance, now, visit, rating="excellent"),
        _call(chance, now, visit, started="yesterday afternoon"),
        _call(chance, now, visit, call_id=""),
    ]


def _too_early(chance: random.Random, now: datetime) -> Story:
    """Calls of the last minutes whose sessions nobody has told of yet."""
    unseen = Visit(user_id="", session_number=1, ago=timedelta(0))
    return [], [
        _call(
            chance,
            now,
            unseen,
            after=-timedelta(minutes=1 + number),
            visitor_id=f"visitor-to-come-{number}",
        )
        for number in range(3)
    ]


def bodies(day: Day, project_id: int) -> Iterator[dict[str, object]]:
    """Each visit as the snippet posts it."""
    for visit in day.visits:
        yield {
            "projectId": project_id,
            "userId": visit.user_id,
            "sessionNumber": visit.session_number,
            "keys": visit.keys,
        }
