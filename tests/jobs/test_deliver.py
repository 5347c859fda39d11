"""Delivery: no good record is lost for a bad neighbour, and every answer is written down."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from collector.contentsquare import EnrichmentApi
from collector.domain.identifiers import SessionId
from collector.jobs.report import ProjectOutcome
from collector.sandbox import Fault, Sandbox, SandboxInstallation
from collector.storage import leases
from collector.storage.database import Database
from tests.bounds import most_requests
from tests.sandbox_fixtures import PHONE_CALL_INSTALLATION, PHONE_CALL_SCHEMA
from tests.world import PROJECT, Clock, World


def many_calls(world: World, number: int) -> list[str]:
    for index in range(number):
        world.visit(f"user{index}.1", visitor_id=f"v{index}")
    return [world.call(visitor_id=f"v{index}") for index in range(number)]


def spoil(world: World, call_id: str) -> None:
    """Make a payload one that the API refuses, as a definition that has drifted would."""
    with world.database.write() as connection:
        connection.exec_driver_sql(
            'UPDATE enrichment SET payload = \'{"call_duration": "long"}\' '
            f"WHERE call_id = '{call_id}'"
        )


def build_only(world: World) -> None:
    world.edit(paused=True)
    world.run()
    world.edit(paused=False)


def test_more_than_two_hundred_enrichments_go_in_several_batches(world: World) -> None:
    world.prove()
    many_calls(world, 230)
    report = world.run()
    assert report.funnel.verdicts["accepted"] == 230
    assert world.posts == report.projects[0].batches == 2
    sizes = world.rows("SELECT size FROM batch ORDER BY size DESC")
    assert [row["size"] for row in sizes] == [200, 30]


def test_one_culprit_in_two_hundred_is_isolated_and_its_neighbours_are_accepted(
    world: World,
) -> None:
    world.prove()
    calls = many_calls(world, 200)
    build_only(world)
    spoil(world, calls[77])
    report = world.run()
    assert report.funnel.verdicts["accepted"] == 199
    assert report.funnel.verdicts["rejected"] == 1
    row = world.report_call(calls[77])
    assert row["reason"] == "refused_by_api"
    assert "enrichments don't match expected payload" in row["detail"]
    assert world.posts <= 2 * math.log2(200) + 1
    assert "refused by the API" in report.attention[0]


def test_a_rejected_enrichment_is_not_sent_again_until_its_call_changes(world: World) -> None:
    world.prove()
    (call_id,) = many_calls(world, 1)
    build_only(world)
    spoil(world, call_id)
    world.run()
    posts = world.posts
    assert world.run().attention == []
    assert world.posts == posts
    world.call(call_id, visitor_id="v0", attributes={"rating": "3"})
    world.run()
    assert world.verdict(call_id) == "accepted"


def test_when_nearly_all_is_refused_nothing_is_blamed_and_the_installation_is_held(
    world: World,
) -> None:
    world.prove()
    calls = many_calls(world, 50)
    build_only(world)
    for call_id in calls:
        spoil(world, call_id)
    report = world.run()
    assert report.projects[0].outcome is ProjectOutcome.PROBLEM
    assert "resume 162" in report.attention[0]
    assert world.posts <= most_requests(50, 8)
    assert report.funnel.verdicts["pending"] == 50
    assert world.run().projects[0].outcome is ProjectOutcome.PAUSED


def test_a_version_that_is_not_registered_blames_no_enrichment(world: World) -> None:
    one = world.definition.versions[1]
    world.definition = replace(world.definition, versions={1: one, 2: replace(one, number=2)})
    world.edit(integration_version=2)
    many_calls(world, 3)
    report = world.run()
    assert report.funnel.verdicts["pending"] == 3
    assert "does not know integration version 2" in report.attention[0]
    assert world.posts == 1
    world.edit(integration_version=1)
    assert world.run().funnel.verdicts["accepted"] == 3


def test_refused_credentials_leave_everything_pending_and_name_the_remedy(world: World) -> None:
    world.edit(client_id="somebody else")
    many_calls(world, 2)
    report = world.run()
    assert report.funnel.verdicts["pending"] == 2
    assert report.projects[0].outcome is ProjectOutcome.PROBLEM
    assert PHONE_CALL_INSTALLATION.client_secret not in report.attention[0]
    (row,) = world.rows("SELECT problem FROM installation")
    assert row["problem"]
    world.edit(client_id=PHONE_CALL_INSTALLATION.client_id)
    assert world.run().funnel.verdicts["accepted"] == 2
    assert world.rows("SELECT problem FROM installation") == [{"problem": None}]


def test_one_installations_trouble_stops_no_other(database: Database) -> None:
    clock = Clock()
    other = SandboxInstallation(
        project_id=163,
        integration_id=43,
        client_id=PHONE_CALL_INSTALLATION.client_id,
        client_secret=PHONE_CALL_INSTALLATION.client_secret,
        schemas={1: PHONE_CALL_SCHEMA},
    )
    with Sandbox([PHONE_CALL_INSTALLATION, other], now=clock) as sandbox:
        world = World(database, sandbox, clock)
        world.install(client_id="somebody else")
        world.install(project_id=163, integration_id=43)
        for project_id in (PROJECT, 163):
            world.visit("u.1", project_id=project_id, visitor_id="v1")
            world.call(f"call of {project_id}", project_id=project_id, visitor_id="v1")
        report = world.run()
        assert [project.outcome for project in report.projects] == [
            ProjectOutcome.PROBLEM,
            ProjectOutcome.DONE,
        ]
        assert world.verdict("call of 163") == "accepted"


def test_a_server_that_asks_to_wait_longer_is_obeyed_over_runs(world: World) -> None:
    many_calls(world, 2)
    world.sandbox.add(Fault(kind="too_many_requests", count=1, retry_after=600))
    report = world.run()
    assert report.projects[0].outcome is ProjectOutcome.LATER
    assert report.attention == []
    assert report.funnel.verdicts["pending"] == 2
    world.clock.forward(minutes=9)
    world.run()
    assert world.posts == 1
    world.clock.forward(minutes=1)
    assert world.run().funnel.verdicts["accepted"] == 2


def test_a_short_outage_is_waited_out_within_the_run(world: World) -> None:
    many_calls(world, 2)
    world.sandbox.add(Fault(kind="server_error", count=2))
    assert world.run().funnel.verdicts["accepted"] == 2
    assert len(world.waits) == 2


def test_an_answer_lost_after_storing_doubles_nothing(world: World) -> None:
    many_calls(world, 3)
    world.sandbox.add(Fault(kind="drop_after", count=1))
    assert world.run().funnel.verdicts["accepted"] == 3
    assert len(world.held) == 3


def test_a_token_that_dies_in_the_middle_is_renewed_and_the_batch_sent_again(
    world: World,
) -> None:
    many_calls(world, 10)

    class Aging:
        """Passes on to the real client, and lets the token die after the first batch."""

        def __init__(self) -> None:
            self.api = world.job().sender

        def send(self, *arguments: Any) -> Any:
            answer = self.api.send(*arguments)
            world.clock.forward(hours=2)
            return answer

    report = world.run(sender=Aging())
    assert report.funnel.verdicts["accepted"] == 10
    assert (len(world.held), report.projects[0].batches) == (10, 2)


def test_a_revision_made_while_an_older_one_is_in_flight_is_sent_after_it(world: World) -> None:
    (call_id,) = many_calls(world, 1)

    class Interrupted:
        """While the batch is in flight, the call changes and another worker has built it anew."""

        def __init__(self) -> None:
            self.api = world.job().sender
            self.done = False

        def send(self, *arguments: Any) -> Any:
            answer = self.api.send(*arguments)
            if not self.done:
                self.done = True
                with world.database.write() as connection:
                    connection.exec_driver_sql(
                        "UPDATE enrichment SET revision = 2, payload_hash = 'new', payload = "
                        '\'{"call_duration": 1, "call_center_name": "LYON", '
                        '"call_datetime": "2026-03-02T12:00:00Z"}\''
                    )
            return answer

    report = world.run(sender=Interrupted())
    assert report.funnel.verdicts["accepted"] == 1
    assert world.posts == 2
    assert world.report_call(call_id)["accepted_revision"] == 2
    (stored,) = world.held.values()
    assert stored.fields["call_center_name"] == "LYON"


def test_a_worker_that_lost_its_lease_writes_nothing_over_its_successor(world: World) -> None:
    many_calls(world, 1)

    class Stalled:
        """The worker stalls in the request for so long that another one takes over."""

        def __init__(self) -> None:
            self.api = world.job().sender

        def send(self, *arguments: Any) -> Any:
            answer = self.api.send(*arguments)
            world.clock.forward(minutes=6)
            with world.database.write() as connection:
                assert leases.take(connection, PROJECT, "successor", world.clock()) is not None
            return answer

    report = world.run(sender=Stalled())
    assert report.projects[0].outcome is ProjectOutcome.BUSY
    assert report.funnel.verdicts["pending"] == 1
    (row,) = world.rows("SELECT lease_owner FROM installation")
    assert row["lease_owner"] == "successor"


def test_a_worker_that_stalled_before_its_request_sends_it_no_more(world: World) -> None:
    """It renewed the lease, then slept for so long that another one could have taken over."""
    (call_id,) = many_calls(world, 1)
    moments = itertools.count(step=181)

    def monotonic() -> float:
        return float(next(moments))

    with EnrichmentApi(world.sandbox.auth_url, monotonic=monotonic) as api:
        report = world.run(sender=api, monotonic=monotonic)
    assert report.projects[0].outcome is ProjectOutcome.LATER
    assert (world.posts, world.verdict(call_id)) == (0, "pending")
    assert world.rows("SELECT doubtful_revision FROM enrichment") == [{"doubtful_revision": 0}]


def test_the_earliest_deadline_is_sent_first(world: World) -> None:
    for index in range(3):
        world.visit(f"user{index}.1", visitor_id=f"v{index}")
        world.clock.forward(minutes=1)
    for index in (2, 0, 1):
        world.call(visitor_id=f"v{index}", ago=timedelta(seconds=5))
    seen: list[SessionId] = []

    class Watched:
        def __init__(self) -> None:
            self.api = world.job().sender

        def send(self, credentials: Any, version: int, enrichments: Any, begun: float) -> Any:
            seen.extend(
                SessionId(user_id=item.user_id, session_number=item.session_number)
                for item in enrichments
            )
            return self.api.send(credentials, version, enrichments, begun)

    world.run(sender=Watched())
    assert [session.user_id for session in seen] == ["user0", "user1", "user2"]


def test_a_job_told_to_stop_ends_between_two_batches(world: World) -> None:
    many_calls(world, 10)
    build_only(world)
    asked: list[int] = []

    def stopping() -> bool:
        asked.append(1)
        return world.posts >= 1

    report = world.run(stopping=stopping)
    assert report.projects[0].accepted == 5
    assert report.funnel.verdicts["pending"] == 5
    assert asked


@pytest.mark.parametrize("size", [1, 2, 3, 199, 200])
def test_the_culprit_is_found_wherever_it_stands(size: int) -> None:
    from collector.domain.batching import Isolation

    for culprit in range(size):
        isolation = Isolation(list(range(size)))
        accepted: list[int] = []
        requests = 0
        while group := isolation.next_group():
            requests += 1
            if culprit in group:
                isolation.refused(group)
            else:
                isolation.accepted(group)
                accepted += group
        assert isolation.culprits == [culprit]
        assert sorted(accepted) == [item for item in range(size) if item != culprit]
        assert requests <= most_requests(size, 1)
