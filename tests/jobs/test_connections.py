"""Several requests in flight at once: never too many, none twice, and no answer is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from threading import Barrier
from typing import Any

import pytest

from collector.contentsquare import Answer, EnrichmentApi
from collector.domain.batching import CANARY
from collector.errors import ContentsquareError
from collector.jobs.posting import Posting
from collector.jobs.report import ProjectOutcome, RunReport
from collector.sandbox import Fault, Sandbox
from collector.storage.database import Database
from tests.sandbox_fixtures import PHONE_CALL_INSTALLATION
from tests.world import PROJECT, Clock, World

#: Longer than any of these takes to come about.
PATIENCE = 20

OTHER = 163


class Watched:
    """The real client; notes how many are in flight, and whether anything is there twice."""

    def __init__(
        self,
        world: World,
        connections: int,
        meanwhile: Callable[[int], object] = lambda _: None,
        afterwards: Callable[[int], object] = lambda _: None,
        sleep: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        self.api = EnrichmentApi(world.sandbox.auth_url, connections=connections, sleep=sleep)
        self.most = self.sent = 0
        self.twice: set[Any] = set()
        self._meanwhile, self._afterwards = meanwhile, afterwards
        self._in_flight: list[set[Any]] = []
        self._lock = threading.Lock()

    def send(self, credentials: Any, version: int, enrichments: Any, begun: float) -> Any:
        keys = {(credentials.project_id, item.user_id) for item in enrichments}
        with self._lock:
            self.twice |= {key for key in keys for other in self._in_flight if key in other}
            self._in_flight.append(keys)
            self.most = max(self.most, len(self._in_flight))
            self.sent += 1
            number = self.sent
        try:
            self._meanwhile(number)
            answer = self.api.send(credentials, version, enrichments, begun)
            self._afterwards(number)
            return answer
        finally:
            with self._lock:
                self._in_flight.remove(keys)

    def run(self, world: World, connections: int, **changes: Any) -> RunReport:
        each = changes.pop("connections_per_installation", connections)
        with self.api:
            return world.run(
                sender=self,
                connections=connections,
                connections_per_installation=each,
                **changes,
            )


@pytest.fixture
def world(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Two proven installations, and batches of two."""
    monkeypatch.setattr("collector.domain.limits.MAX_BATCH", 2)
    clock = Clock()
    other = replace(PHONE_CALL_INSTALLATION, project_id=OTHER, integration_id=43)
    with Sandbox([PHONE_CALL_INSTALLATION, other], now=clock) as sandbox:
        made = World(database, sandbox, clock)
        for project_id, integration_id in ((PROJECT, 42), (OTHER, 43)):
            made.install(project_id, integration_id)
            made.prove(project_id=project_id)
        yield made


def calls(world: World, number: int, project_id: int = PROJECT) -> None:
    for index in range(number):
        world.visit(f"user{index}.1", project_id=project_id, visitor_id=f"v{index}")
        world.call(f"{project_id}-{index}", project_id=project_id, visitor_id=f"v{index}")


def together(number: int) -> Callable[[int], object]:
    """Lets the first so many requests wait for each other."""
    barrier = Barrier(number)
    return lambda which: barrier.wait(PATIENCE) if which <= number else None


def spoil(world: World, *call_ids: str) -> None:
    with world.database.write() as connection:
        for call_id in call_ids:
            connection.exec_driver_sql(
                'UPDATE enrichment SET payload = \'{"call_duration": "long"}\' '
                f"WHERE call_id = '{call_id}'"
            )


def test_as_many_requests_as_allowed_are_in_flight_and_connections_are_reused(
    world: World,
) -> None:
    calls(world, 18)
    sender = Watched(world, 3, together(3))
    report = sender.run(world, 3)
    assert report.funnel.verdicts["accepted"] == 18
    assert (sender.most, sender.twice, world.posts) == (3, set(), 9)
    assert len({seen.connection for seen in world.sandbox.requests}) <= 3
    assert sum(seen.path == "/v1/oauth/token" for seen in world.sandbox.requests) == 1


@pytest.mark.parametrize(("connections", "begun"), [(1, 1), (3, 6)])
def test_as_many_are_begun_ahead_as_are_in_flight_but_with_a_single_connection_none(
    connections: int, begun: int
) -> None:
    def post(group: str) -> Answer:
        raise AssertionError(f"{group} was posted")

    with Posting(post, connections, lambda: False) as posting:
        assert posting.room == begun


def test_an_installation_has_its_share_and_all_together_have_the_whole(world: World) -> None:
    """Two of three connections for each, and each has begun before either ends."""
    for project_id in (PROJECT, OTHER):
        calls(world, 12, project_id)
    sender = Watched(world, 3, together(4))
    report = sender.run(world, 3, connections_per_installation=2)
    assert report.funnel.verdicts["accepted"] == 24
    assert [project.project_id for project in report.projects] == [PROJECT, OTHER]
    assert (sender.most, sender.twice) == (4, set())  # one of them waits for a connection
    assert len({seen.connection for seen in world.sandbox.requests}) <= 3


