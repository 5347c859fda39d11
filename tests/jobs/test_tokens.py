"""Tokens that die and credentials that are revoked, at every moment of a run.

Their clock is not the job's: what the client believes to be alive is dead at Contentsquare's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from collector.contentsquare import Answer, Credentials, EnrichmentApi
from collector.jobs.report import ProjectOutcome, RunReport
from collector.sandbox import Fault, Sandbox
from collector.storage.database import Database
from tests.jobs.drifted import RATED, SHORT_SCHEMA, sharing_a_client
from tests.sandbox_fixtures import PHONE_CALL_INSTALLATION
from tests.world import PROJECT, Clock, World

BEFORE, AFTER = 161, 163

#: In a run the one is served before the project that this is about, the other after it.
OTHERS = (BEFORE, AFTER)

#: Calls of one round: three batches, the second of which has a culprit. So they take five
#: requests: a batch, the refused one and its two halves, and the last batch.
CALLS, MAX_BATCH, CULPRIT, REQUESTS = 5, 2, 3, 5


class Watched(EnrichmentApi):
    """The real client, which tells before each request of the job its project and its number."""

    def __init__(self, sandbox: Sandbox, before: Callable[[int, int], object], **own: Any) -> None:
        super().__init__(sandbox.auth_url, sleep=lambda _seconds: None, **own)
        self.before = before
        self.sent: dict[int, int] = {}

    def send(self, credentials: Credentials, *arguments: Any) -> Answer:
        project_id = credentials.project_id
        self.sent[project_id] = self.sent.get(project_id, 0) + 1
        self.before(project_id, self.sent[project_id])
        return super().send(credentials, *arguments)


class Shared(World):
    """Three installations with one client id and secret."""

    def __init__(self, database: Database, sandbox: Sandbox, theirs: Clock) -> None:
        super().__init__(database, sandbox, Clock())
        self.theirs = theirs
        for project_id in (*OTHERS, PROJECT):
            self.install(project_id=project_id, integration_id=project_id - 120)
            self.prove(project_id=project_id)

    def plant(self, name: str, *, others: Sequence[int] = OTHERS) -> None:
        """Calls of one round: some for the one project, and one for each of the others."""
        for index in range(CALLS):
            self.one(f"{name}-{index}", PROJECT, rated=index == CULPRIT)
        for project_id in others:
            self.one(f"{name}-{project_id}", project_id)

    def one(self, call_id: str, project_id: int, *, rated: bool = False) -> None:
        self.visit(f"{call_id}.1", project_id=project_id, visitor_id=call_id)
        attributes = RATED if rated else {}
        self.call(call_id, project_id=project_id, visitor_id=call_id, attributes=attributes)

    def send(
        self, before: Callable[[int, int], object], project_id: int | None = None
    ) -> tuple[Watched, RunReport]:
        api = Watched(self.sandbox, before)
        return api, self.run(project_id, sender=api)

    def settled(self, name: str, *, others: Sequence[int] = OTHERS) -> None:
        """All of the round was accepted once, each with its own token; but for the culprit."""
        mine = {key: item for key, item in self.held.items() if key.user_id.startswith(f"{name}-")}
        wanted = [f"{name}-{index}" for index in range(CALLS) if index != CULPRIT]
        wanted += [f"{name}-{project_id}" for project_id in others]
        assert sorted(key.user_id for key in mine) == sorted(wanted)
        assert [item.overwritten for item in mine.values()] == [0] * len(wanted)
        assert all(key.project_id - 120 == item.integration_id for key, item in mine.items())
        assert all(self.verdict(call_id) == "accepted" for call_id in wanted)
        assert self.verdict(f"{name}-{CULPRIT}") == "rejected"

    def round_of(self, name: str) -> list[bool]:
        """Of each call of the one project, whether Contentsquare holds it."""
        held = {key.user_id for key in self.held}
        return [f"{name}-{index}" in held for index in range(CALLS)]

    def problem(self) -> str | None:
        (row,) = self.rows("SELECT problem FROM installation WHERE project_id = :id", id=PROJECT)
        return None if row["problem"] is None else str(row["problem"])

    def answers(self, path: str) -> list[int | None]:
        return [seen.status for seen in self.sandbox.requests if seen.path == path]


@pytest.fixture
def world(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shared]:
    monkeypatch.setattr("collector.domain.limits.MAX_BATCH", MAX_BATCH)
    theirs = Clock()
    installed = [sharing_a_client(number, {1: SHORT_SCHEMA}) for number in (*OTHERS, PROJECT)]
    with Sandbox(installed, now=theirs) as sandbox:
        yield Shared(database, sandbox, theirs)


def test_a_token_may_die_before_any_request(world: Shared) -> None:
    """Between batches, between a refused batch and its halves, before the very last request."""
    for number in range(2, REQUESTS + 1):  # the first one asks for its token itself
        world.sandbox.empty()
        world.plant(f"dead{number}", others=())

        def die(_project_id: int, sent: int, number: int = number) -> None:
            if sent == number:
                world.theirs.forward(hours=1)

        api, report = world.send(die, PROJECT)
        world.settled(f"dead{number}", others=())
        assert report.projects[0].rejected == 1
        assert api.sent == {PROJECT: REQUESTS}
        answers = world.answers("/v1/enrichments")
        assert (len(answers), answers.count(401)) == (REQUESTS + 1, 1)
        assert world.answers("/v1/oauth/token") == [200, 200]


def test_tokens_that_die_earlier_than_they_say_cost_requests_and_nothing_else(
    world: Shared,
) -> None:
    world.sandbox.add(Fault(kind="expire_early", on="token", milliseconds=60_000))
    world.plant("early")
    api, _ = world.send(lambda *_: world.theirs.forward(seconds=60))
    world.settled("early")
    assert world.answers("/v1/enrichments").count(401) == api.sent[PROJECT] - 1


def test_a_token_at_the_end_of_its_life_is_replaced_before_it_is_refused(world: Shared) -> None:
    world.plant("old")

    def seconds() -> float:
        return world.theirs.now.timestamp()

    class Slow(Watched):
        def send(self, *arguments: Any) -> Answer:
            answer = super().send(*arguments)
            world.theirs.forward(minutes=30)
            return answer

    slow = Slow(world.sandbox, lambda *_: None, monotonic=seconds)
    world.run(sender=slow, monotonic=seconds)
    world.settled("old")
    assert 401 not in world.answers("/v1/enrichments")
    assert world.answers("/v1/oauth/token") == [200] * (2 + REQUESTS // 2 + 1)


def test_credentials_may_be_revoked_before_any_request(world: Shared) -> None:
    for number in range(1, REQUESTS + 1):
        revoked = [Fault(kind="revoked", on="enrichments")]
        if number % 2:  # else tokens are given still, and refused
            revoked.append(Fault(kind="revoked", on="token"))
        world.sandbox.empty()
        world.plant(f"gone{number}")

        def revoke(
            project_id: int, sent: int, at: int = number, faults: Sequence[Fault] = revoked
        ) -> None:
            if project_id == AFTER:
                world.sandbox.clear()
            elif (project_id, sent) == (PROJECT, at):
                world.sandbox.add(*faults)

        _, report = world.send(revoke)
        before, hit, after = report.projects
        assert (before.outcome, before.accepted) == (ProjectOutcome.DONE, 1)
        assert (after.outcome, after.accepted) == (ProjectOutcome.DONE, 1)
        assert hit.outcome is ProjectOutcome.PROBLEM
        assert hit.message is not None
        assert hit.message == world.problem()
        assert f"project {PROJECT}" in hit.message
        assert PHONE_CALL_INSTALLATION.client_secret not in hit.message
        for index, is_held in enumerate(world.round_of(f"gone{number}")):
            # Before the last request, the batch with the culprit was done.
            known = "rejected" if (index, number) == (CULPRIT, REQUESTS) else "pending"
            verdict = world.verdict(f"gone{number}-{index}")
            assert verdict == ("accepted" if is_held else known)
        world.run(PROJECT)
        world.settled(f"gone{number}")
        assert world.problem() is None


def test_a_token_that_is_dead_on_arrival_blames_no_call(world: Shared) -> None:
    world.sandbox.add(Fault(kind="expire_early", on="token", milliseconds=0))
    world.plant("stillborn")
    report = world.run()
    assert [project.outcome for project in report.projects] == [ProjectOutcome.PROBLEM] * 3
    assert report.funnel.verdicts["pending"] == report.funnel.calls
    assert world.held == {}
    world.sandbox.clear()
    world.run()
    world.settled("stillborn")


def test_the_kept_tokens_of_a_shared_client_are_never_mixed_up(world: Shared) -> None:
    """The job that repeats itself keeps its client, with the tokens of all installations."""
    with Watched(world.sandbox, lambda *_: None) as api:
        job = world.job(sender=api)
        for name in ("first", "second"):
            world.plant(name)
            job.run()
            world.settled(name)
    assert world.answers("/v1/oauth/token") == [200] * 3
    assert 401 not in world.answers("/v1/enrichments")
