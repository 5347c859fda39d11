"""Makes up four believable weeks of three customers, through the product's own functions.

Visits, calls, the job and the API's answers are the product's; only the clock is made to run. All
people are invented, and phone numbers are from ranges reserved for fiction.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from collector import resources
from collector.contentsquare import EnrichmentApi
from collector.domain.beacon import Beacon
from collector.domain.identifiers import SessionId
from collector.domain.installation import Installation
from collector.domain.reading import CallReader
from collector.jobs.reconcile import Job
from collector.sandbox import Fault, Sandbox, SandboxInstallation
from collector.sources import definition as definitions
from collector.storage import beacon_counts, installations, intake, sessions
from collector.storage.beacon_counts import BeaconCount
from collector.storage.database import Database
from collector.storage.secrets import SecretBox, generate_key
from collector.storage.sightings import Seen

DAYS = 28
HOUR = timedelta(hours=1)
CLIENT_ID, CLIENT_SECRET = "made-up-client", "made-up-secret"

#: Visits of each hour from 7 to 22 on a working day, of a customer of size 1.
RHYTHM = (2, 5, 9, 12, 13, 11, 8, 10, 12, 13, 12, 10, 7, 5, 4, 2)

CENTRES = ("RENNES", "LILLE", "NANTES")


@dataclass(frozen=True, kw_only=True)
class Customer:
    """``strangers`` are origins of pages that are not the customer's, and are refused."""

    project_id: int
    name: str
    origin: str
    size: float
    strangers: Mapping[str, int]


CUSTOMERS = (
    Customer(
        project_id=162, name="Example shop", origin="https://shop.example", size=1.0,
        strangers={"https://www.shop.example": 6, "https://translated.example": 2},
    ),
    Customer(
        project_id=163, name="Example hotel", origin="https://hotel.example", size=0.6,
        strangers={"https://archive.example": 3},
    ),
    Customer(
        project_id=164, name="Example insurance", origin="https://insurance.example", size=0.35,
        strangers={},
    ),
)  # fmt: skip