@pytest.mark.parametrize("refusals", [1, 4])
def test_a_429_halves_the_connections_once_for_all_that_were_in_flight(
    world: World, refusals: int
) -> None:
    calls(world, 24)
    world.sandbox.add(Fault(kind="too_many_requests", count=refusals))
    late: list[int] = []
    barrier = Barrier(4)

    def meanwhile(which: int) -> None:
        if which <= 4:
            barrier.wait(PATIENCE)
        else:
            late.append(len(sender._in_flight))

    # Each refusal is another request's: who is refused waits for the others before it tries again.
    refused = Barrier(refusals)

    def sleep(_seconds: float) -> None:
        refused.wait(PATIENCE)

    # Answered before any of them is told: else one that begins later could get a refusal of theirs.
    sender = Watched(world, 4, meanwhile, afterwards=together(4), sleep=sleep)
    report = sender.run(world, 4)
    assert report.funnel.verdicts["accepted"] == 24
    assert report.projects[0].slowed_to == 2
    assert late[-1] <= 2


def test_a_single_connection_is_never_halved_away(world: World) -> None:
    calls(world, 4)
    world.sandbox.add(Fault(kind="too_many_requests", count=2))
    report = Watched(world, 1).run(world, 1)
    assert report.funnel.verdicts["accepted"] == 4
    assert report.projects[0].slowed_to is None


def test_one_installations_trouble_stops_no_other_that_delivers_beside_it(world: World) -> None:
    world.edit(client_id="somebody else")
    for project_id in (PROJECT, OTHER):
        calls(world, 8, project_id)
    report = Watched(world, 4).run(world, 4)
    assert [project.outcome for project in report.projects] == [
        ProjectOutcome.PROBLEM,
        ProjectOutcome.DONE,
    ]
    assert report.projects[1].accepted == 8
    assert in_doubt(world) == 0


def test_a_stop_waits_for_what_is_in_flight_and_sends_nothing_more(world: World) -> None:
    calls(world, 20)
    stop = threading.Event()
    barrier = Barrier(3, action=stop.set)
    sender = Watched(world, 3, lambda _: barrier.wait(PATIENCE))
    report = sender.run(world, 3, stopping=stop.is_set)
    assert report.funnel.verdicts["accepted"] == report.projects[0].accepted == 6
    assert (sender.sent, in_doubt(world)) == (3, 0)
    assert Watched(world, 3).run(world, 3).funnel.verdicts["accepted"] == 20


@pytest.mark.parametrize("sent_before", [True, False])
def test_an_error_of_one_request_does_not_cost_the_others_their_answers(
    world: World, sent_before: bool
) -> None:
    calls(world, 20)
    barrier = Barrier(3)

    def meanwhile(which: int) -> None:
        if which <= 3:
            barrier.wait(PATIENCE)
        if which == 2:
            error = ContentsquareError("no answer of the API")
            error.in_doubt = sent_before
            raise error

    report = Watched(world, 3, meanwhile).run(world, 3)
    assert report.projects[0].outcome is ProjectOutcome.PROBLEM
    assert report.funnel.verdicts["accepted"] == report.projects[0].accepted >= 4
    assert in_doubt(world) == (2 if sent_before else 0)
    report = Watched(world, 3).run(world, 3)
    assert report.funnel.verdicts["accepted"] == 20


def test_a_server_that_asks_to_wait_is_heard_by_all_connections(world: World) -> None:
    calls(world, 20)
    world.sandbox.add(Fault(kind="too_many_requests", count=1, retry_after=600))
    sender = Watched(world, 3, together(3))
    report = sender.run(world, 3)
    assert report.projects[0].outcome is ProjectOutcome.LATER
    assert report.funnel.verdicts["accepted"] + 2 == 2 * sender.sent
    assert in_doubt(world) == 0
    world.clock.forward(minutes=10)
    assert Watched(world, 3).run(world, 3).funnel.verdicts["accepted"] == 20


def test_refused_batches_are_searched_side_by_side_and_cost_no_neighbour(world: World) -> None:
    calls(world, 16)
    world.edit(paused=True)
    world.run()
    world.edit(paused=False)
    spoil(world, "162-1", "162-6", "162-9")
    sender = Watched(world, 4)
    report = sender.run(world, 4)
    assert report.funnel.verdicts["accepted"] == 13
    assert report.funnel.verdicts["rejected"] == 3
    assert sender.twice == set()


def test_a_canary_is_alone_on_the_line(world: World) -> None:
    world.edit(proven_version=None)
    calls(world, CANARY + 6)
    alone: list[int] = []
    sender = Watched(world, 4, lambda which: alone.append(world.posts) if which < 3 else None)
    report = sender.run(world, 4)
    assert report.funnel.verdicts["accepted"] == CANARY + 6
    assert alone == [0, 1]


def test_a_canary_that_is_refused_is_searched_before_anything_else_goes_out(world: World) -> None:
    calls(world, CANARY + 6)
    world.edit(paused=True)
    world.run()
    world.edit(paused=False, proven_version=None)
    spoil(world, "162-2")
    sender = Watched(world, 4)
    report = sender.run(world, 4)
    assert report.funnel.verdicts["accepted"] == CANARY + 5
    assert report.funnel.verdicts["rejected"] == 1
    assert sender.twice == set()


def in_doubt(world: World) -> int:
    (row,) = world.rows(
        "SELECT count(*) AS n FROM enrichment WHERE doubtful_revision > accepted_revision"
    )
    return int(row["n"])
