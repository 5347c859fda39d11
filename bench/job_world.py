"""Makes up a project's past and its new calls for the benchmark of the job, from a seed.

The visits of the last days and the new calls are the same whatever lies before them, so that the
same new work can be measured behind a short and a long history. Rows are loaded in bulk: how
beacons and records come in is measured elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from random import Random
from typing import Any

from collector.domain.call import digest
from collector.domain.enrichment import FieldValue
from collector.domain.identifiers import REFERENCE, TRACKING_NUMBER, VISITOR_ID
from collector.domain.ledger import payload_hash

Row = tuple[Any, ...]

FIRST_PROJECT = 162

#: The new calls, and the visits that led to them, are of so many days; all history is of MONTH.
RECENT = 3
MONTH = 30
DAY_SECONDS = 86_400.0

#: Shares of sessions: a returning user, a page that tells the visitor id, a reference.
RETURNING, KNOWN, REFERRED = 0.3, 0.5, 0.05
#: Of old sessions, those that led to a call; of new calls, those of nobody who was seen, and
#: second calls out of one session.
CALLED, STRANGERS, AGAIN = 0.1, 0.05, 0.1
#: Sessions of three days for each number of the pool: one is lent again after about 20 minutes.
SESSIONS_PER_NUMBER = 200

CENTRES = ("PARIS", "LYON", "NANTES", "LILLE")


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """How much there is of one project.

    Attributes:
        recent: sessions of the last days, in which the new calls began.
        sessions: all of them; the others are older.
        calls: new ones, which no run of the job has looked at.
    """

    recent: int
    sessions: int
    calls: int


@dataclass(frozen=True, slots=True)
class _Visit:
    user_id: str
    number: int
    begun: float
    ended: float
    keys: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Dialled:
    call_id: str
    started: float
    keys: dict[str, str]
    caller: str
    visit: _Visit | None  #: of one that was delivered


class ProjectWorld:
    """One project: its rows by table, made while they are read. Times are seconds before ``now``.

    ``received_at`` is what tells the new calls for whoever remembers nothing.
    """

    def __init__(self, project_id: int, size: Size, now: datetime, seed: int) -> None:
        self.project_id = project_id
        self._size = size
        self._now = now
        self._seed = f"{seed}:{project_id}"
        self._recent = list(self._visits("recent", size.recent, 0, RECENT))
        self._old = list(self._visits("old", size.sessions - size.recent, RECENT, MONTH))

    @property
    def received_at(self) -> datetime:
        """When the new calls came in; the others came before."""
        return self._now

    def _random(self, name: str) -> Random:
        return Random(f"{self._seed}:{name}")  # noqa: S311 - nobody is to be kept from guessing

    def tables(self) -> Iterator[tuple[str, Sequence[str], Iterator[Row]]]:
        """Each table's name, columns and rows, in an order that foreign keys allow."""
        calls = [*self._delivered(), *self._new()]
        yield "session", _SESSION, self._session_rows()
        yield "sighting", _SIGHTING, self._sighting_rows()
        yield "call", _CALL, (self._call_row(call) for call in calls)
        yield (
            "call_key",
            _CALL_KEY,
            (
                (self.project_id, call.call_id, kind, value)
                for call in calls
                for kind, value in call.keys.items()
            ),
        )
        yield "enrichment", _ENRICHMENT, self._enrichment_rows(calls)

    def _visits(self, name: str, number: int, after: int, before: int) -> Iterator[_Visit]:
        random = self._random(name)
        pool = max(20, self._size.recent // SESSIONS_PER_NUMBER)
        span = (before - after) * DAY_SECONDS
        users: list[list[Any]] = []
        for place in range(number):
            # In the order of time, so that numbers are lent in turn.
            ago = before * DAY_SECONDS - (place + random.random()) * span / number
            if users and random.random() < RETURNING:
                user = users[random.randrange(len(users))]
                user[1] += 1
            else:
                user = [f"{random.getrandbits(64):016x}-{name}", 1, None]
                if random.random() < KNOWN:
                    user[2] = f"v-{random.getrandbits(48):012x}"
                users.append(user)
            keys = {TRACKING_NUMBER: f"+331990{place % pool:05d}"}
            if user[2]:
                keys[VISITOR_ID] = user[2]
            if random.random() < REFERRED:
                keys[REFERENCE] = f"R{random.getrandbits(36):09x}"
            stayed = min(random.expovariate(1 / 240), 7200.0, ago)
            yield _Visit(user[0], user[1], ago, ago - stayed, keys)

    def _delivered(self) -> Iterator[_Dialled]:
        """Calls out of a tenth of the sessions, as runs of before have left them."""
        random = self._random("delivered")
        for place, visit in enumerate(chain(self._recent, self._old)):
            if random.random() < CALLED:
                started = visit.begun + (visit.ended - visit.begun) * random.random()
                yield _Dialled(f"old-{place}", started, visit.keys, visit.user_id, visit)

    def _new(self) -> Iterator[_Dialled]:
        random = self._random("new")
        calls, recent = self._size.calls, self._recent
        once = random.sample(recent, min(len(recent), round(calls * (1 - STRANGERS - AGAIN))))
        again = [random.choice(recent) for _ in range(round(calls * AGAIN))]
        for place in range(calls):
            if place < len(once) + len(again):
                visit = once[place] if place < len(once) else again[place - len(once)]
                until = max(0.0, visit.ended - 120)
                started = visit.begun + (until - visit.begun) * random.random()
                yield _Dialled(f"new-{place}", started, visit.keys, visit.user_id, None)
            else:
                number = random.choice(recent).keys[TRACKING_NUMBER]
                started = random.random() * RECENT * DAY_SECONDS
                dialled = {TRACKING_NUMBER: number}
                yield _Dialled(f"new-{place}", started, dialled, f"stranger {place}", None)

    def _at(self, ago: float) -> str:
        moment = self._now - timedelta(seconds=ago)
        return moment.replace(tzinfo=None).isoformat(" ", "microseconds")

    def _session_rows(self) -> Iterator[Row]:
        for visit in chain(self._recent, self._old):
            seen = (self._at(visit.begun), self._at(visit.ended), 2)
            yield (self.project_id, visit.user_id, visit.number, *seen)

    def _sighting_rows(self) -> Iterator[Row]:
        for visit in chain(self._recent, self._old):
            seen = (visit.user_id, visit.number, self._at(visit.begun), self._at(visit.ended))
            for kind, value in visit.keys.items():
                yield (self.project_id, kind, value, *seen)

    def _call_row(self, call: _Dialled) -> Row:
        is_new = call.visit is None
        started = self._at(call.started)
        received = self._at(0 if is_new else call.started)
        said = (
            ("waiting", "new", "imported; the next run of the job looks at it")
            if is_new
            else ("accepted", "delivered", "enrichment 1, revision 1, was accepted")
        )
        rule = next(kind for kind in (VISITOR_ID, REFERENCE, TRACKING_NUMBER) if kind in call.keys)
        match: Row = (None, None, None, None, None)
        if call.visit is not None:
            evidence = json.dumps({"key": call.keys[rule], "users_considered": 1})
            where = (call.visit.user_id, call.visit.number)
            match = (*where, rule, evidence, digest(call.call_id))
        return (
            self.project_id,
            call.call_id,
            started,
            self._at(call.started - _seconds(call)),
            json.dumps(_attributes(call)),
            digest([call.call_id, started]),
            received,
            received,
            *said,
            received,
            is_new,
            *match,
            "own",
            f"{digest(call.caller)}{digest([call.caller])}",
            "00000001",
        )

    def _enrichment_rows(self, calls: Sequence[_Dialled]) -> Iterator[Row]:
        for call in calls:
            if call.visit is None:
                continue
            moment = self._at(call.started)
            fields = _fields(call, moment)
            hashed = payload_hash(fields)
            deadline = self._at(call.visit.begun - 7 * DAY_SECONDS)
            key = (self.project_id, call.visit.user_id, call.visit.number, 1, call.call_id)
            stands = (1, 1, 1, "accepted", deadline, 1, moment, moment, moment)
            yield (*key, json.dumps(fields), hashed, *stands, hashed, 1, 0)


def _seconds(call: _Dialled) -> int:
    return 20 + int(call.started * 7) % 600


def _attributes(call: _Dialled) -> dict[str, Any]:
    return {
        "status": ("completed", "completed", "no-answer")[int(call.started) % 3],
        "duration_s": _seconds(call),
        "rating": int(call.started) % 6,
        "call_center": CENTRES[int(call.started) % len(CENTRES)],
    }


def _fields(call: _Dialled, moment: str) -> dict[str, FieldValue]:
    told = _attributes(call)
    return {
        "answered": told["status"] == "completed",
        "call_duration": told["duration_s"] * 1000,
        "call_client_rating": float(told["rating"]),
        "call_center_name": told["call_center"],
        "call_datetime": f"{moment[:10]}T{moment[11:19]}Z",
    }


def begun() -> datetime:
    """The moment that worlds are made for; the job has to run soon after."""
    return datetime.now(UTC).replace(microsecond=0)


_SEEN = ("first_seen", "last_seen")
_SESSION = ("project_id", "user_id", "session_number", *_SEEN, "beacons")
_SIGHTING = ("project_id", "kind", "value", "user_id", "session_number", *_SEEN)
_CALL_KEY = ("project_id", "call_id", "kind", "value")
_CALL = (
    *("project_id", "call_id", "started_at", "ended_at", "attributes", "content_hash"),
    *("received_at", "changed_at", "verdict", "reason", "detail", "decided_at", "examine"),
    *("user_id", "session_number", "rule", "evidence", "match_hash"),
    *("source", "caller", "caller_key"),
)
_ENRICHMENT = (
    *("project_id", "user_id", "session_number", "enrichment_number", "call_id"),
    *("payload", "payload_hash", "integration_version", "revision", "accepted_revision", "state"),
    *("deadline", "attempts", "created_at", "changed_at", "accepted_at", "accepted_hash"),
    *("accepted_version", "doubtful_revision"),
)
