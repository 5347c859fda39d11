"""A changed call goes out again under its number; what is unchanged, or in flight, does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from collector.sandbox import Fault
from collector.storage import leases
from tests.world import START, World

GOOD, BETTER = {"rating": "4"}, {"rating": "5"}

#: As many as one run tries: the batch has no answer then.
UNANSWERED = Fault(kind="drop_after", count=4)


@pytest.fixture
def accepted(world: World) -> World:
    """Call "c" was accepted with a good rating."""
    world.visit("u.1", visitor_id="v1")
    say(world, GOOD)
    assert stand(world) == ("accepted", 1, 1)
    return world


def say(world: World, attributes: dict[str, str], *, run: bool = True) -> None:
    """The call's record comes, or comes again, with these attributes."""
    world.call("c", ago=world.clock() - START, visitor_id="v1", attributes=attributes)
    if run:
        world.run()


def stand(world: World) -> tuple[str, int, int]:
    row = world.report_call("c")
    return row["verdict"], row["revision"], row["accepted_revision"]


def rating(world: World) -> Any:
    (stored,) = world.held.values()
    return stored.fields["call_client_rating"]


def test_a_change_that_was_taken_back_before_it_was_sent_is_not_sent(accepted: World) -> None:
    accepted.edit(paused=True)
    say(accepted, BETTER)
    assert stand(accepted) == ("pending", 2, 1)
    accepted.edit(paused=False)
    say(accepted, GOOD)
    assert stand(accepted) == ("accepted", 1, 1)
    assert accepted.posts == 1
    say(accepted, BETTER)
    assert (stand(accepted), rating(accepted)) == (("accepted", 2, 2), 5.0)


def test_a_change_that_may_have_arrived_is_taken_back_by_sending_again(accepted: World) -> None:
    accepted.sandbox.add(UNANSWERED)
    say(accepted, BETTER)
    assert (stand(accepted), rating(accepted)) == (("pending", 2, 1), 5.0)
    accepted.clock.forward(minutes=6)
    say(accepted, GOOD)
    assert (stand(accepted), rating(accepted)) == (("accepted", 3, 3), 4.0)


@pytest.mark.parametrize(("seconds", "verdict"), [(299, "pending"), (300, "accepted")])
def test_nothing_newer_follows_an_unanswered_request_that_could_still_arrive(
    accepted: World, seconds: int, verdict: str
) -> None:
    accepted.sandbox.add(UNANSWERED)
    say(accepted, BETTER)
    accepted.clock.forward(seconds=seconds)
    say(accepted, GOOD)
    assert accepted.verdict("c") == verdict
    accepted.clock.forward(seconds=1)
    accepted.run()
    assert (stand(accepted), rating(accepted)) == (("accepted", 3, 3), 4.0)


def test_nothing_newer_follows_an_accepted_request_whose_first_try_could_still_arrive(
    accepted: World,
) -> None:
    accepted.sandbox.add(Fault(kind="drop_before", count=1))
    say(accepted, BETTER)
    assert stand(accepted) == ("accepted", 2, 2)
    say(accepted, GOOD)
    assert (stand(accepted), accepted.posts) == (("pending", 3, 2), 3)
    accepted.clock.forward(minutes=5)
    accepted.run()
    assert (stand(accepted), rating(accepted)) == (("accepted", 3, 3), 4.0)


def test_the_unanswered_revision_itself_is_sent_again_at_once(accepted: World) -> None:
    accepted.sandbox.add(UNANSWERED)
    say(accepted, BETTER)
    accepted.run()
    assert stand(accepted) == ("accepted", 2, 2)


@pytest.mark.parametrize(
    ("fault", "doubtful"),
    [
        (Fault(kind="drop_after", count=4), 2),
        (Fault(kind="drop_before", count=4), 2),
        (Fault(kind="server_error", count=4), 2),
        (Fault(kind="too_many_requests", count=4), 0),
        (Fault(kind="revoked"), 0),
        (Fault(kind="revoked", on="token"), 0),
    ],
    ids=lambda value: getattr(value, "kind", None),
)
def test_only_what_may_have_been_stored_is_in_doubt(
    accepted: World, fault: Fault, doubtful: int
) -> None:
    accepted.sandbox.add(fault)
    say(accepted, BETTER)
    assert doubt(accepted) == doubtful
    accepted.sandbox.clear()
    accepted.run()
    assert (stand(accepted), doubt(accepted)) == (("accepted", 2, 2), 0)