class Clock:
    """The time of the made-up weeks. Each look at it takes a moment."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=30)
        return self.now


class Weeks:
    """The weeks up to ``until``, as the database then holds them."""

    def __init__(self, database: Database, until: datetime) -> None:
        # Made-up data, the same each time; nothing secret comes of it.
        self._chance = random.Random(162)  # noqa: S311
        self._database = database
        self._until = until.replace(second=0, microsecond=0)
        self._clock = Clock(self._until - timedelta(days=DAYS))
        self._secrets = SecretBox([generate_key()])
        example = resources.path("examples") / "phone-calls"
        self._definition = definitions.read(example / "integration.toml")
        self._reader = CallReader.of(self._definition, None, region="FR", caller_hash=None)
        self._schema = json.loads((example / "schema.v1.json").read_text(encoding="utf-8"))
        self._late: list[tuple[datetime, int, dict[str, str]]] = []
        self._number = 0
        self._paused = False

    def pass_by(self) -> None:
        """Let them pass, hour by hour."""
        with Sandbox(self._registered(), now=self._clock) as sandbox:
            api = EnrichmentApi(sandbox.auth_url, sleep=lambda _seconds: None)
            job = Job(
                database=self._database,
                definition=self._definition,
                sender=api,
                secrets=self._secrets,
                clock=self._clock,
            )
            self._install()
            for moment in self._hours():
                self._clock.now = moment
                self._live(moment)
                self._happen(moment, sandbox)
                job.run()
            api.close()

    def _hours(self) -> Iterator[datetime]:
        moment = self._until - timedelta(days=DAYS)
        while moment < self._until:
            if 7 <= moment.hour < 7 + len(RHYTHM):
                yield moment
            moment += HOUR
        yield self._until

    def _registered(self) -> list[SandboxInstallation]:
        """The hotel's schema was registered without the rating, so that those with one fail."""
        without = {
            "fields": [
                field for field in self._schema["fields"] if field["name"] != "call_client_rating"
            ]
        }
        return [
            SandboxInstallation(
                project_id=one.project_id,
                integration_id=one.project_id,
                client_id=CLIENT_ID,
                client_secret=CLIENT_SECRET,
                schemas={1: without if one.project_id == 163 else self._schema},
            )
            for one in CUSTOMERS
        ]

    def _install(self) -> None:
        with self._database.write() as connection:
            for one in CUSTOMERS:
                installations.add(
                    connection,
                    Installation(
                        project_id=one.project_id,
                        integration_id=one.project_id,
                        name=one.name,
                        client_id=CLIENT_ID,
                        integration_version=1,
                        origins=(one.origin,),
                        region="FR",
                    ),
                    self._secrets.seal(CLIENT_SECRET),
                    self._clock(),
                )

    def _happen(self, moment: datetime, sandbox: Sandbox) -> None:
        """What does not happen every day: the API is away for a morning, somebody pauses."""
        days_left = (self._until - moment) / timedelta(days=1)
        if 9.0 < days_left < 9.4:
            sandbox.add(Fault(kind="server_error", status=503, count=40))
        else:
            sandbox.clear()
        if days_left <= 6.35 and not self._paused:
            self._paused = True
            with self._database.write() as connection:
                installations.edit(connection, 164, {"paused": True}, moment)

    def _live(self, moment: datetime) -> None:
        """An hour of each customer: visits, the calls out of them, and what is refused."""
        rate = RHYTHM[min(max(moment.hour - 7, 0), len(RHYTHM) - 1)]
        quiet = 0.45 if moment.weekday() >= 5 else 1.0
        for one in CUSTOMERS:
            visits = round(self._chance.gauss(rate * one.size * quiet, 1.5))
            seen, records = [], []
            for _ in range(max(visits, 0)):
                beacon, begun = self._visit(one, moment)
                seen += [
                    Seen(beacon=beacon, now=begun + timedelta(minutes=3 * page))
                    for page in range(self._chance.randint(1, 3))
                ]
                if self._chance.random() < 0.45:
                    records.append(self._call(beacon, begun))
            if self._chance.random() < 0.35 * one.size:
                records.append(self._stranger(moment))
            sessions.record_all(self._database, seen)
            self._count(one, moment.date(), len(seen))
            self._take_in(one.project_id, moment, records)

    def _visit(self, one: Customer, moment: datetime) -> tuple[Beacon, datetime]:
        self._number += 1
        begun = moment - timedelta(minutes=self._chance.randint(12, 58))
        keys = {"tracking_number": f"+331990000{self._chance.randint(10, 29)}"}
        if self._chance.random() < 0.6:
            keys["visitor_id"] = f"visitor-{self._number}"
        elif self._chance.random() < 0.2:
            keys["reference"] = f"QUOTE-{self._number}"
        session = SessionId(user_id=f"user-{self._number:06d}", session_number=1)
        return Beacon(project_id=one.project_id, session=session, keys=keys), begun

    def _call(self, beacon: Beacon, begun: datetime) -> dict[str, str]:
        answered = self._chance.random() < 0.85
        rated = answered and self._chance.random() < 0.08
        record = {
            "call_id": f"call-{self._number:06d}",
            "started": _text(begun + timedelta(minutes=self._chance.randint(1, 6))),
            "duration_s": str(self._chance.randint(20, 420) if answered else 0),
            "status": "completed" if answered else "no-answer",
            "rating": str(self._chance.randint(2, 10) / 2) if rated else "",
            "call_center": self._chance.choice(CENTRES),
            **{name: beacon.keys.get(name, "") for name in ("visitor_id", "reference")},
            "dialled_number": beacon.keys["tracking_number"],
        }
        if self._chance.random() < 0.006:
            record["rating"] = "excellent"
        if self._chance.random() < 0.004:
            record["started"] = "yesterday afternoon"
        return record

    def _stranger(self, moment: datetime) -> dict[str, str]:
        """Somebody who never saw the site: the number was on a poster."""
        self._number += 1
        return {
            "call_id": f"call-{self._number:06d}",
            "started": _text(moment - timedelta(minutes=self._chance.randint(5, 50))),
            "duration_s": "45",
            "status": "completed",
            "call_center": self._chance.choice(CENTRES),
            "dialled_number": "+33199000099",
        }

    def _take_in(self, project_id: int, moment: datetime, records: list[dict[str, str]]) -> None:
        """The platform tells of most calls within the hour, of some a day or even a week later."""
        on_time = []
        for record in records:
            drawn = self._chance.random()
            if drawn < 0.05:
                self._late.append((moment + timedelta(days=7.5 * drawn / 0.05), project_id, record))
            else:
                on_time.append(record)
        due = [late for late in self._late if late[0] <= moment and late[1] == project_id]
        self._late = [late for late in self._late if late not in due]
        on_time += [record for _, _, record in due]
        read = self._reader.read_all(enumerate(on_time, start=1), moment)
        with self._database.write() as connection:
            intake.take_in(
                connection,
                project_id,
                read,
                source="own",
                origin="calls.csv",
                now=moment,
                secrets=self._secrets,
            )

    def _count(self, one: Customer, day: date, accepted: int) -> None:
        told = {("accepted", one.origin): accepted}
        if self._chance.random() < 0.3:
            for origin, beacons in one.strangers.items():
                told["origin_not_allowed", origin] = self._chance.randint(0, beacons)
            told["opted_out", one.origin] = self._chance.randint(0, 2)
        beacon_counts.add(
            self._database,
            [
                BeaconCount(
                    project_id=one.project_id,
                    day=day,
                    outcome=outcome,
                    origin=origin,
                    beacons=beacons,
                    last_at=self._clock(),
                )
                for (outcome, origin), beacons in told.items()
                if beacons
            ],
        )


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
