"""The main loop: sessions and calls go in, enrichments are accepted, every call is explained."""

from __future__ import annotations

from datetime import timedelta

import pytest

from collector.domain.verdicts import Verdict
from collector.errors import NotFoundError
from collector.jobs.report import ProjectOutcome
from tests.world import PROJECT, World

MINUTE = timedelta(minutes=1)


def test_a_call_made_from_a_session_ends_accepted_with_its_fields(world: World) -> None:
    world.visit("ae267-6g87D.4", visitor_id="v1")
    call_id = world.call(visitor_id="v1", attributes={"rating": "4.5"})
    report = world.run()
    assert report.funnel.verdicts["accepted"] == report.funnel.calls == 1
    assert report.attention == []
    ((key, stored),) = world.held.items()
    assert tuple(key) == (PROJECT, "ae267-6g87D", 4, 1)
    assert stored.fields == {
        "answered": True,
        "call_duration": 75_000,
        "call_client_rating": 4.5,
        "call_center_name": "RENNES",
        "call_datetime": "2026-03-02T12:00:00Z",
    }
    row = world.report_call(call_id)
    assert (row["verdict"], row["rule"], row["session_key"], row["enrichment_number"]) == (
        "accepted",
        "visitor_id",
        "ae267-6g87D.4",
        1,
    )


def test_a_second_run_sends_nothing_and_changes_nothing(world: World) -> None:
    world.visit("u.1", visitor_id="v1")
    world.call(visitor_id="v1")
    world.call(visitor_id="nobody", ago=timedelta(hours=2))
    world.run()
    posts, ledger = world.posts, world.rows("SELECT * FROM report_calls ORDER BY call_id")
    world.run()
    assert world.posts == posts == 1
    assert world.rows("SELECT * FROM report_calls ORDER BY call_id") == ledger


def test_the_calls_of_a_session_are_numbered_by_their_start_and_the_fourth_is_over(
    world: World,
) -> None:
    world.visit("u.1", visitor_id="v1")
    world.clock.forward(minutes=10)
    late = [world.call(f"at-{ago}", ago=ago * MINUTE, visitor_id="v1") for ago in (2, 8, 6, 4)]
    world.run()
    numbers = {call: world.report_call(call)["enrichment_number"] for call in late}
    assert numbers == {"at-8": 1, "at-6": 2, "at-4": 3, "at-2": None}
    assert world.verdict("at-2") == "over_limit"
    assert len(world.held) == 3


def test_an_earlier_call_that_comes_later_takes_no_number_away(world: World) -> None:
    world.visit("u.1", visitor_id="v1")
    world.clock.forward(minutes=10)
    world.call("second", ago=MINUTE, visitor_id="v1")
    world.run()
    world.call("first", ago=5 * MINUTE, visitor_id="v1")
    world.run()
    assert world.report_call("second")["enrichment_number"] == 1
    assert world.report_call("first")["enrichment_number"] == 2


def test_a_changed_call_goes_out_again_under_its_number(world: World) -> None:
    world.visit("u.1", visitor_id="v1")
    call_id = world.call(visitor_id="v1")
    world.run()
    world.call(call_id, visitor_id="v1", attributes={"rating": "5"})
    assert world.verdict(call_id) == "accepted"
    world.run()
    ((key, stored),) = world.held.items()
    assert key[3] == 1
    assert stored.fields["call_client_rating"] == 5.0
    row = world.report_call(call_id)
    assert (row["verdict"], row["revision"], row["accepted_revision"]) == ("accepted", 2, 2)


def test_a_change_that_no_field_shows_is_not_sent_again(world: World) -> None:
    world.visit("u.1", visitor_id="v1")
    call_id = world.call(visitor_id="v1")
    world.run()
    world.call(call_id, visitor_id="v1", reference="something else")
    world.run()
    assert world.posts == 1
    assert world.report_call(call_id)["revision"] == 1


def test_a_call_before_its_beacon_waits_and_is_matched_when_the_beacon_comes(world: World) -> None:
    call_id = world.call(visitor_id="v1")
    world.run()
    assert world.verdict(call_id) == "waiting"
    world.clock.forward(seconds=30)
    world.visit("u.1", visitor_id="v1")
    world.run()
    assert world.verdict(call_id) == "accepted"


def test_a_session_first_seen_after_the_call_began_never_matches(world: World) -> None:
    call_id = world.call(visitor_id="v1")
    world.clock.forward(seconds=61)
    world.visit("u.1", visitor_id="v1")
    world.run()
    assert world.verdict(call_id) == "waiting"
    world.clock.forward(hours=1)
    world.run()
    assert world.verdict(call_id) == "unmatched"
    assert world.held == {}