def doubt(world: World) -> int:
    """The revision that Contentsquare may hold instead of the accepted one; 0 if it is certain."""
    (row,) = world.rows("SELECT doubtful_revision, accepted_revision FROM enrichment")
    doubtful = int(row["doubtful_revision"])
    return doubtful if doubtful > row["accepted_revision"] else 0


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("sent", [False, True])
def test_after_a_crash_in_a_request_it_is_in_doubt_what_stands(accepted: World, sent: bool) -> None:
    class Dying:
        def __init__(self) -> None:
            self.api = accepted.job().sender

        def send(self, *arguments: Any) -> Any:
            if sent:
                self.api.send(*arguments)
            raise Killed

    say(accepted, BETTER, run=False)
    with pytest.raises(Killed):
        accepted.run(sender=Dying())
    assert doubt(accepted) == 2
    accepted.clock.now += leases.TERM
    accepted.run()
    assert (stand(accepted), rating(accepted)) == (("accepted", 2, 2), 5.0)


def test_what_expires_in_doubt_says_so(world: World) -> None:
    world.visit("u.1", visitor_id="v1")
    world.sandbox.add(UNANSWERED)
    say(world, GOOD)
    world.clock.forward(days=7)
    world.run()
    row = world.report_call("c")
    assert row["verdict"] == "expired"
    assert "it may have arrived" in row["detail"]


def test_a_refused_change_leaves_what_was_accepted_and_can_be_taken_back(
    accepted: World,
) -> None:
    with accepted.database.write() as connection:
        connection.exec_driver_sql("UPDATE installation SET proven_version = 1")
    accepted.edit(paused=True)
    say(accepted, BETTER)
    with accepted.database.write() as connection:
        connection.exec_driver_sql("UPDATE enrichment SET payload = '{\"nonsense\": 1}'")
    accepted.edit(paused=False)
    accepted.run()
    assert (stand(accepted), doubt(accepted)) == (("rejected", 2, 1), 0)
    posts = accepted.posts
    say(accepted, GOOD)
    assert stand(accepted) == ("accepted", 1, 1)
    assert accepted.posts == posts


def test_a_number_belongs_to_its_call_whatever_becomes_of_it(world: World) -> None:
    """Refused, expired, withheld: what comes later takes the next number."""
    world.visit("u.1", visitor_id="v1")
    world.edit(paused=True)
    world.call("invalid", visitor_id="v1")
    world.run()
    world.call("invalid", visitor_id="v1", attributes={"rating": "great"})
    world.call("later", visitor_id="v1")
    world.edit(paused=False)
    world.run()
    assert world.verdict("invalid") == "invalid"
    assert world.report_call("later")["enrichment_number"] == 2
    world.call("earlier", visitor_id="v1", ago=timedelta(seconds=30))
    world.run()
    assert world.report_call("earlier")["enrichment_number"] == 3


def test_a_doubt_ends_when_no_request_can_arrive_any_more(accepted: World) -> None:
    accepted.sandbox.add(Fault(kind="drop_before", count=1))
    say(accepted, BETTER)
    accepted.clock.forward(minutes=5)
    for revision, attributes in ((3, GOOD), (4, BETTER), (5, GOOD)):
        say(accepted, attributes)
        assert stand(accepted) == ("accepted", revision, revision)


def test_a_change_that_was_taken_back_names_the_version_it_was_accepted_under(
    accepted: World,
) -> None:
    one = accepted.definition.versions[1]
    versions = {1: one, 2: replace(one, number=2)}
    accepted.definition = replace(accepted.definition, versions=versions)
    accepted.edit(paused=True)
    say(accepted, BETTER)
    accepted.edit(integration_version=2)
    say(accepted, BETTER)
    assert accepted.report_call("c")["integration_version"] == 2
    say(accepted, GOOD)
    assert stand(accepted) == ("accepted", 1, 1)
    assert accepted.report_call("c")["integration_version"] == 1


def test_a_doubt_that_a_wrong_clock_has_dated_holds_nothing_up(accepted: World) -> None:
    accepted.clock.forward(days=1)
    accepted.sandbox.add(UNANSWERED)
    say(accepted, BETTER)
    accepted.clock.forward(hours=-23)
    say(accepted, GOOD)
    assert (stand(accepted), rating(accepted)) == (("accepted", 3, 3), 4.0)
