"""What was read of the views becomes sums, remedies and next steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from collector.storage.reports import refusals
from collector.storage.reports.asking import Period
from collector.storage.reports.fates import Fate, Seconds
from collector.storage.reports.overview import Read
from collector.storage.reports.standing import Expiring, Installed, Run
from collector.storage.reports.traffic import Beacons
from collector.web.dashboard import charts, counted, refused, standing

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
FIRST, LAST = date(2026, 3, 1), date(2026, 3, 2)
SHOP, WWW = "https://shop.example", "https://www.shop.example"
HOUR = timedelta(hours=1)

INSTALLED = Installed(
    project_id=162, name="Shop", integration_version=1, origins=(SHOP,), honour_gpc=True,
    state="active", problem=None, last_beacon_at=NOW, worked_at=NOW, send_after=None,
    lease_owner=None, lease_until=None, pulled_at=None, pull_problem=None,
)  # fmt: skip
OTHER = replace(INSTALLED, project_id=163, origins=("https://hotel.example",))

READ = Read(
    at=NOW, as_of=None, period=Period(projects=(162,), first=FIRST, last=LAST),
    installed=(INSTALLED, OTHER),
    beacons=(), sessions=0, calls=0, fates=(), seconds=(), expiring=(), refused_records=(),
    refused_calls=(), refused_batches=(), batch_totals=(), runs=(), purged=(),
)  # fmt: skip
RUN = Run(
    run_id="r1", job="reconcile", started_at=NOW - HOUR, finished_at=None, seconds=None,
    outcome="running", counts={},
)  # fmt: skip


def beacons(
    number: int, outcome: str, origin: str = SHOP, *, project_id: int = 162, at: datetime = NOW
) -> Beacons:
    return Beacons(
        project_id=project_id, outcome=outcome, origin=origin, beacons=number, last_at=at
    )


def fate(day: date, verdict: str, rule: str | None, calls: int) -> Fate:
    matched = calls if rule else 0
    return Fate(project_id=162, day=day, verdict=verdict, rule=rule, calls=calls, matched=matched)


FATES = (
    fate(LAST, "accepted", "visitor_id", 4),
    fate(LAST, "pending", "reference", 5),
    fate(LAST, "unmatched", None, 1),
)


def test_calls_are_summed_over_all_that_the_page_shows() -> None:
    found = counted.count(replace(READ, fates=FATES, calls=10))
    assert (found.calls, found.sum_of_verdicts, found.matched, found.accepted) == (10, 10, 9, 4)
    assert found.rules_in_order == ["reference", "visitor_id"]
    assert found.accepted_by_rule == {"visitor_id": 4}
    assert (found.calls_of[162], found.accepted_of[162], found.calls_of[163]) == (10, 4, 0)
    assert [(day.day, day.calls, day.matched) for day in found.days] == [
        (FIRST, 0, 0),
        (LAST, 10, 9),
    ]


def test_a_chart_has_a_gap_where_there_is_no_data_and_no_nought() -> None:
    seconds = Seconds(day=LAST, calls=4, median=5.0, percentile_95=9.0, longest=9.0)
    found = charts.document(counted.count(replace(READ, fates=FATES, calls=10)), [seconds])
    assert found == {
        "labels": ["2026-03-01", "2026-03-02"],
        "verdicts": [
            {"name": "accepted", "values": [0, 4]},
            {"name": "pending", "values": [0, 5]},
            {"name": "unmatched", "values": [0, 1]},
        ],
        "rules": [
            {"name": "reference", "values": [None, 50.0]},
            {"name": "visitor_id", "values": [None, 40.0]},
        ],
        "seconds": [
            {"name": "median", "values": [None, 5.0]},
            {"name": "95th percentile", "values": [None, 9.0]},
        ],
    }


@pytest.mark.parametrize(("projects", "expected"), [((162,), 9), ((163,), 0), ((162, 163), 14)])
def test_refused_beacons_that_told_no_project_belong_to_whoever_has_their_origin(
    projects: tuple[int, ...], expected: int
) -> None:
    told = (
        beacons(100, "accepted"),
        beacons(4, "key_ignored"),
        beacons(9, "unknown_project", project_id=0),
        beacons(5, "unknown_project", "https://nobody.example", project_id=0),
    )
    period = replace(READ.period, projects=projects)
    of_project = [one for one in told if one.project_id in (0, *projects)]
    found = counted.count(replace(READ, period=period, beacons=of_project))
    assert found.beacons_refused == expected
    assert found.beacons == (100 if 162 in projects else 0)


def remedy(
    told: Sequence[Beacons], installed: Installed = INSTALLED
) -> list[tuple[str | None, bool]]:
    found = refused.beacons(replace(READ, installed=(installed,), beacons=told))
    return [(one.step.command or one.step.text[:13], one.step.needs_person) for one in found]


def test_each_refusal_of_beacons_has_the_remedy_that_fits_the_installation_now() -> None:
    allow = f"collector installation edit 162 --add-origin {WWW}"
    pattern = "collector installation edit 162 --add-origin https://..."
    stranger = "https://copy.example"
    assert remedy([beacons(3, "origin_not_allowed", WWW)]) == [(allow, True)]
    assert remedy([beacons(3, "origin_not_allowed", WWW, at=NOW - 30 * HOUR)]) == [(allow, False)]
    assert remedy([beacons(3, "origin_not_allowed", stranger)]) == [(pattern, False)]
    unheard = replace(INSTALLED, last_beacon_at=None)
    assert remedy([beacons(3, "origin_not_allowed", stranger)], unheard) == [
        (f"collector installation edit 162 --add-origin {stranger}", True)
    ]
    assert remedy([beacons(3, "origin_not_allowed", SHOP)]) == [("Nothing to do", False)]
    assert remedy([beacons(3, "opted_out")], replace(INSTALLED, honour_gpc=False)) == [
        ("Nothing to do", False)
    ]
    assert remedy([beacons(3, "invalid_beacon")]) == [(f"collector verify {SHOP}/", True)]
    assert remedy([beacons(3, "unknown_project", stranger, project_id=0)]) == [
        ("collector installation add", False)
    ]


def test_origins_with_one_remedy_are_told_together_the_most_frequent_first() -> None:
    told = [beacons(n, "origin_not_allowed", f"https://copy-{n}.example") for n in range(1, 8)]
    (found,) = refused.beacons(replace(READ, beacons=told))
    assert (found.beacons, found.more_origins) == (28, 2)
    assert found.origins[0] == ("https://copy-7.example", 7)


def test_enrichments_that_were_refused_alike_are_told_as_one() -> None:
    one = refusals.Calls(
        project_id=162, verdict="rejected", reason="refused_by_api", calls=2, decided_at=NOW,
        detail="enrichment 1, revision 1, was refused by the API: HTTP 400: rating is no INT",
    )  # fmt: skip
    again = replace(one, detail=one.detail.replace("enrichment 1", "enrichment 3"), calls=1)
    (found,) = refused.calls([one, again])
    assert (found.count, found.what) == (3, "HTTP 400: rating is no INT")
    assert found.step.command == "collector retry --project-id 162 --reason refused_by_api"


@pytest.mark.parametrize(
    ("changes", "command"),
    [
        ({}, []),
        ({"state": "paused"}, ["collector installation resume 162"]),
        ({"state": "problem", "problem": "no token"}, ["collector reconcile"]),
        ({"worked_at": None}, ["collector reconcile"]),
        ({"worked_at": NOW - HOUR}, ["collector reconcile"]),
        ({"send_after": NOW + HOUR}, ["collector installation resume 162"]),
        ({"send_after": NOW - HOUR}, []),
        ({"last_beacon_at": None}, [None]),
        ({"last_beacon_at": NOW - 49 * HOUR}, [f"collector verify {SHOP}/"]),
        ({"pull_problem": "no such table: calls"}, [None]),
    ],
)
def test_an_installation_that_is_not_well_says_what_to_do(
    changes: dict[str, Any], command: list[str | None]
) -> None:
    installed = (replace(INSTALLED, **changes), OTHER)
    (found,) = standing.installations(replace(READ, installed=installed))
    assert [step.command for step in found.steps] == command


def test_an_installation_is_held_by_a_worker_while_its_lease_lasts() -> None:
    owned = replace(INSTALLED, lease_owner="host:77:r1", lease_until=NOW + HOUR)
    over = replace(owned, lease_until=NOW)
    held = [standing.installations(replace(READ, installed=(one,)))[0] for one in (owned, over)]
    assert [one.held_by for one in held] == ["host, process 77", None]


def test_a_run_that_was_killed_is_told_so_before_the_next_one_notes_it() -> None:
    holds = replace(INSTALLED, lease_owner="host:77:r1", lease_until=NOW + HOUR)
    fresh = replace(RUN, started_at=NOW - timedelta(minutes=4))
    read = replace(READ, runs=(RUN, fresh))
    assert [one.outcome.partition(":")[0] for one in standing.runs(read)] == [
        "interrupted", "still running",
    ]  # fmt: skip
    (found, _) = standing.runs(replace(read, installed=(holds,)))
    assert found.outcome == "still running"


def test_a_run_counts_what_it_did_for_the_installations_shown() -> None:
    done = {"message": None, "decided": {"pending": 2, "unmatched": 1}, "accepted": 2,
            "rejected": 0, "expired": 0, "batches": 1}  # fmt: skip
    counts = {"projects": [
        {**done, "project_id": 162},
        {**done, "project_id": 163, "message": "it is paused"},
    ]}  # fmt: skip
    run = replace(RUN, outcome="attention", finished_at=NOW, seconds=1.5, counts=counts)
    (found,) = standing.runs(replace(READ, runs=(run,)))
    assert (found.decided, found.accepted, found.batches, found.messages) == (3, 2, 1, [])
    assert found.needs_person
    (all_of_it,) = standing.runs(
        replace(READ, runs=(run,), period=replace(READ.period, projects=(162, 163)))
    )
    assert (all_of_it.decided, [project for project, _ in all_of_it.messages]) == (6, [163])


def test_what_expires_says_what_keeps_it_from_being_sent() -> None:
    soon = Expiring(project_id=162, soon=2, first_deadline=NOW + HOUR, too_late=0)
    paused = replace(READ, installed=(replace(INSTALLED, state="paused"),), expiring=(soon,))
    (found,) = standing.expiring(paused)
    assert found.step.command == "collector installation resume 162"
    gone = replace(soon, soon=0, first_deadline=None, too_late=3)
    (found,) = standing.expiring(replace(paused, expiring=(gone,)))
    assert found.step.text.startswith("They are too late to be sent")