def test_an_unmatched_call_is_revived_by_a_key_seen_newly(world: World) -> None:
    world.clock.forward(hours=3)
    call_id = world.call(ago=timedelta(hours=2), visitor_id="v1")
    world.run()
    assert world.verdict(call_id) == "unmatched"
    # A collector that was cut off tells of a session that it saw before the call.
    now = world.clock.now
    world.clock.now = now - timedelta(hours=2, minutes=5)
    world.visit("u.1", visitor_id="v1")
    world.clock.now = now
    assert world.run().funnel.verdicts["unmatched"] == 1
    world.visit("u.1", visitor_id="v1")
    report = world.run()
    assert report.projects[0].revived == 1
    assert world.verdict(call_id) == "accepted"
    assert world.report_call(call_id)["session_number"] == 1


def test_two_visitors_of_one_tracking_number_are_ambiguous(world: World) -> None:
    world.visit("u.1", tracking_number="+33199000001")
    world.visit("w.1", tracking_number="+33199000001")
    call_id = world.call(tracking_number="+33199000001")
    world.run()
    row = world.report_call(call_id)
    assert (row["verdict"], row["reason"]) == ("ambiguous", "several_users")
    assert world.held == {}


def test_a_call_that_names_its_session_needs_no_other_key(world: World) -> None:
    world.visit("u.v.7")
    call_id = world.call(session_key="u.v.7")
    world.run()
    assert world.report_call(call_id)["rule"] == "session_key"
    assert world.verdict(call_id) == "accepted"


def test_a_record_without_any_key_is_unmatched_and_says_so(world: World) -> None:
    call_id = world.call()
    world.run()
    row = world.report_call(call_id)
    assert (row["verdict"], row["reason"]) == ("unmatched", "no_keys")


def test_fields_that_cannot_be_built_are_invalid_and_need_a_person(world: World) -> None:
    world.visit("u.1", visitor_id="v1")
    bad = world.call(visitor_id="v1", attributes={"rating": "great", "duration_s": "x"})
    good = world.call(visitor_id="v1")
    report = world.run()
    row = world.report_call(bad)
    assert row["verdict"] == "invalid"
    assert "call_client_rating: 'great' is not a number" in row["detail"]
    assert "call_duration" in row["detail"]
    assert world.verdict(good) == "accepted"
    assert len(report.attention) == 1


def test_a_pending_payload_is_withheld_once_its_call_has_become_invalid(world: World) -> None:
    world.visit("u.1", visitor_id="v1")
    call_id = world.call(visitor_id="v1")
    world.edit(paused=True)
    world.run()
    world.call(call_id, visitor_id="v1", attributes={"rating": "great"})
    world.edit(paused=False)
    world.run()
    assert world.verdict(call_id) == "invalid"
    assert world.held == {}
    world.call(call_id, visitor_id="v1")  # mended: the very content it had at first
    world.run()
    assert world.verdict(call_id) == "accepted"
    assert len(world.held) == 1


@pytest.mark.parametrize(
    ("seconds", "verdict"),
    # The last five minutes are a margin: what is begun then could arrive too late unnoticed.
    [(-301, "accepted"), (-300, "pending"), (-1, "pending"), (0, "expired")],
)
def test_seven_days_after_the_session_start_it_is_too_late(
    world: World, seconds: int, verdict: str
) -> None:
    world.visit("u.1", visitor_id="v1")
    world.clock.forward(days=7, seconds=seconds)
    call_id = world.call(ago=timedelta(days=2), visitor_id="v1")
    world.run()
    assert world.verdict(call_id) == verdict
    assert len(world.held) == (verdict == "accepted")


def test_what_is_pending_past_its_deadline_expires(world: World) -> None:
    world.visit("u.1", visitor_id="v1")
    call_id = world.call(visitor_id="v1")
    world.edit(paused=True)
    report = world.run()
    assert report.projects[0].outcome is ProjectOutcome.PAUSED
    assert world.verdict(call_id) == "pending"
    world.clock.forward(days=7)
    world.edit(paused=False)
    report = world.run()
    assert (report.projects[0].expired, world.verdict(call_id)) == (1, "expired")
    assert world.posts == 0


def test_a_change_after_the_deadline_says_what_was_accepted(world: World) -> None:
    world.visit("u.1", visitor_id="v1")
    call_id = world.call(visitor_id="v1")
    world.run()
    world.clock.forward(days=8)
    world.call(call_id, ago=timedelta(days=8), visitor_id="v1", attributes={"rating": "1"})
    world.run()
    row = world.report_call(call_id)
    assert row["verdict"] == "expired"
    assert "revision 1 was accepted" in row["detail"]
    assert row["accepted_at"] is not None


def test_a_dry_run_shows_what_would_be_sent_and_changes_nothing(world: World) -> None:
    world.visit("u.1", visitor_id="v1")
    for _ in range(4):
        world.call(visitor_id="v1")
    world.call(visitor_id="unknown")
    report = world.dry_run()
    assert report.funnel.verdicts["pending"] == 3
    assert report.funnel.verdicts["over_limit"] == 1
    assert report.funnel.verdicts["waiting"] == 1
    told = report.as_json()["would_send"]
    assert (told["enrichments"], told["batches"]) == (3, 1)
    assert [item["enrichment_number"] for item in told["first"]] == [1, 2, 3]
    assert world.posts == 0
    real = world.run()
    assert real.projects[0].accepted == 3


def test_a_dry_run_of_a_paused_installation_would_send_nothing(world: World) -> None:
    world.visit("u.1", visitor_id="v1")
    world.call(visitor_id="v1")
    world.edit(paused=True)
    report = world.dry_run()
    assert report.projects[0].outcome is ProjectOutcome.PAUSED
    assert report.as_json()["would_send"] == {"enrichments": 0, "batches": 0, "first": []}
    assert report.funnel.verdicts["pending"] == 1


def test_a_dry_run_counts_nothing_that_is_too_near_its_deadline(world: World) -> None:
    world.visit("u.1", visitor_id="v1")
    world.call(visitor_id="v1")
    world.edit(paused=True)
    world.run()
    world.edit(paused=False)
    assert world.dry_run().projects[0].to_send_count == 1
    world.clock.forward(days=7, minutes=-5)
    assert world.dry_run().projects[0].to_send_count == 0


def test_numbers_given_in_a_dry_run_reach_over_pages(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collector.jobs.dry_run.PAGE", 1)
    world.visit("u.1", visitor_id="v1")
    for _ in range(4):
        world.call(visitor_id="v1")
    report = world.dry_run()
    assert (report.funnel.verdicts["pending"], report.funnel.verdicts["over_limit"]) == (3, 1)


def test_many_calls_are_matched_over_many_pages(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collector.jobs.pages.PAGE", 7)
    for number in range(40):
        world.visit(f"user{number}.1", visitor_id=f"v{number}")
        world.call(visitor_id=f"v{number}")
        world.call(visitor_id=f"unknown{number}")
    report = world.run()
    assert report.funnel.verdicts["accepted"] == 40
    assert report.funnel.verdicts["waiting"] == 40


def test_a_version_that_the_definition_lacks_needs_a_person(world: World) -> None:
    world.edit(integration_version=9)
    world.visit("u.1", visitor_id="v1")
    call_id = world.call(visitor_id="v1")
    report = world.run()
    assert "integration version 9" in report.attention[0]
    assert world.verdict(call_id) == Verdict.WAITING


def test_an_unknown_project_is_named(world: World) -> None:
    with pytest.raises(NotFoundError, match="Project 999"):
        world.run(999)


def test_two_projects_with_one_visitor_id_are_kept_apart(world: World) -> None:
    world.install(project_id=163, integration_id=43)
    world.visit("u.1", project_id=163, visitor_id="v1")
    call_id = world.call(visitor_id="v1")
    world.run(PROJECT)
    assert world.verdict(call_id) == "waiting"


def test_an_installation_that_another_worker_holds_is_left_alone(world: World) -> None:
    from collector.storage import leases

    world.visit("u.1", visitor_id="v1")
    call_id = world.call(visitor_id="v1")
    with world.database.write() as connection:
        assert leases.take(connection, PROJECT, "other", world.clock()) is not None
    report = world.run()
    assert report.projects[0].outcome is ProjectOutcome.BUSY
    assert world.posts == 0
    world.clock.forward(minutes=6)
    world.run()
    assert world.verdict(call_id) == "accepted"


def test_each_run_leaves_a_record_of_itself(world: World) -> None:
    report = world.run()
    (row,) = world.rows("SELECT * FROM run")
    assert row["run_id"] == report.run_id
    assert row["outcome"] == "done"
    assert row["finished_at"] is not None
